"""What a system is: an encoder, a recipe, and what it reaches. The systems themselves are in ``systems/``, one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from seesum.base.recipe import Recipe
from seesum.base.registry import look_up
from seesum.data.operations import OPERATIONS
from seesum.networks.adders import build_adder
from seesum.networks.network import Network


@dataclass(frozen=True)
class Result:
    """Accuracies of a system on the 10,000 test images, in percent."""

    digit: float
    sum: float
    runs: int
    """How many seeds they are the mean of."""


@dataclass(frozen=True)
class PublishedFigure:
    """One figure that the author of a system published."""

    output: str
    """``digit``, ``sum``, ``both`` (the share of samples with both right) or ``mean`` (of the accuracies of both)."""
    epoch: int | str
    """The epoch it was measured after; ``best`` for the best one, picked on the images it was measured on; or ``last``."""
    percent: float | None
    """Accuracy; None where the author reports none."""
    on: str = "test"
    """``test``, ``validation`` or ``train``."""


@dataclass(frozen=True)
class Published:
    """What the author of a system reports."""

    figures: tuple[PublishedFigure, ...]
    parameters: int | None = None
    """The number of trainable parameters, where it is known."""
    runs: int = 3
    """How many seeds a reproduction takes by default: fewer for large networks."""


@dataclass(frozen=True)
class System:
    """A network, its recipe and what it reaches. Each has a file in ``systems/``."""

    recipe: Recipe
    """Its training in every detail; ``recipe.system`` is its name."""
    summary: str
    """What it is, in one sentence."""
    features: int
    """F, the width of its encoder's features."""
    build_encoder: Callable[[], nn.Module]
    """Image [B, 1, 28, 28] -> features [B, F]."""
    result: Result | None = None
    """What it reaches: the newest row of its file in results/ (a test compares them). None for a system that only teaches."""
    adder_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of its own adder. Another adder is built with the defaults of its class."""
    head_bias: bool = True
    """Whether its digit head has a bias."""
    published: Published | None = None
    """What its author reports; None for our own systems."""

    def build_network(self, recipe: Recipe) -> Network:
        """Build the network for a recipe of this system. Its adder and operation may differ from the system's own.

        Raises:
            InputError: an unknown adder or operation, or an adder that cannot represent the operation.
        """
        options = self.adder_options if recipe.adder == self.recipe.adder else {}
        operation = look_up(OPERATIONS, recipe.operation, "operation")
        adder = build_adder(recipe.adder, self.features, operation, **options)
        return Network(self.build_encoder(), adder, self.head_bias)
