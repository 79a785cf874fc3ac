"""Ours, for accuracy on MNIST: the network of ``deep``, which learns from four teachers.

Two teachers are of ``plain`` and two of ``deep``. Their networks differ, and so do the images they saw, so they make different
mistakes: the mean of their probabilities is right more often than any of them. Several teachers of one kind are worth much
less. The student learns that mean on images augmented as those of ``hand``, and becomes almost as good as the four together. On
the test images it is no more accurate than ``hand``, but its probabilities are better.

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
    summary="ours: the network of deep, which learns from four teachers; for MNIST's own images",
    features=FEATURES,
    build_encoder=build_encoder,
    result=Result(digit=99.76, sum=99.76, runs=5),
)
