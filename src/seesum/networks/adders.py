"""Adders: the ways to combine the two inputs, one class each. The learned tables are in ``tables.py``.

To add an adder, write a subclass of ``Adder`` and register it: here in ``ADDERS`` if it is to be built in, with
``seesum.register`` or as an entry point if not. Its contract is in ``contract.py``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from seesum.base.errors import InputError, shorten_error
from seesum.base.registry import Registry, look_up
from seesum.data.operations import ADDENDS, Operation
from seesum.networks.addition import add_known
from seesum.networks.contract import Adder, Output, append_addend, compute_digit_logp, in_evaluation
from seesum.networks.tables import DiagonalTable, LowRankTable, Table

IMPOSSIBLE = -1e4
"""Log-probability of a sum that no digit can give. It is finite, so nothing becomes NaN. As a probability it is exactly 0."""


class Concat(Adder):
    """Join the one-hot addend with the ten digit logits, and compute the sum with an MLP.

    This is the most common published way: three of the five published systems (1, 2 and 5) use it. The gradient of the sum
    reaches the encoder. Nothing guarantees a right sum when the digit is right. Cost: 20 H + H S weights for one hidden layer
    of width H and S answer classes.
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
            features: F, the width of the features. This adder does not read them, only the logits.
            operation: decides S, the number of answer classes.
            hidden: widths of the hidden layers; () for a single linear layer.
            bias: whether the linear layers have a bias.
            norm: whether each hidden layer has BatchNorm before its ReLU.
            joins_logp: whether the addend is joined with the log-softmax of the logits instead of the logits.
        """
        super().__init__(features, operation)
        self.joins_logp = joins_logp
        self.mlp = _build_mlp((10 + ADDENDS, *hidden, self.num_classes), bias, norm)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """Compute both outputs; see ``Adder.forward``."""
        digit_logp = compute_digit_logp(digit_logits)
        joined = digit_logp if self.joins_logp or digit_logits is None else digit_logits.float()
        return Output(digit_logp, functional.log_softmax(self.mlp(append_addend(joined, addend)), 1))


class Embedding(Adder):
    """Join the one-hot addend with the features, and compute both outputs from one shared hidden layer.

    Published system 3 does this. The digit is computed after the join, so the predicted digit may change with the addend. The
    sum is not computed from the digit. Cost: (F + 10) H + H (10 + S) weights for F features, a shared layer of width H and S
    answer classes.
    """

    reads_logits: ClassVar[bool] = False

    def __init__(self, features: int, operation: Operation, hidden: int = 64, bias: bool = True, norm: bool = False) -> None:
        """Build the shared layer, which has width ``hidden``, and the two heads; ``bias`` and ``norm`` as in ``Concat``."""
        super().__init__(features, operation)
        self.shared = nn.Sequential(*_build_hidden(features + ADDENDS, hidden, bias, norm))
        self.digit_head = nn.Linear(hidden, 10, bias=bias)
        self.sum_head = nn.Linear(hidden, self.num_classes, bias=bias)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """Compute both outputs; see ``Adder.forward``."""
        shared = self.shared(append_addend(features.float(), addend))
        digit_logp = functional.log_softmax(self.digit_head(shared), 1)
        return Output(digit_logp, functional.log_softmax(self.sum_head(shared), 1))


class Argmax(Adder):
    """Join the one-hot addend with the one-hot vector of the most probable digit, and compute the sum with an MLP.

    Published system 4 does this. No gradient of the sum reaches the encoder. Once the MLP has learned all 100 pairs of digit
    and addend, the sum is right whenever the digit is right. The probability of the sum ignores any doubt about the digit.
    Cost: 20 H + H S weights for one hidden layer of width H and S answer classes.
    """

    def __init__(self, features: int, operation: Operation, hidden: tuple[int, ...] = (60, 60)) -> None:
        """Build the MLP with hidden layers of the given widths."""
        super().__init__(features, operation)
        self.mlp = _build_mlp((10 + ADDENDS, *hidden, self.num_classes), bias=True, norm=False)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """Compute both outputs; see ``Adder.forward``."""
        digit_logp = compute_digit_logp(digit_logits)
        one_hot = functional.one_hot(digit_logp.argmax(1), 10).float()
        return Output(digit_logp, functional.log_softmax(self.mlp(append_addend(one_hot, addend)), 1))


class Exact(Adder):
    """Compute the sum by the known rule. For addition with the addend a, this is ``p(sum = s) = p(digit = s - a)``.

    The sum is right exactly when the digit is right. The addend is known, so the gradient of the sum teaches the digit. This is
    marginalisation over a known rule, as in DeepProbLog (Manhaeve et al. 2018, arXiv 1805.10872), for one digit. The operation
    must be one-to-one in the digit for every addend. It is the carry recursion of ``addition.py`` for one column and a known
    addend. Cost: no weights, and one gather per batch.
    """

    knows_rule: ClassVar[bool] = True
    source: Tensor

    def __init__(self, features: int, operation: Operation) -> None:
        """Invert the table of the operation: find the digit for each addend and answer.

        Raises:
            InputError: for some addend, two digits give the same answer (``multiply`` by 0, ``max``).
        """
        super().__init__(features, operation)
        table = operation.tabulate()
        source = torch.full((ADDENDS, self.num_classes), 10)  # 10 is the column of IMPOSSIBLE
        for addend in range(ADDENDS):
            if len(set(table[:, addend])) < 10:
                raise InputError(
                    f"the adder exact cannot represent this operation, because two digits give the same answer with the "
                    f"addend {addend}; use the adder table, which learns any operation"
                )
            source[addend, torch.from_numpy(table[:, addend])] = torch.arange(10)
        self.register_buffer("source", source, persistent=False)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        """Compute both outputs; see ``Adder.forward``."""
        digit_logp = compute_digit_logp(digit_logits)
        return Output(digit_logp, add_known(digit_logp, self.source, addend, IMPOSSIBLE))


def _adapt_adder(name: str, thing: Any) -> type[Adder]:
    """Return a class of adders that a user or an installed package brings.

    Raises:
        InputError: it is something else.
    """
    if not (isinstance(thing, type) and issubclass(thing, Adder)):
        raise InputError(
            f"{name} is {thing!r:.60} and no adder; an adder is a subclass of seesum.Adder, with "
            f"forward(features, digit_logits, addend) -> seesum.Output(digit_logp, sum_logp)"
        )
    return thing


ADDERS: Registry[type[Adder]] = Registry(
    "adder",
    {
        "concat": Concat,
        "embedding": Embedding,
        "argmax": Argmax,
        "table": Table,
        "low-rank-table": LowRankTable,
        "diagonal-table": DiagonalTable,
        "exact": Exact,
    },
    "seesum.adders",
    _adapt_adder,
)


def build_adder(name: str, features: int, operation: Operation, **options: Any) -> Adder:
    """Build the adder with this name in ``ADDERS``. The ``options`` go to its class.

    Raises:
        InputError: the name is unknown, the adder cannot represent the operation, or it breaks its contract.
    """
    made = look_up(ADDERS, name, "adder")
    if ADDERS.find_origin(name) is None:
        return made(features, operation, **options)
    try:
        adder = made(features, operation, **options)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"the adder {name} cannot be built ({shorten_error(error)}); mend it") from error
    _try_adder(adder, name)
    return adder


def _try_adder(adder: Adder, name: str) -> None:
    """Make sure that an adder gives outputs of the right shapes for two images.

    Raises:
        InputError: it does not.
    """
    if not {"features", "num_classes"} <= vars(adder).keys():
        raise InputError(f"the adder {name} was not set up; its __init__ must call super().__init__(features, operation)")
    logits = torch.zeros(2, 10) if adder.reads_logits else None
    try:
        with in_evaluation(adder):
            given: Any = adder(torch.zeros(2, adder.features), logits, torch.tensor([0, 9]))
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"the adder {name} fails on two images ({shorten_error(error)}); mend it") from error
    shapes = [tuple(one.shape) for one in given] if isinstance(given, Output) else []
    expected = [(2, 10), (2, adder.num_classes)]
    if shapes != expected:
        found = f"shapes {shapes}" if shapes else f"a {type(given).__name__}"
        raise InputError(
            f"the adder {name} gave {found} for two images; expected seesum.Output(digit_logp, sum_logp) of shapes {expected}"
        )


def _build_hidden(inputs: int, outputs: int, bias: bool, norm: bool) -> list[nn.Module]:
    normalisation: list[nn.Module] = [nn.BatchNorm1d(outputs)] if norm else []
    return [nn.Linear(inputs, outputs, bias=bias), *normalisation, nn.ReLU()]


def _build_mlp(widths: tuple[int, ...], bias: bool, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths[:-1]):
        layers += _build_hidden(inputs, outputs, bias, norm)
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1], bias=bias))
