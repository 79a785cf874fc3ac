"""The network: an encoder, a digit head where the adder reads logits, and an adder; and what a system is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seesum.adders import Adder, build_adder
from seesum.recipe import Encoded, Output, Recipe, pick
from seesum.task import OPERATIONS


class Network(nn.Module):
    """The two-input, two-output network of every system. Its halves are apart so that ten addends cost one encoder."""

    def __init__(self, encoder: nn.Module, adder: Adder, head_bias: bool = True) -> None:
        """Join the parts.

        Args:
            encoder: image [B, 1, 28, 28] -> features [B, F].
            adder: one of ``ADDERS``, made for F features.
            head_bias: whether the digit head, a linear layer from features to digit logits, has a bias.
        """
        super().__init__()
        self.encoder = encoder
        self.digit_head = nn.Linear(adder.features, 10, bias=head_bias) if adder.reads_logits else None
        self.adder = adder
        self.temperature = 1.0
        """By what digit logits are divided; not learned, but set by calibration afterwards."""

    def encode(self, image: Tensor) -> Encoded:
        """Image [B, 1, 28, 28] float, normalised -> features [B, F] and digit logits [B, 10]."""
        features = self.encoder(image)
        logits = None if self.digit_head is None else self.digit_head(features)
        return Encoded(features, logits if logits is None or self.temperature == 1 else logits / self.temperature)

    def add(self, encoded: Encoded, addend: Tensor) -> Output:
        """Encoded images and addend [B] int64 -> both outputs."""
        output: Output = self.adder(encoded.features, encoded.digit_logits, addend)
        return output

    def forward(self, image: Tensor, addend: Tensor) -> Output:
        """Image [B, 1, 28, 28] float, normalised, and addend [B] int64 -> both outputs."""
        return self.add(self.encode(image), addend)


class Views(nn.Module):
    """An encoder that, once trained, is the mean of itself over shifted copies of the image.

    Test-time augmentation as part of the network: as many passes as there are shifts, and no parameters.
    """

    def __init__(self, encoder: nn.Module, shifts: tuple[tuple[int, int], ...]) -> None:
        """Take an encoder, and shifts (rows, columns) in pixels."""
        super().__init__()
        self.encoder, self.shifts = encoder, shifts
        self.margin = max(abs(step) for shift in shifts for step in shift)

    def forward(self, image: Tensor) -> Tensor:
        """Image [B, 1, H, W] -> features [B, F]; of the image alone in training mode. What is shifted in repeats the rim."""
        if self.training:
            features: Tensor = self.encoder(image)
            return features
        height, width = image.shape[2:]
        padded = functional.pad(image, (self.margin,) * 4, mode="replicate")
        rows = [self.margin - down for down, _ in self.shifts]
        columns = [self.margin - right for _, right in self.shifts]
        views = [padded[:, :, y : y + height, x : x + width] for y, x in zip(rows, columns, strict=True)]
        # encoders that flatten fix their own batch, so views come one after the other and not as one larger batch
        return torch.stack([self.encoder(view) for view in views]).mean(0)


def count_parameters(network: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


class Layer(NamedTuple):
    """One module that computes, as a summary lists it."""

    name: str
    """Its path in the network: ``encoder.0``."""
    kind: str
    """Its class, with its settings: ``Conv2d(1, 24, ...)``."""
    shape: tuple[int, ...]
    """Of its output for one image, without the batch."""
    parameters: int
    """Trainable ones."""


def describe_layers(network: Network) -> list[Layer]:
    """The layers of a network in the order in which they compute; an adder's own weights count as the adder's."""
    layers: list[Layer] = []

    def note(name: str, module: nn.Module, result: Any) -> None:
        tensor = result if isinstance(result, Tensor) else result.sum_logp
        own = sum(p.numel() for p in module.parameters(recurse=False) if p.requires_grad)
        kind = str(module) if not list(module.children()) else type(module).__name__
        layers.append(Layer(name, kind, tuple(tensor.shape[1:]), own))

    hooks = [
        module.register_forward_hook(lambda m, _, result, name=name: note(name, m, result))
        for name, module in network.named_modules()
        if not list(module.children()) or isinstance(module, Adder)
    ]
    was_training, device = network.training, next(network.parameters()).device
    network.eval()
    with torch.no_grad():
        network(torch.zeros(1, 1, 28, 28, device=device), torch.zeros(1, dtype=torch.int64, device=device))
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    return layers


def format_layers(network: Network) -> str:
    """Layers, output shapes for one image, and parameter counts as lines of text."""
    rows = [
        (layer.name, layer.kind, "x".join(map(str, layer.shape)), f"{layer.parameters:,}") for layer in describe_layers(network)
    ]
    rows = [("layer", "kind", "output", "parameters"), *rows, ("all", "", "", f"{count_parameters(network):,}")]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column == 3 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


@dataclass(frozen=True)
class Result:
    """Accuracies of a system on the 10,000 test images, in percent."""

    digit: float
    sum: float
    runs: int
    """How many seeds they are the mean of."""


@dataclass(frozen=True)
class Figure:
    """One figure that the author of a system published."""

    output: str
    """``digit``, ``sum``, ``both`` (the share of samples with both right) or ``mean`` (of the accuracies of both)."""
    epoch: int | str
    """After which epoch; ``best`` for the best one, picked on the images it was measured on; or ``last``."""
    percent: float | None
    """Accuracy; None where the author gives none."""
    on: str = "test"
    """``test``, ``validation`` or ``train``."""


@dataclass(frozen=True)
class Published:
    """What the author of a system reports."""

    figures: tuple[Figure, ...]
    parameters: int | None = None
    """Its number of trainable parameters, where it is known."""
    runs: int = 3
    """How many seeds a reproduction takes unless told: fewer for large networks."""


@dataclass(frozen=True)
class System:
    """Network + recipe + what it reaches. One file each in ``systems/``."""

    recipe: Recipe
    """Its training, to the letter; ``recipe.system`` is its name."""
    summary: str
    """What it is, in one sentence."""
    features: int
    """F, the width of its encoder's features."""
    build_encoder: Callable[[], nn.Module]
    """Image [B, 1, 28, 28] -> features [B, F]."""
    result: Result
    """What it reaches: the newest row of its file in results/ (a test compares them)."""
    adder_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of its own adder; another adder is built with that one's defaults."""
    head_bias: bool = True
    """Whether its digit head has a bias."""
    published: Published | None = None
    """What its author reports; None for our own."""

    def build_network(self, recipe: Recipe) -> Network:
        """The network for a recipe of this system, whose adder and operation may differ from the system's own.

        Raises:
            InputError: an unknown adder or operation, or an adder that cannot represent the operation.
        """
        options = self.adder_options if recipe.adder == self.recipe.adder else {}
        operation = pick(OPERATIONS, recipe.operation, "operation")
        adder = build_adder(recipe.adder, self.features, operation, **options)
        return Network(self.build_encoder(), adder, self.head_bias)
