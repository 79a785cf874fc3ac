"""Layers for encoders: layers that several systems share, and layers that torch lacks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Crop(nn.Module):
    """Cut a margin off each side of an image."""

    def __init__(self, margin: int) -> None:
        """Set the width of the margin, in pixels."""
        super().__init__()
        self.margin = margin

    def forward(self, image: Tensor) -> Tensor:
        """Crop images [B, C, H, W] to [B, C, H - 2 margin, W - 2 margin]."""
        return image[:, :, self.margin : -self.margin, self.margin : -self.margin]


class View(NamedTuple):
    """One view of an image: rotated, scaled or shifted."""

    rotate: float = 0.0
    """Rotation in degrees, clockwise."""
    scale: float = 1.0
    """Factor on the size. Above 1, the view is enlarged."""
    right: float = 0.0
    """Shift to the right, in pixels."""
    down: float = 0.0
    """Shift down, in pixels."""


THIRTEEN_VIEWS = (
    *(View(down=down, right=right) for down in (-1, 0, 1) for right in (-1, 0, 1)),
    *(View(rotate=8), View(rotate=-8), View(scale=1.08), View(scale=0.92)),
)
"""The image unchanged, shifted by a pixel in all eight directions, rotated both ways, enlarged and reduced. On validation
images, these views save small networks two to three mistakes in a thousand. They save the six convolutions of ``plain`` none
(LOG.md)."""


class Views(nn.Module):
    """Compute the mean features of an encoder over several views of the image. In training mode, use the image alone.

    This is test-time augmentation as part of the network. It costs one pass of the encoder for each view, and no parameters.
    """

    grid: Tensor

    def __init__(self, encoder: nn.Module, views: Sequence[View], side: int = 28) -> None:
        """Wrap an encoder of images [B, 1, side, side]."""
        super().__init__()
        self.encoder = encoder
        rows = []
        for view in views:
            # the grid gives the source of each output pixel, so it is the inverse of the view; coordinates run from -1 to 1
            cosine, sine = (function(math.radians(view.rotate)) / view.scale for function in (math.cos, math.sin))
            rows.append([[cosine, sine, -2 * view.right / side], [-sine, cosine, -2 * view.down / side]])
        grid = functional.affine_grid(torch.tensor(rows), [len(rows), 1, side, side], align_corners=False)
        self.register_buffer("grid", grid, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Compute features [B, F] from images [B, 1, side, side].

        Where a view reaches beyond the image, it repeats the border pixels.
        """
        if self.training:
            features: Tensor = self.encoder(image)
            return features
        grids = [grid.expand(image.shape[0], -1, -1, -1) for grid in self.grid]
        views = [functional.grid_sample(image, grid, padding_mode="border", align_corners=False) for grid in grids]
        features_by_view = [self.encoder(view) for view in views]
        return torch.stack(features_by_view).mean(0)


class Deskew(nn.Module):
    """Shear the image until its ink no longer slants, and move its centre of mass to the middle.

    This is deskewing by moments. LeCun et al. 1998 ("Gradient-based learning applied to document recognition") also tried
    their classifiers with it. Sampling is bilinear. At most 45 degrees of slant are removed. The layer has no parameters.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Deskew and centre images [B, 1, H, W]. Return the same shape in float32."""
        image = image.float()
        background = image.amin((1, 2, 3), keepdim=True)
        ink = (image - background).squeeze(1)
        height, width = ink.shape[1:]
        y = (torch.arange(height, device=ink.device) * 2 + 1) / height - 1
        x = (torch.arange(width, device=ink.device) * 2 + 1) / width - 1
        columns, rows = ink.sum(1), ink.sum(2)
        mass = rows.sum(1).clamp_min(1e-6)
        centre_x, centre_y = (columns * x).sum(1) / mass, (rows * y).sum(1) / mass
        from_centre = y - centre_y.unsqueeze(1)
        covariance = ((ink * from_centre.unsqueeze(2)).sum(1) * (x - centre_x.unsqueeze(1))).sum(1) / mass
        slant = (covariance / ((rows * from_centre**2).sum(1) / mass).clamp_min(1e-4)).clamp(-1, 1)
        ones, zeros = torch.ones_like(centre_x), torch.zeros_like(centre_x)
        affine = torch.stack([ones, slant, centre_x, zeros, ones, centre_y], 1).view(-1, 2, 3)
        grid = functional.affine_grid(affine, list(image.shape), align_corners=False)
        return functional.grid_sample(image - background, grid, align_corners=False) + background


class ShiftNorm(nn.Module):
    """Normalise a batch as BatchNorm does, with a learned shift but no learned gain.

    After a ReLU, the weights of the next layer can replace the gain. So this takes half the parameters of BatchNorm.
    """

    def __init__(self, channels: int, kind: type[nn.BatchNorm1d | nn.BatchNorm2d] = nn.BatchNorm2d) -> None:
        """Start with a shift of 0. ``kind`` is ``BatchNorm1d`` for features and ``BatchNorm2d`` for images."""
        super().__init__()
        self.norm = kind(channels, affine=False)
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, values: Tensor) -> Tensor:
        """Normalise and shift values [B, C] or [B, C, H, W]. Return the same shape."""
        normalised: Tensor = self.norm(values)
        return normalised + self.shift.view(-1, *[1] * (values.ndim - 2))


class Loop(nn.Module):
    """Apply residual steps that reuse a few convolutions, at falling resolutions.

    Each step computes ``image + ReLU(norm(convolution(image)))`` with its own norm. The norms are the only parameters that more
    depth costs.
    """

    POOL = -1
    """The entry of a plan that halves the resolution by max-pooling."""

    def __init__(self, channels: int, convolutions: Sequence[nn.Module], plan: Sequence[int]) -> None:
        """Build the norms.

        Args:
            channels: C, the number of channels.
            convolutions: layers that keep [C, H, W].
            plan: for each step, the index of its convolution, or ``POOL``.
        """
        super().__init__()
        self.convolutions, self.plan = nn.ModuleList(convolutions), tuple(plan)
        self.norms = nn.ModuleList(ShiftNorm(channels) for step in plan if step != self.POOL)

    def forward(self, image: Tensor) -> Tensor:
        """Compute [B, C, H / 2^pools, W / 2^pools], rounded down, from images [B, C, H, W]."""
        norms = iter(self.norms)
        for step in self.plan:
            if step == self.POOL:
                image = functional.max_pool2d(image, 2)
            else:
                image = image + functional.relu(next(norms)(self.convolutions[step](image)))
        return image


class Readout(nn.Module):
    """Compute features that depend on position: each is a sum over channels, rows and columns with weights of rank one.

    This is a linear layer with weights in the canonical polyadic form (Hitchcock 1927). It has F (C + H + W) weights instead of
    F C H W. Small networks usually take the mean over all positions, but that cost ``micro`` almost two points (LOG.md).
    """

    def __init__(self, channels: int, side: int, features: int) -> None:
        """Start as a random projection.

        Args:
            channels: C, the number of channels.
            side: H and W, the side of the image.
            features: F, the number of features.
        """
        super().__init__()
        self.mix = nn.Conv2d(channels, features, 1, bias=False)
        self.rows = nn.Parameter(torch.randn(features, side) / side**0.5)
        self.columns = nn.Parameter(torch.randn(features, side) / side**0.5)

    def forward(self, image: Tensor) -> Tensor:
        """Compute features [B, F] from images [B, C, side, side]."""
        mixed: Tensor = self.mix(image)
        return torch.einsum("bfhw,fh,fw->bf", mixed, self.rows.to(mixed.dtype), self.columns.to(mixed.dtype))


class Residual(nn.Module):
    """Apply one residual step: ``image + ReLU(norm(convolution(image)))``, with a 3x3 convolution that keeps [C, H, W]."""

    def __init__(self, channels: int) -> None:
        """Build the convolution and the norm for C = ``channels``."""
        super().__init__()
        self.step = nn.Sequential(*build_convolution(channels, channels, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        """Apply the step to images [B, C, H, W]. Return the same shape."""
        stepped: Tensor = self.step(image)
        return image + stepped


def build_small_encoder(
    channels: int,
    features: int,
    build_loop: Callable[[], nn.Module],
    build_middle: Callable[[], Sequence[nn.Module]] = tuple,
) -> nn.Module:
    """Build the encoder of ``micro`` and ``tiny``, which computes features [B, F] from images [B, 1, 28, 28].

    The image is set upright. Once trained, the network takes the mean over ``THIRTEEN_VIEWS``. Each view goes through a
    convolution with pooling, the loop, the layers in the middle, and a readout.

    The order in which layers are built decides their initial weights. So this order is fixed: the first convolution, then
    ``build_loop``, then ``build_middle``, then the readout.

    Args:
        channels: C, the number of channels of the first convolution and of the input of the readout.
        features: F, the number of features.
        build_loop: builds a layer that computes [B, C, 7, 7] from [B, C, 14, 14].
        build_middle: builds layers that keep [B, C, 7, 7].
    """
    one_view = nn.Sequential(
        *(nn.Conv2d(1, channels, 3, padding=1, bias=False), ShiftNorm(channels), nn.ReLU(), nn.MaxPool2d(2)),
        build_loop(),
        *build_middle(),
        *(Readout(channels, 7, features), ShiftNorm(features, nn.BatchNorm1d), nn.ReLU()),
    )
    return nn.Sequential(Deskew(), Views(one_view, THIRTEEN_VIEWS))


def build_convolution(inputs: int, outputs: int, side: int = 3, padding: int = 0) -> list[nn.Module]:
    """Return three layers: a convolution without a bias, a BatchNorm and a ReLU."""
    return [nn.Conv2d(inputs, outputs, side, padding=padding, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def separate_convolution(inputs: int, outputs: int) -> nn.Module:
    """Return a depthwise separable convolution from C to C' channels.

    A 3x3 convolution of each channel is followed by a 1x1 convolution over the channels: 9 C + C C' weights instead of 9 C C'.
    """
    depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
    return nn.Sequential(depthwise, nn.Conv2d(inputs, outputs, 1, bias=False))
