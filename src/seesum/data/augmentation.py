"""How training pixels change at random: geometry, strokes, edges, what is erased or left on the paper, light.

Everything works on whole batches, and all numbers come from one generator on the CPU, so that its state is all that a
checkpoint needs. What a recipe does not ask for draws no number.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional

from seesum.base.recipe import Augmentation
from seesum.data.idx import SIDE

KNOTS = 7
"""Of elastic distortion, along each side: one every 4.5 pixels."""
EXTREME_FACTOR = 3.0
"""How much farther than others the images chosen by ``far`` are turned, slanted, moved and resized. Bent three times as far,
they were no handwriting any more."""
PIECES = 3
"""At most so many gaps, or remains, in an image."""


def augment(pixels: Tensor, how: Augmentation, generator: Generator) -> Tensor:
    """Change each image of [B, 1, 28, 28] (0..255, float) at random: geometry, strokes, gaps and remains, and then light."""
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
        light = (1 + _draw_uniform(len(pixels), how.brightness, generator)).view(-1, 1, 1, 1).to(pixels.device)
        spread = (1 + _draw_uniform(len(pixels), how.contrast, generator)).view(-1, 1, 1, 1).to(pixels.device)
        pixels = (pixels * light).clamp(0, 255)
        mean = pixels.mean((1, 2, 3), keepdim=True)
        pixels = ((pixels - mean) * spread + mean).clamp(0, 255)
    return pixels


def _draw_uniform(count: int, width: float | Tensor, generator: Generator) -> Tensor:
    return (torch.rand(count, generator=generator) * 2 - 1) * width


def transform_geometry(pixels: Tensor, how: Augmentation, generator: Generator) -> Tensor:
    """Turn, slant, resize, move and bend; sampling is bilinear and zero outside the image, one grid for the whole batch."""
    count = len(pixels)
    reach: float | Tensor = 1.0
    if how.extreme:
        reach = torch.where(torch.rand(count, generator=generator) < how.extreme, EXTREME_FACTOR, 1.0)
    angle = torch.deg2rad(_draw_uniform(count, how.rotate * reach, generator))
    slant = _draw_uniform(count, how.shear * reach, generator)
    # no smaller than a tenth, however far
    size = (1 + _draw_uniform(count, how.scale * reach, generator)).clamp_min(0.1)
    ratio = (1 + _draw_uniform(count, how.stretch * reach, generator)).clamp_min(0.1)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    # a grid says from where a pixel comes: the inverse of what is done; it counts from -1 to 1 across the image,
    # so a share of the side is twice that share
    wide, high = size * ratio, size / ratio
    columns = [cosine / wide, (slant * cosine - sine) / wide, 2 * _draw_uniform(count, how.shift * reach, generator)]
    columns += [sine / high, (slant * sine + cosine) / high, 2 * _draw_uniform(count, how.shift * reach, generator)]
    grid = functional.affine_grid(torch.stack(columns, 1).view(count, 2, 3), list(pixels.shape), align_corners=False)
    if how.elastic:
        grid += draw_elastic_displacement(count, how.elastic, generator)
    return functional.grid_sample(pixels, grid.to(pixels.device), align_corners=False)


def draw_elastic_displacement(count: int, deviation: float, generator: Generator) -> Tensor:
    """Smooth random displacements [count, 28, 28, 2], in units of half a side, of the given standard deviation in pixels.

    Normal numbers on a grid of ``KNOTS`` x ``KNOTS``, joined by cubic B-splines: what a Gaussian filter of about four
    pixels over noise gives (Simard et al. 2003, "Best practices for convolutional neural networks"), as two small products.
    """
    knots = torch.randn(count, 2, KNOTS, KNOTS, generator=generator)
    place = torch.linspace(0, KNOTS - 1, SIDE).unsqueeze(1) - torch.arange(KNOTS)
    distance = place.abs()
    near = 2 / 3 - distance**2 + distance**3 / 2
    weights = torch.where(distance < 1, near, (2 - distance).clamp_min(0) ** 3 / 6)
    weights = weights / weights.square().sum(1, keepdim=True).sqrt()  # so that the deviation is the same everywhere
    return (weights @ knots @ weights.T).permute(0, 2, 3, 1) * (deviation * 2 / SIDE)


def lower_resolution(pixels: Tensor, generator: Generator) -> Tensor:
    """A small picture blown up: [B, 1, 28, 28] reduced to 9 to 18 pixels a side, one number for the batch, and back."""
    side = int(torch.randint(9, 19, (), generator=generator))
    small = functional.interpolate(pixels, size=(side, side), mode="area")
    blown = functional.interpolate(small, size=(SIDE, SIDE), mode="bicubic", align_corners=False).clamp_min(0)
    return (blown * (255 / blown.amax((1, 2, 3), keepdim=True).clamp_min(1))).clamp_max(255)


def change_stroke_width(pixels: Tensor, generator: Generator) -> Tensor:
    """Another pen for each image of [B, 1, 28, 28]: strokes up to a pixel thicker or thinner, edges hard or soft.

    The image is blurred, and cut at a level: a low one makes strokes thicker, a high one thinner. How steeply it is cut
    decides between the jagged edges of a drawing program and a soft pencil. Thin strokes may break; an image that would
    lose more than half of its ink stays as it is.
    """
    count = len(pixels)
    blur, level, steep = (torch.rand(count, 1, 1, 1, generator=generator).to(pixels.device) for _ in range(3))
    blurred = torch.lerp(pixels, _blur(_blur(pixels)), blur) / 255
    level = 0.22 + 0.4 * level
    cut = ((blurred - level) / (2 * level * (0.1 + 0.9 * steep)) + 0.5).clamp(0, 1) * 255
    kept = cut.sum((1, 2, 3), keepdim=True) > pixels.sum((1, 2, 3), keepdim=True) / 2
    return torch.where(kept, cut, pixels)


def blur_or_sharpen(pixels: Tensor, generator: Generator) -> Tensor:
    """Each image of [B, 1, 28, 28] blurred or sharpened, and its grey levels raised or lowered by a power."""
    count = len(pixels)
    blur, power = (torch.rand(count, 1, 1, 1, generator=generator).to(pixels.device) for _ in range(2))
    mixed = torch.lerp(pixels, _blur(pixels), 1.8 * blur - 0.6).clamp(0, 255) / 255
    return 255 * mixed ** torch.exp(1.6 * power - 0.8)


def cut_stroke_gaps(pixels: Tensor, generator: Generator) -> Tensor:
    """Each image of [B, 1, 28, 28] with gaps in its strokes, as worn pens and removed lines leave them."""
    count = len(pixels)
    length, width = torch.rand(2, count, PIECES, generator=generator)
    angle = torch.pi * torch.rand(count, PIECES, generator=generator)
    return pixels * (
        1 - draw_line_pieces(4 * length, 0.4 + 0.7 * width, angle, 4.5, generator).to(pixels.device).amax(1, keepdim=True)
    )


def add_clutter(pixels: Tensor, generator: Generator) -> Tensor:
    """Each image of [B, 1, 28, 28] with specks, and pieces of ruled lines or whole ones, faint or as dark as the ink."""
    count = len(pixels)
    length, width, strength, tilt = torch.rand(4, count, PIECES, generator=generator)
    length = torch.where(length < 0.4, length, torch.where(length < 0.8, 8 * length, SIDE))
    angle = 0.2 * (tilt - 0.5) + torch.pi / 2 * (tilt < 0.4)  # more ruled lines lie than stand
    pieces = draw_line_pieces(length, 0.2 + 0.7 * width, angle, 8.0, generator)
    levels = 255 * (0.2 + 0.8 * strength[:, :, None, None]) * pieces
    return torch.maximum(pixels, levels.amax(1, keepdim=True).to(pixels.device))


def draw_line_pieces(length: Tensor, radius: Tensor, angle: Tensor, spread: float, generator: Generator) -> Tensor:
    """Round-ended pieces of lines as coverage 0..1, [B, K, 28, 28]; about half of the K in an image are left blank.

    Args:
        length: [B, K] half the length, in pixels.
        radius: [B, K] half the width.
        angle: [B, K] in radians, from the horizontal.
        spread: standard deviation, in pixels, of their middles from the image's.
        generator: draws middles, and which are left blank.
    """
    shape = (*length.shape, 1, 1)
    middle_x, middle_y = spread * torch.randn(2, *shape, generator=generator) + (SIDE - 1) / 2
    blank = torch.rand(shape, generator=generator) < 0.5
    x, y = torch.arange(SIDE).view(1, SIDE) - middle_x, torch.arange(SIDE).view(SIDE, 1) - middle_y
    cosine, sine = torch.cos(angle).view(shape), torch.sin(angle).view(shape)
    beyond = ((x * cosine + y * sine).abs() - length.view(shape)).clamp_min(0)
    away = torch.hypot(beyond, y * cosine - x * sine)
    return torch.where(blank, 0.0, (radius.view(shape) + 0.5 - away).clamp(0, 1))


def _blur(pixels: Tensor) -> Tensor:
    """Binomial weights 1, 2, 1 along both axes: a Gaussian of 0.7 pixels; paper outside."""
    padded = functional.pad(pixels, (1, 1, 1, 1))
    across = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    return (across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]) / 16
