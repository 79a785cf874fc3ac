"""Our system ``best``, for accuracy on MNIST: the network of ``deep``, which learns from four teachers.

Two teachers are of the system ``plain`` and two of ``deep``. Their networks differ, and they were trained on different images,
so they make different mistakes. The mean of their probabilities is right more often than any single teacher. Several teachers
of one system help much less.

The student learns on images augmented as in ``hand``. For each batch, it learns the mean of two teachers chosen at random. It
becomes almost as good as the four teachers together. On the test images it is no more accurate than ``hand``, but its
probabilities are better.

All choices were made on the 12,000 validation images. LOG.md lists them.
"""

from __future__ import annotations

from seesum.networks.system import Result, System
from seesum.networks.systems.deep import FEATURES, build_encoder
from seesum.networks.systems.hand import HAND
from seesum.networks.systems.plain import PLAIN

BEST = System(
    recipe=PLAIN.recipe.replaced(
        {
            "system": "best",
            "epochs": 14,
            "augmentation": HAND.recipe.augmentation,
            "teachers": ("plain", "plain", "deep", "deep"),
        }
    ),
    summary="ours: the network of deep, which learns from four teachers; for MNIST's own images",
    features=FEATURES,
    build_encoder=build_encoder,
    result=Result(digit=99.76, sum=99.76, runs=5),
)
