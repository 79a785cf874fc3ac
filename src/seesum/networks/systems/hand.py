"""Our system ``hand``, for people's own digits: the network of ``plain``, trained on images that resemble people's pictures.

MNIST's images show the handwriting of one country. All were scanned and prepared in one way. Other pictures still differ from
them after preparation. So this recipe adds other pens, low resolution, gaps in strokes, clutter and stronger slants. It adds
digits in shapes that MNIST lacks.

It also adds images without a digit, whose target is the same probability for every digit. They make the confidence of the
network reliable.

All choices were made on the 12,000 validation images. LOG.md lists them.
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
    summary="ours: the network of plain, trained for people's own digits; used if no run is named",
    features=FEATURES,
    build_encoder=build_encoder,
    result=Result(digit=99.71, sum=99.71, runs=1),
)
