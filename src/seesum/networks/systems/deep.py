"""Ours, a teacher: nine convolutions, four of them residual steps, trained as ``hand`` is, synthetic images included.

The network: conv3x3 1->32, 32->32 without padding; max-pooling; conv3x3 32->64, two residual steps of one conv3x3 each;
max-pooling; conv3x3 64->128, two such steps; conv3x3 128->128 without padding; the mean over the remaining 4x4. BatchNorm and
ReLU after each. It takes more than twice the arithmetic of ``plain``.

Choices were made on the 12,000 validation images; LOG.md has them all.
"""

from __future__ import annotations

from torch import nn

from seesum.networks.blocks import Residual, stack_convolution
from seesum.networks.system import System
from seesum.networks.systems.hand import HAND

FEATURES = 128


def build_encoder() -> nn.Module:
    """Image [B, 1, 28, 28] -> features [B, 128]."""
    return nn.Sequential(
        *(*stack_convolution(1, 32), *stack_convolution(32, 32), nn.MaxPool2d(2)),
        *(*stack_convolution(32, 64, padding=1), Residual(64), Residual(64), nn.MaxPool2d(2)),
        *(*stack_convolution(64, 128, padding=1), Residual(128), Residual(128), *stack_convolution(128, FEATURES)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )


DEEP = System(
    recipe=HAND.recipe.replaced({"system": "deep", "epochs": 12}),
    summary="ours: nine convolutions, four of them residual steps, a teacher of best",
    features=FEATURES,
    build_encoder=build_encoder,
)
