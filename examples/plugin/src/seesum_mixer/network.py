"""The network ``mixer``: patches of the image, mixed with each other. After Tolstikhin et al. 2021 (arXiv 2105.01601)."""

from __future__ import annotations

from torch import Tensor, nn

import seesum

PATCH, WIDTH = 4, 64
PATCHES = (28 // PATCH) ** 2


class Mixing(nn.Module):
    """Mix the patches with each other, then the values of each patch."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Sequential(nn.Linear(PATCHES, PATCHES), nn.GELU(), nn.Linear(PATCHES, PATCHES))
        self.values = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
        self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix tokens [B, patches, width]."""
        tokens = tokens + self.patches(self.first(tokens).transpose(1, 2)).transpose(1, 2)
        return tokens + self.values(self.second(tokens))


class Mixer(nn.Module):
    """The encoder: images [B, 1, 28, 28] -> features [B, 64]."""

    def __init__(self) -> None:
        super().__init__()
        self.cut = nn.Conv2d(1, WIDTH, PATCH, stride=PATCH)
        self.mix = nn.Sequential(Mixing(), Mixing(), nn.LayerNorm(WIDTH))

    def forward(self, image: Tensor) -> Tensor:
        """Compute features."""
        tokens = self.cut(image).flatten(2).transpose(1, 2)
        return self.mix(tokens).mean(1)


MIXER = seesum.System(
    recipe=seesum.Recipe(system="mixer", epochs=5, batch_size=128, lr=0.004, schedule="one-cycle"),
    build_encoder=Mixer,
    summary="49 patches that are mixed twice",
)
