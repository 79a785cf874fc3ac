"""Make digits as ink 0..1 at any size and with any pen: validation images of MNIST, and handwriting fonts.

Twins are not trained on the 12,000 validation images, and no test image is among them. Debian has the fonts: fonts-breip,
fonts-kristi, fonts-rufscript, fonts-sjfonts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from seesum.base.recipe import Recipe
from seesum.data.idx import LabelledImages, load_mnist
from seesum.data.splits import split_images

Grey = NDArray[np.float64]
Ink = Callable[[int, float | None], Grey]
"""Returns a figure as ink 0..1, from the length of its longer side in pixels and the pen's width as a share of that length."""
HANDWRITING = ("breip", "delphine", "kristi", "rufscript010", "stevehand")
"""Fonts that were written with a pen. Other fonts that are called handwriting consist of outlines."""
UNCOVERED = 0.01
"""Share of a digit's ink that may stay uncovered when a pen of its own width moves along the middle of its strokes."""
ENLARGED = 112
"""Side of an enlarged digit in pixels: four times that of MNIST."""


@cache
def find_validation() -> LabelledImages:
    """Return the 12,000 validation images of MNIST."""
    return split_images(load_mnist(), Recipe(system="", split="validate")).by_name["validation"]


def thin_strokes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the skeleton of strokes (Zhang & Suen 1984, Comm. ACM 27)."""
    image = np.pad(mask, 1)
    around = ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
    changed = True
    while changed:
        changed = False
        for triples in (((0, 2, 4), (2, 4, 6)), ((0, 2, 6), (0, 4, 6))):
            p = [np.roll(image, shift, (0, 1)) for shift in around]
            count = np.sum(p, axis=0)
            turns = np.sum([~p[k] & p[(k + 1) % 8] for k in range(8)], axis=0)
            alone = ~np.logical_or.reduce([p[i] & p[j] & p[k] for i, j, k in triples])
            gone = image & (count >= 2) & (count <= 6) & (turns == 1) & alone
            if gone.any():
                image, changed = image & ~gone, True
    return image[1:-1, 1:-1]


def enlarge_digit(image: NDArray[np.uint8]) -> Grey:
    """Return an image of MNIST at four times its size, with smooth edges."""
    large = np.asarray(Image.fromarray(image).resize((ENLARGED, ENLARGED), Image.Resampling.BICUBIC), np.float64)
    return np.asarray(ndimage.gaussian_filter(large, 1.5))


def count_pieces(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the number of pieces of ink, and of pieces of paper. A loop encloses one piece of paper."""
    return int(ndimage.label(mask, np.ones((3, 3)))[1]), int(ndimage.label(~np.pad(mask, 1))[1])


def keeps_shape(image: NDArray[np.uint8]) -> bool:
    """Return whether a hard pen gives the same digit.

    So no faint stroke or narrow gap may depend on a threshold, and no loop may be filled. A pen slightly wider than the strokes
    must cover nearly all of the ink. Ink that it does not cover was a filled loop, and would become a line.
    """
    smooth = enlarge_digit(image)
    if len({count_pieces(smooth > level) for level in (60, 100, 140)}) > 1:
        return False
    ink, line = smooth > 100, thin_strokes(smooth > 100)
    radius = float(np.median(ndimage.distance_transform_edt(ink)[line]))
    away = ndimage.distance_transform_edt(~line)
    return bool((ink & (away > 1.4 * radius + 1)).sum() <= UNCOVERED * ink.sum())


def draw_digit(image: NDArray[np.uint8], size: int, width: float | None, rng: Generator) -> Grey:
    """Return a digit of MNIST as ink 0..1 at ``size`` pixels, with its own strokes or a pen of ``width`` (share of the size).

    A pen so thick that it would fill a loop is made thinner.
    """
    smooth = enlarge_digit(image)
    if width is None:
        return crop_ink(np.clip((smooth - 70) / 60, 0, 1), size)
    return crop_ink(ink_line(thin_strokes(smooth > 100), width, rng, count_pieces(smooth > 100)[1]), size)


def ink_line(line: NDArray[np.bool_], width: float, rng: Generator, papers: int | None = None) -> Grey:
    """Return the line of an enlarged digit with the ink of a pen of ``width`` (share of the digit's size).

    The pen is made thinner until there are ``papers`` pieces of paper, or as many as a fine pen leaves.
    """
    away = ndimage.distance_transform_edt(~line)
    tremor = 1 + 0.15 * ndimage.gaussian_filter(rng.normal(0, 8, away.shape), 8)
    wanted = count_pieces(away < 2.5)[1] if papers is None else papers
    for share in (1.0, 0.75, 0.5):
        ink = np.clip(share * width * ENLARGED * 20 / 28 / 2 * tremor - away + 0.5, 0, 1)
        if count_pieces(ink > 0.5)[1] >= wanted:
            break
    return np.asarray(ink)


def crop_ink(ink: Grey, size: int) -> Grey:
    """Return ink without the paper around it, its longer side ``size`` pixels."""
    rows, columns = np.nonzero(ink > 0.1)
    return resize_ink(ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1], size)


def resize_ink(ink: Grey, size: int) -> Grey:
    """Resize ink so that its longer side has ``size`` pixels."""
    scale = size / max(ink.shape)
    shape = (max(2, round(ink.shape[1] * scale)), max(2, round(ink.shape[0] * scale)))
    return np.asarray(Image.fromarray((ink * 255).astype(np.uint8)).resize(shape, Image.Resampling.LANCZOS), np.float64) / 255


def draw_glyph(font: Path | None, text: str, size: int) -> Grey:
    """Return a digit or letter as ink 0..1, its longer side ``size`` pixels, in a font or in pillow's own."""
    points = max(40, round(size * 1.3))
    face = ImageFont.truetype(str(font), points) if font else ImageFont.load_default(points)
    left, top, right, bottom = face.getbbox(text)
    image = Image.new("L", (max(2, round(right - left) + 2), max(2, round(bottom - top) + 2)))
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, 255, face)
    return resize_ink(np.asarray(image, np.float64) / 255, size)


def find_fonts() -> list[Path]:
    """Return the handwriting fonts that are installed."""
    return sorted(path for path in Path("/usr/share/fonts").rglob("*.ttf") if path.stem.lower() in HANDWRITING)


def redraw_digit(image: NDArray[np.uint8], rng: Generator) -> Ink:
    """Return the ink of a digit of MNIST, with its own strokes or with any pen."""
    return lambda size, width: draw_digit(image, size, width, rng)


def write_glyph(font: Path | None, text: str) -> Ink:
    """Return the ink of a digit or letter of a font, which is the same with any pen."""
    return lambda size, _: draw_glyph(font, text, size)
