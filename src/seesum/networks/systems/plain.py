"""Our system ``plain``, a teacher: six plain convolutions.

It trains in some minutes on one core, on MNIST's images with mild augmentation.

The network:

- conv3x3 1->32, 32->32, max-pooling, 32->64, 64->64, 64->128, 128->128, all without padding
- the mean over the remaining 4x4, then ten digit logits
- the adder ``exact``

BatchNorm and ReLU follow each convolution. Without padding, the image shrinks from layer to layer (28, 26, 24, 12, 10, 8, 6,
4). This halves the arithmetic. ``hand`` has the same network.

Alone, it is not the most accurate. But it makes other mistakes than ``deep``. For ``best``, these differences are worth more
than a better teacher of the same kind as ``deep``.

All choices were made on the 12,000 validation images. LOG.md lists them.
"""

from __future__ import annotations

from torch import nn

from seesum.base.recipe import Augmentation, Recipe
from seesum.networks.blocks import build_convolution
from seesum.networks.system import System

FEATURES = 128


def build_encoder() -> nn.Module:
    """Build the encoder, which computes features [B, 128] from images [B, 1, 28, 28]."""
    return nn.Sequential(
        *(*build_convolution(1, 32), *build_convolution(32, 32), nn.MaxPool2d(2)),
        *(*build_convolution(32, 64), *build_convolution(64, 64)),
        *(*build_convolution(64, 128), *build_convolution(128, FEATURES)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )


PLAIN = System(
    recipe=Recipe(
        system="plain",
        adder="exact",
        epochs=12,
        batch_size=128,
        optimiser="muon",
        lr=0.01,
        betas=(0.9, 0.95),
        muon_lr=0.05,
        momentum=0.9,
        schedule="triangle",
        warmup=0.2,
        label_smoothing=0.05,
        ema_decay=0.998,
        augmentation=Augmentation(rotate=10, shift=0.04, scale=0.10, shear=0.10, elastic=0.5),
    ),
    summary="ours: six plain convolutions; a teacher of best",
    features=FEATURES,
    build_encoder=build_encoder,
)
