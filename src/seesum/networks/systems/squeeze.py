"""Published system 1, ``squeeze``: the channels are squeezed and widened three times, with 7,364 parameters.

From the source:

- the layers and their order, 7,364 parameters, dropout of 10 %
- 20 epochs in batches of 512, a learning rate of 0.02
- the sum of two cross-entropies

The source's text gives the one-hot vector of the addend a length of 19. But its layer sizes prove 10 (10 digit logits + 10 = 20
inputs of the first linear layer), so we build 10.

We chose what the source does not state:

- one fixed addend per image
- SGD with momentum 0.9: of the ordinary optimisers, its first epoch looks most like the published one (LOG.md compares them)
- images normalised with MNIST's mean and standard deviation

The source's "total" is the mean of digit and sum accuracy, here the output ``mean``. It is not the share of samples with both
right, here ``both``.
"""

from __future__ import annotations

from torch import nn

from seesum.base.recipe import Recipe
from seesum.networks.system import Published, PublishedFigure, Result, System

FEATURES = 16
DROPOUT = 0.1


def build_encoder() -> nn.Module:
    """Build the encoder, which computes features [B, 16] from images [B, 1, 28, 28].

    The source's last 1x1 convolution is the digit head.
    """
    return nn.Sequential(
        *_build_block(1), *_build_block(8), *_build_block(8), nn.Conv2d(8, FEATURES, 3, bias=False), nn.Flatten()
    )


def _build_block(inputs: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, 8, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 16, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.BatchNorm2d(16),
        nn.Conv2d(16, 8, 1),
        nn.MaxPool2d(2),
        nn.Dropout(DROPOUT),
    ]


SQUEEZE = System(
    recipe=Recipe(
        system="squeeze", adder="concat", epochs=20, batch_size=512, optimiser="sgd", lr=0.02, momentum=0.9, precision="fp32"
    ),
    summary="published 1: squeezed convolutions, then an MLP",
    features=FEATURES,
    build_encoder=build_encoder,
    adder_options={"hidden": (20,), "bias": False, "norm": True},
    head_bias=False,
    published=Published(
        figures=(
            PublishedFigure("digit", 1, 95.28),
            PublishedFigure("sum", 1, 21.37),
            PublishedFigure("mean", 1, 58.33),
            PublishedFigure("digit", "best", 99.17),
            PublishedFigure("sum", "best", 98.49),
            PublishedFigure("mean", "best", 98.80),
            PublishedFigure("digit", 1, 73.14, on="train"),
            PublishedFigure("sum", 1, 13.48, on="train"),
            PublishedFigure("mean", 1, 43.31, on="train"),
            PublishedFigure("digit", "best", 98.76, on="train"),
            PublishedFigure("sum", "best", 97.43, on="train"),
        ),
        parameters=7_364,
    ),
    result=Result(digit=99.11, sum=98.44, runs=3),
)
