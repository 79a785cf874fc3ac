"""The class ``System``: an encoder, a recipe and its results. The built-in ones are in ``systems/``, one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from seesum.base.recipe import Recipe
from seesum.base.references import describe_origin_of
from seesum.data.idx import SIDE
from seesum.data.operations import find_operation
from seesum.networks.adders import ADDERS, build_adder
from seesum.networks.modules import make_builder, make_module_adder, measure_features, takes_addend
from seesum.networks.network import Network

MODULE_RECIPE: dict[str, Any] = {"batch_size": 128, "lr": 0.01, "schedule": "one-cycle"}
"""Fields of the recipe of a module that comes without one. Four small encoders learned more with them in one and in three
epochs than with a constant rate of 0.001 or a peak of 0.003, on validation images (LOG.md)."""


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
    """A network, its recipe and its results: built in, or brought by a user.

    A user's system needs a recipe, with a name in ``recipe.system``, and what builds the encoder.
    """

    recipe: Recipe
    """All settings of its training. ``recipe.system`` is the name of the system."""
    build_encoder: Callable[[], nn.Module]
    """Builds the encoder, which computes features [B, F] or digit logits [B, 10] from images [B, 1, 28, 28]."""
    summary: str = ""
    """A short description for tables and reports."""
    features: int | None = None
    """F, the width of the encoder's features. None: found by one pass."""
    result: Result | None = None
    """Its accuracies, from its newest row in results/systems.csv (a test compares them). None if it is only a teacher, or not
    built in."""
    adder_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the system's own adder. Any other adder is built with the defaults of its class."""
    head: bool | None = None
    """Whether a linear layer, the digit head, computes the digit logits from the features. If not, ten features are the digit
    logits. None: it does, unless there are ten features."""
    head_bias: bool = True
    """Whether the digit head has a bias."""
    published: Published | None = None
    """The figures that its author published. None for our own systems."""

    def __repr__(self) -> str:
        """Return one short line."""
        return f"System({self.recipe.system})"

    def build_network(self, recipe: Recipe) -> Network:
        """Build the network for a recipe of this system. The recipe's adder and operation may differ from the system's own.

        Raises:
            InputError: the adder or operation is unknown, the adder cannot represent the operation, or the encoder or the adder
                breaks its contract.
        """
        options = self.adder_options if recipe.adder == self.recipe.adder else {}
        encoder = self.build_encoder()
        features = measure_features(encoder) if self.features is None else self.features
        head = features != 10 if self.head is None else self.head
        operation = find_operation(recipe.operation)
        adder = build_adder(recipe.adder, features, operation, **options)
        return Network(encoder, adder, self.head_bias, head)


def adapt_system(name: str, thing: Any) -> System:
    """Return a system of what a user or an installed package brings, with this name.

    Args:
        name: its name.
        thing: a ``System``; or an encoder or a whole network, as a class, a function that builds it, or a module. A whole
            network gets its own adder, which is registered under the same name.

    Raises:
        InputError: it is something else.
    """
    if isinstance(thing, System):
        if thing.recipe.system == name:
            return thing
        return replace(thing, recipe=thing.recipe.replaced({"system": name}))
    build = make_builder(thing)
    with torch.random.fork_rng(devices=[]):  # a module starts with random weights
        whole = takes_addend(build())
    if not whole:
        return System(Recipe(system=name, **MODULE_RECIPE), build)
    ADDERS.register(name, make_module_adder(name, build), describe_origin_of(thing))
    return System(Recipe(system=name, adder=name, **MODULE_RECIPE), nn.Flatten, features=SIDE * SIDE)
