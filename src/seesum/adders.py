"""The ways to combine the two inputs, one class each. Add a way of combining here.

The contract: ``adder(features [B, F], digit_logits [B, 10] or None, addend [B]) -> Output(digit_logp, sum_logp)``.
An adder that ``reads_logits`` is given digit logits; one that does not makes the digit from the features itself.
Adders run in float32, whatever the precision of the encoder.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from seesum.recipe import InputError, Output, pick
from seesum.task import ADDENDS, SMALLEST, Operation

IMPOSSIBLE = -1e4
"""Log-probability of a sum that no digit can give: finite, so that nothing becomes NaN, and exactly 0 as a probability."""


class Adder(nn.Module):
    """What every adder has in common: the contract, and how it was made."""

    reads_logits: ClassVar[bool] = True
    """Whether it joins digit logits, or the features, with the addend."""

    def __init__(self, features: int, operation: Operation) -> None:
        """Keep what the network needs to know about the answers.

        Args:
            features: F, the width of the features.
            operation: fixes the answer classes S.
        """
        super().__init__()
        self.features, self.answers = features, operation.answers

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:
        """Features [B, F], digit logits [B, 10] or None, addend [B] int64 -> both outputs."""
        raise NotImplementedError


class Concat(Adder):
    """One-hot addend next to the ten digit logits, through an MLP to the sum.

    The most published way (systems 1, 2 and 5 of five). The sum's gradient reaches the encoder; nothing makes the sum
    right when the digit is. Cost: 20 H + H S weights for one hidden layer of H.
    """

    def __init__(
        self,
        features: int,
        operation: Operation,
        hidden: tuple[int, ...] = (64,),
        bias: bool = True,
        norm: bool = False,
        joins_logp: bool = False,
    ) -> None:
        """Build the MLP.

        Args:
            features: F; not read, since all comes through the logits.
            operation: fixes the answer classes S.
            hidden: widths of the hidden layers; () for one linear layer.
            bias: whether the linear layers have one.
            norm: whether BatchNorm follows each hidden layer.
            joins_logp: join log-softmax of the logits, instead of the logits, with the addend.
        """
        super().__init__(features, operation)
        self.joins_logp = joins_logp
        self.mlp = _build_mlp((10 + ADDENDS, *hidden, self.answers), bias, norm)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """See ``Adder.forward``."""
        digit_logp = _digit_logp(digit_logits)
        joined = digit_logp if self.joins_logp or digit_logits is None else digit_logits.float()
        return Output(digit_logp, functional.log_softmax(self.mlp(_join(joined, addend)), 1))


class Embedding(Adder):
    """One-hot addend next to the features, one shared hidden layer, a head for each output.

    The way of published system 3. Its digit comes after the addend, so the answer for the digit may change with the
    addend; the sum never sees a digit. Cost: (F + 10) H + H (10 + S) weights.
    """

    reads_logits: ClassVar[bool] = False

    def __init__(self, features: int, operation: Operation, hidden: int = 64, bias: bool = True, norm: bool = False) -> None:
        """Build the shared layer, ``hidden`` wide, and the two heads; ``bias`` and ``norm`` as in ``Concat``."""
        super().__init__(features, operation)
        self.shared = nn.Sequential(*_build_hidden(features + ADDENDS, hidden, bias, norm))
        self.digit_head = nn.Linear(hidden, 10, bias=bias)
        self.sum_head = nn.Linear(hidden, self.answers, bias=bias)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """See ``Adder.forward``."""
        shared = self.shared(_join(features.float(), addend))
        digit_logp = functional.log_softmax(self.digit_head(shared), 1)
        return Output(digit_logp, functional.log_softmax(self.sum_head(shared), 1))


class Argmax(Adder):
    """One-hot of the winning digit next to the one-hot addend, through an MLP to the sum.

    The way of published system 4. No gradient from the sum reaches the encoder, and the sum is as right as the digit
    once the MLP has learned the hundred pairs; but its probability says nothing about a doubtful digit.
    Cost: as ``Concat``.
    """

    def __init__(self, features: int, operation: Operation, hidden: tuple[int, ...] = (60, 60)) -> None:
        """Build the MLP with hidden layers of the given widths."""
        super().__init__(features, operation)
        self.mlp = _build_mlp((10 + ADDENDS, *hidden, self.answers), bias=True, norm=False)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """See ``Adder.forward``."""
        digit_logp = _digit_logp(digit_logits)
        winner = functional.one_hot(digit_logp.argmax(1), 10).float()
        return Output(digit_logp, functional.log_softmax(self.mlp(_join(winner, addend)), 1))


class TableAdder(Adder):
    """What learned tables have in common: ``p(s) = sum over d of p(d) T[d, a, s]``, each cell a softmax over s.

    Computed as one [B, 100] x [100, S] product a batch. A product rather than indexing by addend, because indexing's
    backward adds in parallel: with batches of 256 it gave another gradient in 26 of 200 tries and took 1.8 times as long,
    while the product gave one gradient in all 200.
    """

    GAIN: ClassVar[float] = 30.0
    """A table's logits are this times its weights. Adam moves a weight by about its rate a step, whatever the gradient:
    with a gain of 1 one epoch of ``fast`` ended with a sum loss of 1.6 nats; with 30 it is 0.04."""

    def score(self) -> Tensor:
        """Weights -> logits before the gain, [10, 10, S]: digit, addend, answer."""
        raise NotImplementedError

    def tabulate(self) -> Tensor:
        """The table as probabilities [10, 10, S]: digit, addend, answer; each cell sums to 1."""
        return functional.softmax(self.GAIN * self.score(), 2)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """See ``Adder.forward``."""
        digit_logp = _digit_logp(digit_logits)
        one_hot = functional.one_hot(addend, ADDENDS).float()
        pair = (digit_logp.exp().unsqueeze(2) * one_hot.unsqueeze(1)).flatten(1)
        sum_p = pair @ self.tabulate().flatten(0, 1)
        return Output(digit_logp, sum_p.clamp_min(SMALLEST).log())


class Table(TableAdder):
    """A learned addition table: ``p(s) = sum over d of p(d) T[d, a, s]``. Ours, and the default.

    100 S weights (1,900 for addition) that can be drawn as a picture and read. The sum is right whenever the digit is,
    once every (digit, addend) pair has been seen. The cell of a pair never seen stays blank (uniform) or, since other
    digits leave it a little of their probability, drifts to their answers: it is never right but by chance. The same code
    learns any operation with S answers. Cost: a softmax of the table and one product a batch.
    """

    def __init__(self, features: int, operation: Operation) -> None:
        """Start with a blank table: every cell uniform over the answers."""
        super().__init__(features, operation)
        self.cells = nn.Parameter(torch.zeros(10, ADDENDS, self.answers))

    def score(self) -> Tensor:
        """See ``TableAdder.score``."""
        return self.cells


class LowRankTable(TableAdder):
    """A learned table of low rank: ``logits[d, a, s] = sum over r of U[d, r] V[a, r] W[r, s]``.

    The canonical polyadic form (Hitchcock 1927, J. Math. Phys. 6). Cells share weights, so the cell of a pair never seen
    is filled from the others, rightly if the operation is simple in this form: addition is, since -(s - d - a)^2 / 2 has,
    up to what is the same for every s, the three terms s d, s a and -s^2 / 2. One epoch of Adam does not find that form:
    over five seeds the sum has 86 +- 11 %, and 2 % on pairs never seen (results/adders.csv). Cost: (20 + S) R weights,
    312 for addition with R = 8.
    """

    def __init__(self, features: int, operation: Operation, rank: int = 8) -> None:
        """Start near a blank table; zeros would have no gradient, as each factor's is the product of the other two."""
        super().__init__(features, operation)
        self.digit_factor = nn.Parameter(0.3 * torch.randn(10, rank))
        self.addend_factor = nn.Parameter(0.3 * torch.randn(ADDENDS, rank))
        self.answer_factor = nn.Parameter(0.3 * torch.randn(rank, self.answers))

    def score(self) -> Tensor:
        """See ``TableAdder.score``."""
        pairs = self.digit_factor.unsqueeze(1) * self.addend_factor.unsqueeze(0)
        return pairs @ self.answer_factor


class DiagonalTable(TableAdder):
    """A learned table with shared diagonals: ``logits[d, a, s] = w[d + a, s]``.

    All pairs on a diagonal, whose digit and addend have one sum, share a row of 19 S weights: the network is told that
    only d + a matters, and learns what each sum is called. A pair never seen is right if any other on its diagonal was
    seen. It cannot learn what does not depend on d + a alone: subtract, multiply, max. Cost: 361 weights for addition.
    """

    diagonal: Tensor

    def __init__(self, features: int, operation: Operation) -> None:
        """Start with a blank table.

        Raises:
            InputError: the operation gives two answers for one d + a.
        """
        super().__init__(features, operation)
        sums = torch.arange(10).unsqueeze(1) + torch.arange(ADDENDS).unsqueeze(0)
        pairs = {(int(s), int(c)) for s, c in zip(sums.flatten(), operation.tabulate().flatten(), strict=True)}
        if len(pairs) != 19:
            raise InputError(
                "the adder diagonal-table cannot represent an operation whose answer does not depend on digit + addend "
                "alone; use the adder table, which learns any operation"
            )
        self.rows = nn.Parameter(torch.zeros(19, self.answers))
        self.register_buffer("diagonal", functional.one_hot(sums, 19).float(), persistent=False)

    def score(self) -> Tensor:
        """See ``TableAdder.score``."""
        return self.diagonal @ self.rows


class Exact(Adder):
    """The table is known: ``p(s) = p(digit = s - a)``. No weights.

    The sum is right exactly when the digit is, and the sum's gradient teaches the digit, with the addend known: this is
    marginalisation over a known rule, as in DeepProbLog (Manhaeve et al. 2018, arXiv 1805.10872), for one digit.
    It represents operations that are one-to-one in the digit for every addend. Cost: one gather.
    """

    source: Tensor

    def __init__(self, features: int, operation: Operation) -> None:
        """Invert the operation's table.

        Raises:
            InputError: the operation gives one answer for two digits (``multiply`` by 0, ``max``).
        """
        super().__init__(features, operation)
        table = operation.tabulate()
        source = torch.full((ADDENDS, self.answers), 10)  # 10 is the column of IMPOSSIBLE
        for addend in range(ADDENDS):
            if len(set(table[:, addend])) < 10:
                raise InputError(
                    f"the adder exact cannot represent an operation that gives one answer for two digits, as this one "
                    f"does with addend {addend}; use the adder table, which learns any operation"
                )
            source[addend, torch.from_numpy(table[:, addend])] = torch.arange(10)
        self.register_buffer("source", source, persistent=False)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """See ``Adder.forward``."""
        digit_logp = _digit_logp(digit_logits)
        padded = functional.pad(digit_logp, (0, 1), value=IMPOSSIBLE)
        return Output(digit_logp, padded.gather(1, self.source[addend]))


ADDERS: dict[str, type[Adder]] = {
    "concat": Concat,
    "embedding": Embedding,
    "argmax": Argmax,
    "table": Table,
    "low-rank-table": LowRankTable,
    "diagonal-table": DiagonalTable,
    "exact": Exact,
}


def build_adder(name: str, features: int, operation: Operation, **options: Any) -> Adder:
    """An adder by its name in ``ADDERS``; ``options`` are those of its class.

    Raises:
        InputError: an unknown name, or an operation that the adder cannot represent.
    """
    return pick(ADDERS, name, "adder")(features, operation, **options)


def _digit_logp(digit_logits: Tensor | None) -> Tensor:
    if digit_logits is None:
        raise ValueError("this adder joins digit logits with the addend, but the network gave none")
    return functional.log_softmax(digit_logits.float(), 1)


def _join(values: Tensor, addend: Tensor) -> Tensor:
    return torch.cat([values, functional.one_hot(addend, ADDENDS).to(values.dtype)], 1)


def _build_hidden(inputs: int, outputs: int, bias: bool, norm: bool) -> list[nn.Module]:
    normalisation: list[nn.Module] = [nn.BatchNorm1d(outputs)] if norm else []
    return [nn.Linear(inputs, outputs, bias=bias), *normalisation, nn.ReLU()]


def _build_mlp(widths: tuple[int, ...], bias: bool, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths[:-1]):
        layers += _build_hidden(inputs, outputs, bias, norm)
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1], bias=bias))
