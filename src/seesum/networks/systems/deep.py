"""Our system ``deep``, a teacher: nine convolutions, four of them residual steps.

It is trained like ``hand``, with the same synthetic images.

The network:

- conv3x3 1->32 and 32->32, without padding, then max-pooling
- conv3x3 32->64, two residual steps of one conv3x3 each, then max-pooling
- conv3x3 64->128, two residual steps of one conv3x3 each, then conv3x3 128->128 without padding
- the mean over the remaining 4x4

BatchNorm and ReLU follow each convolution. The network takes more than twice the arithmetic of ``plain``.

All choices were made on the 12,000 validation images. LOG.md lists them.
"""

from __future__ import annotations

from torch import nn

from seesum.networks.blocks import Residual, build_convolution
from seesum.networks.system import System
from seesum.networks.systems.hand import HAND

FEATURES = 128


def build_encoder() -> nn.Module:
    """Build the encoder, which computes features [B, 128] from images [B, 1, 28, 28]."""
    return nn.Sequential(
        *(*build_convolution(1, 32), *build_convolution(32, 32), nn.MaxPool2d(2)),
        *(*build_convolution(32, 64, padding=1), Residual(64), Residual(64), nn.MaxPool2d(2)),
        *(*build_convolution(64, 128, padding=1), Residual(128), Residual(128), *build_convolution(128, FEATURES)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )


DEEP = System(
    recipe=HAND.recipe.replaced({"system": "deep", "epochs": 12}),
    summary="ours: nine convolutions, four of them residual steps; a teacher of best",
    features=FEATURES,
    build_encoder=build_encoder,
)
