"""The class ``System``: an encoder, a recipe and its results. The systems themselves are in ``systems/``, one file each."""

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
    """The number of seeds that the accuracies are the mean of."""


@dataclass(frozen=True)
class PublishedFigure:
    """One figure that the author of a system published."""

    output: str
    """``digit``, ``sum``, ``both`` (the share of samples with both right) or ``mean`` (of both accuracies)."""
    epoch: int | str
    """The epoch after which it was measured. ``last``, or ``best``, which is chosen on the images it was measured on."""
    percent: float | None
    """Accuracy in percent. None if the author reports none."""
    on: str = "test"
    """The images it was measured on: ``test``, ``validation`` or ``train``."""


@dataclass(frozen=True)
class Published:
    """The figures that the author of a system published."""

    figures: tuple[PublishedFigure, ...]
    parameters: int | None = None
    """The number of trainable parameters. None if it is not known."""
    runs: int = 3
    """The default number of seeds of a reproduction. It is smaller for large networks."""


@dataclass(frozen=True)
class System:
    """A network, its recipe and its results. Each system has a file in ``systems/``."""

    recipe: Recipe
    """All settings of its training. ``recipe.system`` is the name of the system."""
    summary: str
    """A short description for tables and reports."""
    features: int
    """F, the width of the encoder's features."""
    build_encoder: Callable[[], nn.Module]
    """Builds the encoder, which computes features [B, F] from images [B, 1, 28, 28]."""
    result: Result | None = None
    """Its accuracies, from its newest row in results/systems.csv (a test compares them). None if it is only a teacher."""
    adder_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the system's own adder. Any other adder is built with the defaults of its class."""
    head_bias: bool = True
    """Whether the digit head has a bias."""
    published: Published | None = None
    """The figures that its author published. None for our own systems."""

    def build_network(self, recipe: Recipe) -> Network:
        """Build the network for a recipe of this system. The recipe's adder and operation may differ from the system's own.

        Raises:
            InputError: the adder or operation is unknown, or the adder cannot represent the operation.
        """
        options = self.adder_options if recipe.adder == self.recipe.adder else {}
        operation = look_up(OPERATIONS, recipe.operation, "operation")
        adder = build_adder(recipe.adder, self.features, operation, **options)
        return Network(self.build_encoder(), adder, self.head_bias)
