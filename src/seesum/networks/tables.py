"""Adders that learn the table of the operation. The table can be shown as a picture.

For digit d, addend a and answer s: ``p(s) = sum over d of p(d) T[d, a, s]``.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from seesum.base.errors import InputError
from seesum.data.operations import ADDENDS, SMALLEST, Operation
from seesum.networks.contract import Adder, Output, compute_digit_logp


class TableAdder(Adder):
    """The base class of learned tables: ``p(s) = sum over d of p(d) T[d, a, s]``, with a softmax over s in each cell.

    One [B, 100] x [100, S] product per batch computes this. Indexing by addend would be shorter, but its backward pass adds in
    parallel. With batches of 256, indexing gave a different gradient in 26 of 200 tries and took 1.8 times as long. The
    product gave the same gradient in all 200.
    """

    GAIN: ClassVar[float] = 30.0
    """The logits of a table are its weights times this gain. Adam moves a weight by about its learning rate per step, whatever
    the gradient. With a gain of 1, one epoch of ``fast`` ended with a sum loss of 1.6 nats. With 30, it ends with 0.04."""

    def score(self) -> Tensor:
        """Compute the logits before the gain: [10, 10, S] for digit, addend and answer."""
        raise NotImplementedError

    def tabulate(self) -> Tensor:
        """Return the table as probabilities: [10, 10, S] for digit, addend and answer. Each cell sums to 1."""
        return functional.softmax(self.GAIN * self.score(), 2)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """Compute both outputs; see ``Adder.forward``."""
        digit_logp = compute_digit_logp(digit_logits)
        one_hot = functional.one_hot(addend, ADDENDS).float()
        pair_p = (digit_logp.exp().unsqueeze(2) * one_hot.unsqueeze(1)).flatten(1)
        sum_p = pair_p @ self.tabulate().flatten(0, 1)
        return Output(digit_logp, sum_p.clamp_min(SMALLEST).log())


class Table(TableAdder):
    """Learn the table of the operation, such as the addition table. This adder is our own, and the default.

    For digit d, addend a and answer s, it computes ``p(s) = sum over d of p(d) T[d, a, s]``. T has 100 S weights for S answer
    classes (1,900 for addition). It can be shown as a picture and read. Once training has shown every pair of digit and addend,
    the sum is right whenever the digit is right.

    A pair that training never showed is right only by chance. Its cell stays uniform, or moves towards the answers of other
    digits, because the network gives this digit a little probability on their images. The same code learns any operation. Cost:
    a softmax of the table and one product per batch.
    """

    compares_operations: ClassVar[bool] = True

    def __init__(self, features: int, operation: Operation) -> None:
        """Start with a blank table: every cell is uniform over the answers."""
        super().__init__(features, operation)
        self.cells = nn.Parameter(torch.zeros(10, ADDENDS, self.num_classes))

    def score(self) -> Tensor:
        """Return the weights themselves; see ``TableAdder.score``."""
        return self.cells


class LowRankTable(TableAdder):
    """Learn a table of rank R. For digit d, addend a and answer s: ``logits[d, a, s] = sum over r of U[d, r] V[a, r] W[r, s]``.

    This is the canonical polyadic form (Hitchcock 1927, J. Math. Phys. 6). The cells share weights, so the other cells also
    fill the cell of a pair that training never showed. They fill it correctly if the operation is simple in this form.

    Addition is simple: of the logits -(s - d - a)^2 / 2, only the terms s d, s a and -s^2 / 2 matter. The rest is the same for
    every s. But one epoch of Adam does not find this form. Over five seeds, 86 +- 11 % of the sums are right, and 2 % for pairs
    that training never showed (results/adders.csv). Cost: (20 + S) R weights for S answer classes, 312 for addition with R = 8.
    """

    def __init__(self, features: int, operation: Operation, rank: int = 8) -> None:
        """Start near a blank table. Zeros would get no gradient: a factor's gradient is the product of the other two."""
        super().__init__(features, operation)
        self.digit_factor = nn.Parameter(0.3 * torch.randn(10, rank))
        self.addend_factor = nn.Parameter(0.3 * torch.randn(ADDENDS, rank))
        self.answer_factor = nn.Parameter(0.3 * torch.randn(rank, self.num_classes))

    def score(self) -> Tensor:
        """Multiply the factors; see ``TableAdder.score``."""
        pairs = self.digit_factor.unsqueeze(1) * self.addend_factor.unsqueeze(0)
        return pairs @ self.answer_factor


class DiagonalTable(TableAdder):
    """Learn a table with shared diagonals. For digit d, addend a and answer s: ``logits[d, a, s] = w[d + a, s]``.

    All pairs on a diagonal have the same digit + addend, and share one of the 19 rows of w. So this adder knows that only d + a
    matters, and learns the answer for each d + a. A pair that training never showed is right if training showed another pair
    on its diagonal. Operations that do not depend on d + a alone cannot be learned: subtract, multiply and max. Cost: 19 S
    weights for S answer classes, 361 for addition.
    """

    diagonal: Tensor

    def __init__(self, features: int, operation: Operation) -> None:
        """Start with a blank table.

        Raises:
            InputError: the operation gives different answers for the same d + a.
        """
        super().__init__(features, operation)
        sums = torch.arange(10).unsqueeze(1) + torch.arange(ADDENDS).unsqueeze(0)
        answers = operation.tabulate().flatten()
        combinations = {(int(total), int(answer)) for total, answer in zip(sums.flatten(), answers, strict=True)}
        if len(combinations) != 19:
            raise InputError(
                "the adder diagonal-table cannot represent this operation, because its answer does not depend on "
                "digit + addend alone; use the adder table, which learns any operation"
            )
        self.rows = nn.Parameter(torch.zeros(19, self.num_classes))
        self.register_buffer("diagonal", functional.one_hot(sums, 19).float(), persistent=False)

    def score(self) -> Tensor:
        """Give each pair the row of its diagonal; see ``TableAdder.score``."""
        return self.diagonal @ self.rows
