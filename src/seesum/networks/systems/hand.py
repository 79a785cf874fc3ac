"""Ours, for people's own digits: the network of ``plain``, trained on what other people's pictures look like.

MNIST's images were scanned and prepared in one way, and come from one country's handwriting. This recipe adds differences that
remain after other pictures are prepared: other pens, low resolution, gaps in strokes, clutter and stronger slants. It adds
digits in shapes that MNIST lacks. It also adds images without a digit, for which every digit should be equally likely, so that
the network's confidence can be relied on.

Choices were made on the 12,000 validation images; LOG.md has them all.
"""

from __future__ import annotations

from seesum.base.recipe import Augmentation
from seesum.networks.system import Result, System
from seesum.networks.systems.plain import FEATURES, PLAIN, build_encoder

HAND = System(
    recipe=PLAIN.recipe.replaced(
        {
            "system": "hand",
            "epochs": 18,
            "synthetic_digits": 10_000,
            "synthetic_non_digits": 7_000,
            "augmentation": Augmentation(
                rotate=7,
                shift=0.03,
                scale=0.07,
                shear=0.08,
                stretch=0.05,
                elastic=0.35,
                extreme=0.25,
                low_resolution=0.15,
                stroke_width=0.4,
                blur=0.2,
                stroke_gaps=0.15,
                clutter=0.15,
            ),
        }
    ),
    summary="ours: the network of plain, trained for people's own digits; it answers where no run is named",
    features=FEATURES,
    build_encoder=build_encoder,
    result=Result(digit=99.76, sum=99.76, runs=3),
)
