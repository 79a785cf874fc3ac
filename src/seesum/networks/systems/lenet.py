"""The system ``lenet``: the customary network of the benchmark "MNIST addition", for comparisons on the same network.

DeepProbLog (Manhaeve et al. 2018, arXiv 1805.10872) introduced the benchmark with it, and most later works kept it. It is close
to LeNet-5 (LeCun et al. 1998).

The network:

- conv5x5 1->6, max-pooling, ReLU
- conv5x5 6->16, max-pooling, ReLU
- linear 256->120, ReLU; linear 120->84, ReLU: the features
- linear 84->10: the digit logits
- the adder ``exact``

Its recipe has no augmentation, as in the published works. Nothing in it was tuned.
``seesum sums --network lenet`` trains it from sums.
"""

from __future__ import annotations

from torch import nn

from seesum.base.recipe import Recipe
from seesum.networks.system import System

FEATURES = 84


def build_encoder() -> nn.Module:
    """Build the encoder, which computes features [B, 84] from images [B, 1, 28, 28]."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), nn.ReLU()),
        nn.Flatten(),
        *(nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, FEATURES), nn.ReLU()),
    )


LENET = System(
    recipe=Recipe(
        system="lenet",
        adder="exact",
        epochs=12,
        batch_size=128,
        optimiser="muon",
        lr=0.005,
        betas=(0.9, 0.95),
        muon_lr=0.05,
        momentum=0.9,
        schedule="triangle",
        warmup=0.2,
        label_smoothing=0.1,
        ema_decay=0.998,
    ),
    summary="the customary network of learning from sums, without augmentation",
    features=FEATURES,
    build_encoder=build_encoder,
)
