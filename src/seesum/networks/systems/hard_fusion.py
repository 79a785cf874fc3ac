"""Published system 4, ``hard-fusion``: the one-hot vector of the most probable digit is joined with the addend.

No gradient of the sum passes through this vector.

From the source's code:

- channels and hidden sizes, mean 0.1307 and standard deviation 0.3081
- 5 epochs in batches of 128, SGD with learning rate 0.01 and momentum 0.9
- the sum of two negative log-likelihoods on log-softmax outputs
- fixed addends

The source's text describes pooling of 3x3 with stride 1. But its sizes 7 -> 5 -> 3 -> 1 prove pooling of 2x2 with stride 2, so
we build that.
"""

from __future__ import annotations

from torch import nn

from seesum.base.recipe import Recipe
from seesum.networks.system import Published, PublishedFigure, Result, System

FEATURES = 1024 * 3 * 3
TEST_PERCENT = ((98.07, 30.65), (98.81, 89.81), (98.95, 98.95), (98.94, 98.94), (98.88, 98.88))
"""Published: the accuracy of digit and sum on the test images after each epoch, in percent."""


def build_encoder() -> nn.Module:
    """Build the encoder, which computes features [B, 9216] from images [B, 1, 28, 28].

    The source's last 3x3 convolution (3x3 -> 1x1) is the digit head.
    """
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU()),
        nn.MaxPool2d(2),
        *(nn.Conv2d(64, 128, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(128, 256, 3, padding=1), nn.ReLU()),
        nn.MaxPool2d(2),
        *(nn.Conv2d(256, 512, 3), nn.ReLU()),
        *(nn.Conv2d(512, 1024, 3), nn.ReLU()),
        nn.Flatten(),
    )


HARD_FUSION = System(
    recipe=Recipe(
        system="hard-fusion", adder="argmax", epochs=5, batch_size=128, optimiser="sgd", lr=0.01, momentum=0.9, precision="fp32"
    ),
    summary="published 4: the most probable digit, then an MLP",
    features=FEATURES,
    build_encoder=build_encoder,
    adder_options={"hidden": (60, 60)},
    published=Published(
        figures=(
            *(PublishedFigure("digit", epoch, digit) for epoch, (digit, _) in enumerate(TEST_PERCENT, 1)),
            *(PublishedFigure("sum", epoch, sum_) for epoch, (_, sum_) in enumerate(TEST_PERCENT, 1)),
            PublishedFigure("digit", "best", 98.95),
            PublishedFigure("sum", "best", 98.95),
        ),
        parameters=6_385_865,
        runs=1,
    ),
    result=Result(digit=99.07, sum=99.07, runs=1),
)
