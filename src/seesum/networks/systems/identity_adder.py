"""Published system 3: the digit becomes an embedding of 20 numbers, and both outputs are computed after the addend was joined.

From the source's code: the layers, the split of the 60,000 into 48,000 and 12,000, the augmentation, SGD with rate 0.01 and
momentum 0.9, batches of 128, 15 epochs, the sum of two cross-entropies, and a new random addend each time an item is read.

We chose the stratified split of this package; the source shuffles with a seed of its own. Our augmentation does geometry first
and light second, for a whole batch, bilinear and with shifts of any size; the source's library takes the nearest pixel and
whole shifts. The source also redraws addends in evaluation, so its own figures differ from run to run; ours are over all ten
addends. Its printed "loss for both" is the digit's loss; ours is the sum of both. Its training and validation accuracies count
a sample when both outputs are right.
"""

from __future__ import annotations

from torch import nn

from seesum.base.recipe import Augmentation, Recipe
from seesum.networks.system import Published, PublishedFigure, Result, System

FEATURES = 20
DROPOUT = 0.1


def build_encoder() -> nn.Module:
    """Image [B, 1, 28, 28] -> embedding [B, 20]."""
    return nn.Sequential(
        *_build_block(1, 8),
        *_build_block(8, 8),
        nn.MaxPool2d(2),
        *_build_block(8, 16),
        *_build_block(16, 16),
        nn.MaxPool2d(2),
        *_build_block(16, 16)[:-1],  # the source has no dropout in this one
        *_build_block(16, 16, padding=0),
        nn.AvgPool2d(5),
        nn.Flatten(),
        nn.Linear(16, FEATURES, bias=False),
        nn.BatchNorm1d(FEATURES),
        nn.ReLU(),
    )


def _build_block(inputs: int, outputs: int, padding: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, padding=padding, bias=False),
        nn.ReLU(),
        nn.BatchNorm2d(outputs),
        nn.Dropout(DROPOUT),
    ]


IDENTITY_ADDER = System(
    recipe=Recipe(
        system="identity-adder",
        adder="embedding",
        addends="fresh",
        split="validate",
        epochs=15,
        batch_size=128,
        optimiser="sgd",
        lr=0.01,
        momentum=0.9,
        augmentation=Augmentation(rotate=20, shift=0.1, scale=0.1, brightness=0.2, contrast=0.2),
        precision="fp32",
    ),
    summary="published 3: a digit embedding, then both outputs",
    features=FEATURES,
    build_encoder=build_encoder,
    adder_options={"hidden": 64, "bias": False, "norm": True},
    published=Published(
        figures=(
            PublishedFigure("digit", "last", 99.16),
            PublishedFigure("sum", "last", 99.12),
            PublishedFigure("both", "last", 99.00),
            PublishedFigure("both", "best", 98.84, on="validation"),
            PublishedFigure("both", "last", 98.84, on="validation"),
            PublishedFigure("both", "best", 97.84, on="train"),
            PublishedFigure("both", "last", 97.84, on="train"),
        ),
        parameters=13_136,
    ),
    result=Result(digit=99.22, sum=99.19, runs=3),
)
