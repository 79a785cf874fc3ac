"""Published system 3, ``identity-adder``: both outputs are computed from an embedding of the image and the addend.

From the source's code:

- the layers and the augmentation
- the split of the 60,000 images into 48,000 and 12,000
- 15 epochs in batches of 128, SGD with learning rate 0.01 and momentum 0.9
- the sum of two cross-entropies
- a new random addend each time an item is read

Differences from the source:

- We use the stratified split of this package. The source shuffles with its own seed.
- Our augmentation changes geometry first and light second, for a whole batch. It is bilinear, with shifts of any size. The
  source's library takes the nearest pixel and whole shifts.
- Our figures are over all ten addends. The source chooses new random addends for evaluation too, so its figures differ from run
  to run.
- Our loss is the sum of both losses. The source's printed "loss for both" is the loss of the digit.

The source's training and validation accuracies count a sample when both outputs are right.
"""

from __future__ import annotations

from torch import nn

from seesum.base.recipe import Augmentation, Recipe
from seesum.networks.system import Published, PublishedFigure, Result, System

FEATURES = 20
DROPOUT = 0.1


def build_encoder() -> nn.Module:
    """Build the encoder, which computes an embedding [B, 20] from images [B, 1, 28, 28]."""
    return nn.Sequential(
        *_build_block(1, 8),
        *_build_block(8, 8),
        nn.MaxPool2d(2),
        *_build_block(8, 16),
        *_build_block(16, 16),
        nn.MaxPool2d(2),
        *_build_block(16, 16)[:-1],  # the source has no dropout in this block
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
