"""Ours, for accuracy on MNIST: the network of ``deep``, which learns what four others say.

Two teachers are of ``plain``, two of ``deep``. They differ in their networks and in what they were shown, so their mistakes
differ as well, and the mean of what they say is right more often than any of them; two of one kind are worth much less
together. The network learns that mean on images distorted as those of ``hand``, and becomes almost as good as the four: on
the test images no more accurate than ``hand``, but with better probabilities.

Choices were made on the 12,000 validation images; LOG.md has them all.
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
    summary="ours: the network of deep, which learns what four others say; for MNIST's own images",
    features=FEATURES,
    build_encoder=build_encoder,
    result=Result(digit=99.76, sum=99.76, runs=5),
)
