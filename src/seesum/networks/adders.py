"""The ways to combine the two inputs, one class each; the learned tables are in ``tables.py``. Add an adder here.

Subclass ``Adder`` (``contract.py`` has the contract), and add the class to ``ADDERS``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from seesum.base.errors import InputError
from seesum.base.registry import look_up
from seesum.data.operations import ADDENDS, Operation
from seesum.networks.contract import Adder, Output, append_addend, compute_digit_logp
from seesum.networks.tables import DiagonalTable, LowRankTable, Table

IMPOSSIBLE = -1e4
"""Log-probability of a sum that no digit can give: finite, so that nothing becomes NaN, and exactly 0 as a probability."""


class Concat(Adder):
    """Join the one-hot addend with the ten digit logits, and compute the sum with an MLP.

    This is the most published way (systems 1, 2 and 5 of five). The gradient of the sum reaches the encoder. Nothing makes the
    sum right when the digit is right. Cost: 20 H + H S weights for one hidden layer of H.
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
            features: F; not read, since everything comes through the logits.
            operation: decides S, the number of answer classes.
            hidden: widths of the hidden layers; () for one linear layer.
            bias: whether the linear layers have one.
            norm: whether BatchNorm follows each hidden layer.
            joins_logp: join log-softmax of the logits, instead of the logits, with the addend.
        """
        super().__init__(features, operation)
        self.joins_logp = joins_logp
        self.mlp = _build_mlp((10 + ADDENDS, *hidden, self.num_classes), bias, norm)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """See ``Adder.forward``."""
        digit_logp = compute_digit_logp(digit_logits)
        joined = digit_logp if self.joins_logp or digit_logits is None else digit_logits.float()
        return Output(digit_logp, functional.log_softmax(self.mlp(append_addend(joined, addend)), 1))


class Embedding(Adder):
    """Join the one-hot addend with the features, and compute both outputs from one shared hidden layer.

    This is the way of published system 3. Its digit is computed after the addend was joined, so the answer for the digit may
    change with the addend. The sum never sees a digit. Cost: (F + 10) H + H (10 + S) weights.
    """

    reads_logits: ClassVar[bool] = False

    def __init__(self, features: int, operation: Operation, hidden: int = 64, bias: bool = True, norm: bool = False) -> None:
        """Build the shared layer, ``hidden`` wide, and the two heads; ``bias`` and ``norm`` as in ``Concat``."""
        super().__init__(features, operation)
        self.shared = nn.Sequential(*_build_hidden(features + ADDENDS, hidden, bias, norm))
        self.digit_head = nn.Linear(hidden, 10, bias=bias)
        self.sum_head = nn.Linear(hidden, self.num_classes, bias=bias)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """See ``Adder.forward``."""
        shared = self.shared(append_addend(features.float(), addend))
        digit_logp = functional.log_softmax(self.digit_head(shared), 1)
        return Output(digit_logp, functional.log_softmax(self.sum_head(shared), 1))


class Argmax(Adder):
    """Join the one-hot addend with the one-hot vector of the most probable digit, and compute the sum with an MLP.

    This is the way of published system 4. No gradient of the sum reaches the encoder. The sum is right whenever the digit is,
    once the MLP has learned the hundred pairs. Its probability ignores any doubt about the digit. Cost: as ``Concat``.
    """

    def __init__(self, features: int, operation: Operation, hidden: tuple[int, ...] = (60, 60)) -> None:
        """Build the MLP with hidden layers of the given widths."""
        super().__init__(features, operation)
        self.mlp = _build_mlp((10 + ADDENDS, *hidden, self.num_classes), bias=True, norm=False)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """See ``Adder.forward``."""
        digit_logp = compute_digit_logp(digit_logits)
        winner = functional.one_hot(digit_logp.argmax(1), 10).float()
        return Output(digit_logp, functional.log_softmax(self.mlp(append_addend(winner, addend)), 1))


class Exact(Adder):
    """Compute the sum by the known rule: ``p(s) = p(digit = s - a)``. No weights.

    The sum is right exactly when the digit is. The gradient of the sum teaches the digit, since the addend is known: this is
    marginalisation over a known rule, as in DeepProbLog (Manhaeve et al. 2018, arXiv 1805.10872), for one digit. It represents
    operations that are one-to-one in the digit for every addend. Cost: one gather.
    """

    knows_rule: ClassVar[bool] = True
    source: Tensor

    def __init__(self, features: int, operation: Operation) -> None:
        """Invert the operation's table.

        Raises:
            InputError: the operation gives the same answer for two digits (``multiply`` by 0, ``max``).
        """
        super().__init__(features, operation)
        table = operation.tabulate()
        source = torch.full((ADDENDS, self.num_classes), 10)  # 10 is the column of IMPOSSIBLE
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
        digit_logp = compute_digit_logp(digit_logits)
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
    """Build an adder by its name in ``ADDERS``; ``options`` are those of its class.

    Raises:
        InputError: an unknown name, or an operation that the adder cannot represent.
    """
    return look_up(ADDERS, name, "adder")(features, operation, **options)


def _build_hidden(inputs: int, outputs: int, bias: bool, norm: bool) -> list[nn.Module]:
    normalisation: list[nn.Module] = [nn.BatchNorm1d(outputs)] if norm else []
    return [nn.Linear(inputs, outputs, bias=bias), *normalisation, nn.ReLU()]


def _build_mlp(widths: tuple[int, ...], bias: bool, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths[:-1]):
        layers += _build_hidden(inputs, outputs, bias, norm)
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1], bias=bias))
