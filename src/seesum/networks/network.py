"""The network of every system: an encoder, an adder and, if the adder reads digit logits, a digit head."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seesum.base.errors import InputError
from seesum.networks.contract import Adder, Encoded, Output, in_evaluation


class Network(nn.Module):
    """Join an encoder and an adder. ``encode`` and ``add`` are separate, so ten addends cost only one pass of the encoder."""

    def __init__(self, encoder: nn.Module, adder: Adder, head_bias: bool = True, head: bool = True) -> None:
        """Build the digit head, if the adder needs one, and store the three modules.

        Args:
            encoder: computes features [B, F] from images [B, 1, 28, 28].
            adder: one of ``ADDERS``, built for F features.
            head_bias: whether the digit head has a bias. The head is a linear layer from features to digit logits.
            head: whether there is a digit head where the adder reads digit logits. If not, the features are the logits.

        Raises:
            InputError: without a head, there are not ten features.
        """
        super().__init__()
        if not head and adder.features != 10:
            raise InputError(f"without a digit head, an encoder gives the 10 digit logits, but this one gives {adder.features}")
        self.encoder = encoder
        self.digit_head = nn.Linear(adder.features, 10, bias=head_bias) if adder.reads_logits and head else None
        self.adder = adder
        self.temperature = 1.0
        """The digit logits are divided by this. Training does not learn it. Calibration sets it afterwards."""

    def encode(self, image: Tensor) -> Encoded:
        """Compute features [B, F] and digit logits [B, 10] from normalised float images [B, 1, 28, 28]."""
        features = self.encoder(image)
        logits = features if self.digit_head is None else self.digit_head(features)
        if not self.adder.reads_logits:
            return Encoded(features, None)
        return Encoded(features, logits if self.temperature == 1 else logits / self.temperature)

    def add(self, encoded: Encoded, addend: Tensor) -> Output:
        """Compute both outputs from encoded images and addends [B] int64. The adder gets float32 from any encoder."""
        logits = None if encoded.digit_logits is None else encoded.digit_logits.float()
        output: Output = self.adder(encoded.features.float(), logits, addend)
        return output

    def forward(self, image: Tensor, addend: Tensor) -> Output:
        """Compute both outputs from normalised float images [B, 1, 28, 28] and addends [B] int64."""
        return self.add(self.encode(image), addend)


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


class Layer(NamedTuple):
    """A row of the table of layers."""

    name: str
    """The path of the module in the network: ``encoder.0``."""
    kind: str
    """The class with its settings: ``Conv2d(1, 24, ...)``. A module that contains others has the class name alone."""
    shape: tuple[int, ...]
    """The shape of the output for one image, without the batch."""
    parameters: int
    """The number of trainable parameters. They count once, however often they are used."""
    uses: int
    """How often the module is called for one image."""


def _find_tensor(result: Any) -> Tensor | None:
    """Return what a module gave; of several tensors the first, as the outputs of a GRU; None where it gave none."""
    if isinstance(result, Tensor):
        return result
    parts = result.values() if isinstance(result, dict) else result if isinstance(result, tuple | list) else ()
    return next((tensor for part in parts if (tensor := _find_tensor(part)) is not None), None)


def describe_layers(network: Network) -> list[Layer]:
    """List the layers of a network in the order in which they compute.

    A module that contains others has a row only if it holds parameters itself or is the adder. Its row counts the parameters
    that it holds itself, and those of modules inside it that it never calls, as attention does with its last layer.
    """
    layers: dict[str, Layer] = {}

    def record(name: str, module: nn.Module, result: Any) -> None:
        tensor = _find_tensor(result.sum_logp if isinstance(result, Output) else result)
        kind = str(module) if not list(module.children()) else type(module).__name__
        uses = layers[name].uses + 1 if name in layers else 1
        layers[name] = Layer(name, kind, () if tensor is None else tuple(tensor.shape[1:]), 0, uses)

    hooks = [
        module.register_forward_hook(lambda m, _, result, name=name: record(name, m, result))
        for name, module in network.named_modules()
        if not list(module.children()) or list(module.parameters(recurse=False)) or isinstance(module, Adder)
    ]
    device = next(network.parameters()).device
    with in_evaluation(network):
        network(torch.zeros(1, 1, 28, 28, device=device), torch.zeros(1, dtype=torch.int64, device=device))
    for hook in hooks:
        hook.remove()
    for name, parameter in network.named_parameters():
        owner = name.rpartition(".")[0]
        while owner and owner not in layers:
            owner = owner.rpartition(".")[0]
        layer = layers.get(owner, Layer(owner, type(network).__name__, (), 0, 1))
        layers[owner] = layer._replace(parameters=layer.parameters + parameter.numel() * parameter.requires_grad)
    return list(layers.values())


def format_layers(network: Network) -> str:
    """Return a text table of the layers, with their output shapes for one image and their parameter counts."""
    rows = [
        (
            layer.name,
            layer.kind + f", {layer.uses} times" * (layer.uses > 1),
            "x".join(map(str, layer.shape)),
            f"{layer.parameters:,}",
        )
        for layer in describe_layers(network)
    ]
    rows = [("layer", "type", "output shape", "parameters"), *rows, ("total", "", "", f"{count_parameters(network):,}")]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column == 3 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
