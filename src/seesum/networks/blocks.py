"""Layers that encoders are built from: those that several systems use, and those that torch lacks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Crop(nn.Module):
    """Cut a margin of this many pixels off each side of an image."""

    def __init__(self, margin: int) -> None:
        """Keep the margin."""
        super().__init__()
        self.margin = margin

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H - 2 margin, W - 2 margin]."""
        return image[:, :, self.margin : -self.margin, self.margin : -self.margin]


class View(NamedTuple):
    """One view of an image: rotated, scaled or shifted."""

    rotate: float = 0.0
    """Degrees, clockwise."""
    scale: float = 1.0
    right: float = 0.0
    """Pixels."""
    down: float = 0.0
    """Pixels."""


THIRTEEN_VIEWS = (
    *(View(down=down, right=right) for down in (-1, 0, 1) for right in (-1, 0, 1)),
    *(View(rotate=8), View(rotate=-8), View(scale=1.08), View(scale=0.92)),
)
"""The image as it is, shifted by a pixel each way, rotated, larger and smaller. On validation images, small networks make
two to three mistakes fewer in a thousand with these views; the six convolutions of `plain` make no fewer (LOG.md)."""


class Views(nn.Module):
    """Wrap an encoder so that, once trained, it computes the mean of its features over several views of the image.

    This is test-time augmentation as part of the network. It costs a pass of the encoder for each view, and no parameters.
    """

    grid: Tensor

    def __init__(self, encoder: nn.Module, views: Sequence[View], side: int = 28) -> None:
        """Take an encoder of images [B, 1, side, side], and the views."""
        super().__init__()
        self.encoder = encoder
        rows = []
        for view in views:
            # a grid tells where each pixel comes from, so it holds the inverse of the view; it counts from -1 to 1
            cosine, sine = (f(math.radians(view.rotate)) / view.scale for f in (math.cos, math.sin))
            rows.append([[cosine, sine, -2 * view.right / side], [-sine, cosine, -2 * view.down / side]])
        grid = functional.affine_grid(torch.tensor(rows), [len(rows), 1, side, side], align_corners=False)
        self.register_buffer("grid", grid, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Image [B, 1, side, side] -> features [B, F]. In training mode, the image is the only view. Views repeat the rim of
        the image.
        """
        if self.training:
            features: Tensor = self.encoder(image)
            return features
        grids = [grid.expand(image.shape[0], -1, -1, -1) for grid in self.grid]
        looks = [functional.grid_sample(image, grid, padding_mode="border", align_corners=False) for grid in grids]
        seen = [self.encoder(look) for look in looks]
        return torch.stack(seen).mean(0)


class Upright(nn.Module):
    """Shear the image until its ink no longer slants, and move its centre of mass to the middle; no parameters.

    This is deskewing by moments. LeCun et al. 1998 ("Gradient-based learning applied to document recognition") tried their
    classifiers with it. Sampling is bilinear. A slant of at most 45 degrees is removed.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Image [B, 1, H, W] -> the same shape, float32."""
        image = image.float()
        paper = image.amin((1, 2, 3), keepdim=True)
        ink = (image - paper).squeeze(1)
        height, width = ink.shape[1:]
        down = (torch.arange(height, device=ink.device) * 2 + 1) / height - 1
        right = (torch.arange(width, device=ink.device) * 2 + 1) / width - 1
        columns, rows = ink.sum(1), ink.sum(2)
        mass = rows.sum(1).clamp_min(1e-6)
        x, y = (columns * right).sum(1) / mass, (rows * down).sum(1) / mass
        away = down - y.unsqueeze(1)
        mixed = ((ink * away.unsqueeze(2)).sum(1) * (right - x.unsqueeze(1))).sum(1) / mass
        slant = (mixed / ((rows * away**2).sum(1) / mass).clamp_min(1e-4)).clamp(-1, 1)
        one, nought = torch.ones_like(x), torch.zeros_like(x)
        moved = torch.stack([one, slant, x, nought, one, y], 1).view(-1, 2, 3)
        grid = functional.affine_grid(moved, list(image.shape), align_corners=False)
        return functional.grid_sample(image - paper, grid, align_corners=False) + paper


class Shifted(nn.Module):
    """BatchNorm with a learned shift and no gain. The weights after a ReLU can replace the gain, so this takes half the
    parameters.
    """

    def __init__(self, channels: int, kind: type[nn.BatchNorm1d | nn.BatchNorm2d] = nn.BatchNorm2d) -> None:
        """Start with a shift of 0; ``kind`` is ``BatchNorm1d`` for features and ``BatchNorm2d`` for images."""
        super().__init__()
        self.norm = kind(channels, affine=False)
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, values: Tensor) -> Tensor:
        """[B, C] or [B, C, H, W] -> the same shape."""
        normalised: Tensor = self.norm(values)
        return normalised + self.shift.view(-1, *[1] * (values.ndim - 2))


class Loop(nn.Module):
    """Residual steps that use a few convolutions many times, at falling resolutions: depth without parameters.

    Each step computes ``image + ReLU(norm(convolution(image)))``, with a norm of its own.
    """

    POOL = -1
    """In a plan: halve the resolution."""

    def __init__(self, channels: int, convolutions: Sequence[nn.Module], plan: Sequence[int]) -> None:
        """Take convolutions that keep [C, H, W], and the plan: for each step the index of its convolution, or ``POOL``."""
        super().__init__()
        self.convolutions, self.plan = nn.ModuleList(convolutions), tuple(plan)
        self.norms = nn.ModuleList(Shifted(channels) for step in plan if step != self.POOL)

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H / 2^pools, W / 2^pools], rounded down."""
        norms = iter(self.norms)
        for step in self.plan:
            if step == self.POOL:
                image = functional.max_pool2d(image, 2)
            else:
                image = image + functional.relu(next(norms)(self.convolutions[step](image)))
        return image


class Readout(nn.Module):
    """Compute features that depend on position: each is a sum over channels, rows and columns with weights of rank one.

    These are a linear layer's weights in the canonical polyadic form (Hitchcock 1927): F (C + H + W) instead of F C H W. Small
    networks usually take the mean over all positions instead, which cost `micro` almost two points (LOG.md).
    """

    def __init__(self, channels: int, side: int, features: int) -> None:
        """Start as a random projection.

        Args:
            channels: C.
            side: H and W.
            features: F.
        """
        super().__init__()
        self.mix = nn.Conv2d(channels, features, 1, bias=False)
        self.rows = nn.Parameter(torch.randn(features, side) / side**0.5)
        self.columns = nn.Parameter(torch.randn(features, side) / side**0.5)

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, side, side] -> [B, F]."""
        mixed: Tensor = self.mix(image)
        return torch.einsum("bfhw,fh,fw->bf", mixed, self.rows.to(mixed.dtype), self.columns.to(mixed.dtype))


class Residual(nn.Module):
    """One residual step: ``image + ReLU(norm(convolution(image)))``, with a 3x3 convolution that keeps [C, H, W]."""

    def __init__(self, channels: int) -> None:
        """Take C, the number of channels."""
        super().__init__()
        self.step = nn.Sequential(*stack_convolution(channels, channels, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        """[B, C, H, W] -> the same shape."""
        stepped: Tensor = self.step(image)
        return image + stepped


def build_small_encoder(
    channels: int,
    features: int,
    build_loop: Callable[[], nn.Module],
    build_middle: Callable[[], Sequence[nn.Module]] = tuple,
) -> nn.Module:
    """The encoder of ``micro`` and ``tiny``: image [B, 1, 28, 28] -> features [B, features].

    The image is set upright, and a trained network is the mean over ``THIRTEEN_VIEWS``. One view goes through a convolution
    with pooling, the loop, the layers in the middle, and a readout.

    Args:
        channels: C, of the first convolution and of what goes into the readout.
        features: F.
        build_loop: builds a layer [B, C, 14, 14] -> [B, C, 7, 7]. It is called after the first convolution is made, and
            ``build_middle`` after it: the order in which layers are made decides their first weights.
        build_middle: builds layers that keep [B, C, 7, 7].
    """
    one_view = nn.Sequential(
        *(nn.Conv2d(1, channels, 3, padding=1, bias=False), Shifted(channels), nn.ReLU(), nn.MaxPool2d(2)),
        build_loop(),
        *build_middle(),
        *(Readout(channels, 7, features), Shifted(features, nn.BatchNorm1d), nn.ReLU()),
    )
    return nn.Sequential(Upright(), Views(one_view, THIRTEEN_VIEWS))


def stack_convolution(inputs: int, outputs: int, side: int = 3, padding: int = 0) -> list[nn.Module]:
    """Return a convolution without bias, BatchNorm and ReLU."""
    return [nn.Conv2d(inputs, outputs, side, padding=padding, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def separate_convolution(inputs: int, outputs: int) -> nn.Module:
    """Return a 3x3 convolution of each channel alone, followed by a mixture of channels: 9 C + C C' weights instead of 9 C
    C'.
    """
    alone = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
    return nn.Sequential(alone, nn.Conv2d(inputs, outputs, 1, bias=False))
