"""Adders that learn the table of the operation, and can show it: ``p(s) = sum over d of p(d) T[d, a, s]``."""

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

    It is computed as one [B, 100] x [100, S] product per batch. Indexing by addend would be shorter, but its backward pass adds
    in parallel: with batches of 256 it gave another gradient in 26 of 200 tries and took 1.8 times as long. The product gave
    the same gradient in all 200.
    """

    GAIN: ClassVar[float] = 30.0
    """The logits of a table are its weights times this. Adam moves a weight by about its learning rate per step, whatever
    the gradient: with a gain of 1 one epoch of ``fast`` ended with a sum loss of 1.6 nats; with 30 it is 0.04."""

    def score(self) -> Tensor:
        """Compute the logits before the gain from the weights, [10, 10, S]: digit, addend, answer."""
        raise NotImplementedError

    def tabulate(self) -> Tensor:
        """Return the table as probabilities [10, 10, S]: digit, addend, answer; each cell sums to 1."""
        return functional.softmax(self.GAIN * self.score(), 2)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """See ``Adder.forward``."""
        digit_logp = compute_digit_logp(digit_logits)
        one_hot = functional.one_hot(addend, ADDENDS).float()
        pair = (digit_logp.exp().unsqueeze(2) * one_hot.unsqueeze(1)).flatten(1)
        sum_p = pair @ self.tabulate().flatten(0, 1)
        return Output(digit_logp, sum_p.clamp_min(SMALLEST).log())


class Table(TableAdder):
    """Learn the addition table: ``p(s) = sum over d of p(d) T[d, a, s]``. Ours, and the default.

    The table has 100 S weights (1,900 for addition), which can be shown as a picture and read. The sum is right whenever the
    digit is, once training has shown every (digit, addend) pair. The cell of a pair that was never shown stays uniform or,
    since other digits leave it a little of their probability, moves towards their answers: it is right only by chance. The same
    code learns any operation with S answers. Cost: a softmax of the table and one product per batch.
    """

    compares_operations: ClassVar[bool] = True

    def __init__(self, features: int, operation: Operation) -> None:
        """Start with a blank table: every cell uniform over the answers."""
        super().__init__(features, operation)
        self.cells = nn.Parameter(torch.zeros(10, ADDENDS, self.num_classes))

    def score(self) -> Tensor:
        """See ``TableAdder.score``."""
        return self.cells


class LowRankTable(TableAdder):
    """Learn a table of low rank: ``logits[d, a, s] = sum over r of U[d, r] V[a, r] W[r, s]``.

    This is the canonical polyadic form (Hitchcock 1927, J. Math. Phys. 6). Cells share weights, so the cell of a pair that was
    never shown is filled from the others, and rightly if the operation is simple in this form. Addition is: -(s - d - a)^2 / 2
    has three terms that matter, s d, s a and -s^2 / 2, and the rest is the same for every s. One epoch of Adam does not find
    that form: over five seeds the sum has 86 +- 11 %, and 2 % on pairs that were never shown (results/adders.csv). Cost: (20 +
    S) R weights, 312 for addition with R = 8.
    """

    def __init__(self, features: int, operation: Operation, rank: int = 8) -> None:
        """Start near a blank table. Zeros would have no gradient, since each factor's is the product of the other two."""
        super().__init__(features, operation)
        self.digit_factor = nn.Parameter(0.3 * torch.randn(10, rank))
        self.addend_factor = nn.Parameter(0.3 * torch.randn(ADDENDS, rank))
        self.answer_factor = nn.Parameter(0.3 * torch.randn(rank, self.num_classes))

    def score(self) -> Tensor:
        """See ``TableAdder.score``."""
        pairs = self.digit_factor.unsqueeze(1) * self.addend_factor.unsqueeze(0)
        return pairs @ self.answer_factor


class DiagonalTable(TableAdder):
    """Learn a table with shared diagonals: ``logits[d, a, s] = w[d + a, s]``.

    All pairs on a diagonal have the same digit + addend and share a row of 19 S weights. So the network is told that only d + a
    matters, and learns which answer belongs to each. A pair that was never shown is right if any other on its diagonal was
    shown. It cannot learn what does not depend on d + a alone: subtract, multiply, max. Cost: 361 weights for addition.
    """

    diagonal: Tensor

    def __init__(self, features: int, operation: Operation) -> None:
        """Start with a blank table.

        Raises:
            InputError: the operation gives two answers for the same d + a.
        """
        super().__init__(features, operation)
        sums = torch.arange(10).unsqueeze(1) + torch.arange(ADDENDS).unsqueeze(0)
        pairs = {(int(s), int(c)) for s, c in zip(sums.flatten(), operation.tabulate().flatten(), strict=True)}
        if len(pairs) != 19:
            raise InputError(
                "the adder diagonal-table cannot represent an operation whose answer does not depend on digit + addend "
                "alone; use the adder table, which learns any operation"
            )
        self.rows = nn.Parameter(torch.zeros(19, self.num_classes))
        self.register_buffer("diagonal", functional.one_hot(sums, 19).float(), persistent=False)

    def score(self) -> Tensor:
        """See ``TableAdder.score``."""
        return self.diagonal @ self.rows
