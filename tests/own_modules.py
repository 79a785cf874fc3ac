"""Modules as users write them: an encoder, and a network with both inputs and both outputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Encoder(nn.Module):
    """An encoder of a few features."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, width))

    def forward(self, image: Tensor) -> Tensor:
        result: Tensor = self.layers(image)
        return result


class Whole(nn.Module):
    """A network with both inputs and both outputs."""

    def __init__(self, classes: int = 19) -> None:
        super().__init__()
        self.digit, self.sum = nn.Linear(784, 10), nn.Linear(20, classes)

    def forward(self, image: Tensor, addend: Tensor) -> tuple[Tensor, Tensor]:
        digit = self.digit(image.flatten(1))
        return digit, self.sum(torch.cat([digit, nn.functional.one_hot(addend, 10).float()], 1))
