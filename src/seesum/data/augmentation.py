"""Change training images at random: geometry, strokes, edges, gaps, clutter, brightness and contrast.

All functions work on whole batches. All random numbers come from one generator on the CPU, so a checkpoint needs only
its state. An augmentation that a recipe leaves at zero uses no random number.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional

from seesum.base.recipe import Augmentation
from seesum.data.idx import SIDE

KNOTS = 7
"""Number of knots of the elastic distortion along each side: one every 4.5 pixels."""
EXTREME_FACTOR = 3.0
"""How much more the images chosen by ``extreme`` are rotated, slanted, shifted and scaled. Their elastic distortion stays
the same, because three times as much no longer looks like handwriting."""
PIECES = 3
"""The largest number of gaps, or of pieces of clutter, in an image."""


def augment(pixels: Tensor, how: Augmentation, generator: Generator) -> Tensor:
    """Change each image of [B, 1, 28, 28] (0..255, float) at random, by the augmentations of ``how``."""
    if how.rotate or how.shear or how.shift or how.scale or how.stretch or how.elastic:
        pixels = transform_geometry(pixels, how, generator)
    for share, change in (
        (how.low_resolution, lower_resolution),
        (how.stroke_width, change_stroke_width),
        (how.blur, blur_or_sharpen),
        (how.stroke_gaps, cut_stroke_gaps),
        (how.clutter, add_clutter),
    ):
        if share:
            rows = (torch.rand(len(pixels), generator=generator) < share).nonzero()[:, 0].to(pixels.device)
            if len(rows):
                pixels = pixels.index_copy(0, rows, change(pixels[rows], generator))
    if how.brightness or how.contrast:
        brightness = (1 + _draw_uniform(len(pixels), how.brightness, generator)).view(-1, 1, 1, 1).to(pixels.device)
        contrast = (1 + _draw_uniform(len(pixels), how.contrast, generator)).view(-1, 1, 1, 1).to(pixels.device)
        pixels = (pixels * brightness).clamp(0, 255)
        mean = pixels.mean((1, 2, 3), keepdim=True)
        pixels = ((pixels - mean) * contrast + mean).clamp(0, 255)
    return pixels


def _draw_uniform(count: int, width: float | Tensor, generator: Generator) -> Tensor:
    """Draw ``count`` numbers, uniform between ``-width`` and ``width``."""
    return (torch.rand(count, generator=generator) * 2 - 1) * width


def transform_geometry(pixels: Tensor, how: Augmentation, generator: Generator) -> Tensor:
    """Rotate, slant, scale, stretch, shift and distort images, with bilinear sampling and zeros outside the image."""
    count = len(pixels)
    factor: float | Tensor = 1.0
    if how.extreme:
        factor = torch.where(torch.rand(count, generator=generator) < how.extreme, EXTREME_FACTOR, 1.0)
    angle = torch.deg2rad(_draw_uniform(count, how.rotate * factor, generator))
    slant = _draw_uniform(count, how.shear * factor, generator)
    # no smaller than a tenth, however extreme
    size = (1 + _draw_uniform(count, how.scale * factor, generator)).clamp_min(0.1)
    ratio = (1 + _draw_uniform(count, how.stretch * factor, generator)).clamp_min(0.1)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    # The grid holds, for each output pixel, the place in the input that it comes from: the inverse transformation.
    # Its coordinates run from -1 to 1 across the image, so a shift by a share of the side is twice that share.
    width, height = size * ratio, size / ratio
    columns = [cosine / width, (slant * cosine - sine) / width, 2 * _draw_uniform(count, how.shift * factor, generator)]
    columns += [sine / height, (slant * sine + cosine) / height, 2 * _draw_uniform(count, how.shift * factor, generator)]
    grid = functional.affine_grid(torch.stack(columns, 1).view(count, 2, 3), list(pixels.shape), align_corners=False)
    if how.elastic:
        grid += draw_elastic_displacement(count, how.elastic, generator)
    return functional.grid_sample(pixels, grid.to(pixels.device), align_corners=False)


def draw_elastic_displacement(count: int, deviation: float, generator: Generator) -> Tensor:
    """Draw smooth random displacements [count, 28, 28, 2] in units of half a side; ``deviation`` is in pixels.

    Normal numbers on a grid of ``KNOTS`` x ``KNOTS`` are blended by cubic B-splines, with two small matrix products. The result
    is that of a Gaussian filter of about four pixels over noise (Simard et al. 2003, "Best practices for convolutional neural
    networks").
    """
    knots = torch.randn(count, 2, KNOTS, KNOTS, generator=generator)
    distance = (torch.linspace(0, KNOTS - 1, SIDE).unsqueeze(1) - torch.arange(KNOTS)).abs()
    near = 2 / 3 - distance**2 + distance**3 / 2
    weights = torch.where(distance < 1, near, (2 - distance).clamp_min(0) ** 3 / 6)
    weights = weights / weights.square().sum(1, keepdim=True).sqrt()  # so that the deviation is the same everywhere
    return (weights @ knots @ weights.T).permute(0, 2, 3, 1) * (deviation * 2 / SIDE)


def lower_resolution(pixels: Tensor, generator: Generator) -> Tensor:
    """Reduce images [B, 1, 28, 28] to 9 to 18 pixels a side, one number for the batch, and enlarge them again."""
    side = int(torch.randint(9, 19, (), generator=generator))
    small = functional.interpolate(pixels, size=(side, side), mode="area")
    enlarged = functional.interpolate(small, size=(SIDE, SIDE), mode="bicubic", align_corners=False).clamp_min(0)
    return (enlarged * (255 / enlarged.amax((1, 2, 3), keepdim=True).clamp_min(1))).clamp_max(255)


def change_stroke_width(pixels: Tensor, generator: Generator) -> Tensor:
    """Make the strokes of each image of [B, 1, 28, 28] up to a pixel thicker or thinner, with hard or soft edges.

    The image is blurred and cut at a level. A low level makes strokes thicker, a high level thinner. A steep cut gives the
    jagged edges of a drawing program, a flat cut those of a soft pencil. Thin strokes may break. An image that would lose more
    than half of its ink stays as it is.
    """
    count = len(pixels)
    blur, level, steep = (torch.rand(count, 1, 1, 1, generator=generator).to(pixels.device) for _ in range(3))
    blurred = torch.lerp(pixels, _blur(_blur(pixels)), blur) / 255
    level = 0.22 + 0.4 * level
    cut = ((blurred - level) / (2 * level * (0.1 + 0.9 * steep)) + 0.5).clamp(0, 1) * 255
    enough = cut.sum((1, 2, 3), keepdim=True) > pixels.sum((1, 2, 3), keepdim=True) / 2
    return torch.where(enough, cut, pixels)


def blur_or_sharpen(pixels: Tensor, generator: Generator) -> Tensor:
    """Blur or sharpen each image of [B, 1, 28, 28], and raise or lower its grey levels by a power."""
    count = len(pixels)
    blur, power = (torch.rand(count, 1, 1, 1, generator=generator).to(pixels.device) for _ in range(2))
    mixed = torch.lerp(pixels, _blur(pixels), 1.8 * blur - 0.6).clamp(0, 255) / 255
    return 255 * mixed ** torch.exp(1.6 * power - 0.8)


def cut_stroke_gaps(pixels: Tensor, generator: Generator) -> Tensor:
    """Cut gaps into the strokes of each image of [B, 1, 28, 28], as worn pens and removed lines leave them."""
    count = len(pixels)
    length, width = torch.rand(2, count, PIECES, generator=generator)
    angle = torch.pi * torch.rand(count, PIECES, generator=generator)
    gaps = draw_line_pieces(4 * length, 0.4 + 0.7 * width, angle, 4.5, generator)
    return pixels * (1 - gaps.to(pixels.device).amax(1, keepdim=True))


def add_clutter(pixels: Tensor, generator: Generator) -> Tensor:
    """Add specks and ruled lines, whole or in pieces, to each image of [B, 1, 28, 28], faint or as dark as the ink."""
    count = len(pixels)
    length, width, strength, tilt = torch.rand(4, count, PIECES, generator=generator)
    length = torch.where(length < 0.4, length, torch.where(length < 0.8, 8 * length, SIDE))
    angle = 0.2 * (tilt - 0.5) + torch.pi / 2 * (tilt < 0.4)  # most ruled lines are horizontal
    pieces = draw_line_pieces(length, 0.2 + 0.7 * width, angle, 8.0, generator)
    levels = 255 * (0.2 + 0.8 * strength[:, :, None, None]) * pieces
    return torch.maximum(pixels, levels.amax(1, keepdim=True).to(pixels.device))


def draw_line_pieces(length: Tensor, radius: Tensor, angle: Tensor, spread: float, generator: Generator) -> Tensor:
    """Draw pieces of lines with round ends. About half of the K pieces of an image are left blank.

    Args:
        length: [B, K] half the length, in pixels.
        radius: [B, K] half the width.
        angle: [B, K] in radians, from the horizontal.
        spread: standard deviation, in pixels, of their centres from the image's centre.
        generator: decides the centres, and which pieces are left blank.

    Returns:
        [B, K, 28, 28]: the share of each pixel that a piece covers, 0..1.
    """
    shape = (*length.shape, 1, 1)
    middle_x, middle_y = spread * torch.randn(2, *shape, generator=generator) + (SIDE - 1) / 2
    blank = torch.rand(shape, generator=generator) < 0.5
    x, y = torch.arange(SIDE).view(1, SIDE) - middle_x, torch.arange(SIDE).view(SIDE, 1) - middle_y
    cosine, sine = torch.cos(angle).view(shape), torch.sin(angle).view(shape)
    past_end = ((x * cosine + y * sine).abs() - length.view(shape)).clamp_min(0)
    distance = torch.hypot(past_end, y * cosine - x * sine)
    return torch.where(blank, 0.0, (radius.view(shape) + 0.5 - distance).clamp(0, 1))


def _blur(pixels: Tensor) -> Tensor:
    """Blur with the weights 1, 2, 1 along both axes: a Gaussian of 0.7 pixels, with zeros outside the image."""
    padded = functional.pad(pixels, (1, 1, 1, 1))
    across = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    return (across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]) / 16
