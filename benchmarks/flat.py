"""Simulate pictures without a camera: scans, drawings of a mouse, and small pictures as other collections have them."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from PIL import Image
from scipy import ndimage

from inks import Grey, Ink
from paper import Plate, place_ink

BOXED = 0.7
"""Share of its own box that a plain bar covers. Without any paper beside it, nobody could tell it from paper."""
NARROWEST = 7
"""Least width of a tiny picture in pixels, apart from those of narrow digits."""
LOST = 0.04
"""Largest share of the ink that may be beyond one side of a canvas."""


def fills_box(ink: Grey) -> bool:
    """Return whether ink covers so much of its box that it needs paper beside it."""
    return bool((ink > 0.5).mean() > BOXED)


def scan(ink_of: Ink, rng: Generator) -> Plate:
    """Return a cut-out of a scanned page: grey, even light, little noise, 20 to 300 pixels."""
    size = int(rng.integers(16, 220))
    margin = int(size * rng.uniform(0.05, 0.8)) + 2
    ink = ink_of(size, None if rng.random() < 0.5 else rng.uniform(0.06, 0.14))
    sheet = place_ink(ink, ink.shape[0] + margin, ink.shape[1] + margin, rng)
    paper, dark = rng.uniform(200, 255), rng.uniform(0, 110)
    pixels = ndimage.gaussian_filter(paper + (dark - paper) * sheet, rng.uniform(0.2, 0.8))
    pixels += rng.normal(0, rng.uniform(0, 5), sheet.shape)
    return Plate(pixels.clip(0, 255).astype(np.uint8), sheet)


def draw(ink_of: Ink, rng: Generator) -> Plate:
    """Return a mouse drawing: thin lines or fat brushes, both polarities, sometimes on a transparent background.

    The thinnest lines are about a pixel wide.
    """
    side = int(rng.choice([64, 100, 200, 280, 400, 600]))
    size = int(side * rng.uniform(0.3, 0.92))
    width = rng.choice([1.2 / size, rng.uniform(0.02, 0.06), rng.uniform(0.06, 0.14), rng.uniform(0.14, 0.26)])
    return colour_canvas(place_ink(ink_of(size, max(width, 1.2 / size)), side, side, rng), rng)


def colour_canvas(ink: Grey, rng: Generator) -> Plate:
    """Return ink [H, W] on a canvas: dark, bright, coloured, or on a transparent background."""
    if rng.random() < 0.5:
        ink = (ink > 0.5).astype(float)
    style = rng.choice(["dark", "bright", "transparent", "coloured"])
    alpha = (ink * 255).astype(np.uint8)
    if style == "transparent":
        return Plate(np.dstack([np.zeros_like(alpha)] * 3 + [alpha]), ink)
    if style == "coloured":
        paper, pen = rng.integers(190, 256, 3), rng.integers(0, 120, 3)
        if rng.random() < 0.4:
            paper, pen = pen, paper
        return Plate((paper + (pen - paper.astype(float)) * ink[..., None]).clip(0, 255).astype(np.uint8), ink)
    return Plate(255 - alpha if style == "dark" else alpha, ink)


def make_scan(ink_of: Ink, rng: Generator) -> Image.Image:
    """Return a cut-out of a scanned page."""
    return Image.fromarray(scan(ink_of, rng).pixels)


def make_drawing(ink_of: Ink, rng: Generator) -> Image.Image:
    """Return a mouse drawing."""
    return Image.fromarray(draw(ink_of, rng).pixels)


def make_full_bleed(ink_of: Ink, rng: Generator) -> Image.Image:
    """Return a mouse drawing that fills 85 to 110 % of its canvas and touches 1 to 4 sides.

    A digit that is longer than the canvas loses a little at two opposite sides.
    """
    side = int(rng.choice([64, 100, 200, 280, 400, 600]))
    touched: set[int] = set(rng.choice(4, int(rng.integers(1, 5)), replace=False).tolist())
    ink = ink_of(side, rng.uniform(0.04, 0.2))
    tall = ink.shape[0] >= ink.shape[1]
    if fills_box(ink):
        touched = {0} if tall else {2}
    canvas = side
    for axis in (0, 1) if tall else (1, 0):
        first, last, length = 2 * axis in touched, 2 * axis + 1 in touched, ink.shape[axis]
        share = rng.uniform(1, 1.1) if first and last else rng.uniform(0.85, 1)
        longer = axis == (0 if tall else 1)
        canvas = round(length / share) if longer or (first and last) else max(length + 2, canvas)
        over, inside = rng.uniform(0, 0.03) * length, rng.uniform(0.2, 0.8)
        room = canvas - length
        start = room / 2 if first and last else -over if first else room + over if last else room * inside
        ink = move_along(ink, axis, round(start), canvas)
    return Image.fromarray(colour_canvas(ink, rng).pixels)


def move_along(ink: Grey, axis: int, start: int, canvas: int) -> Grey:
    """Return ink on a canvas that is ``canvas`` pixels long along one axis. Ink that is lost beyond it is at most ``LOST``."""
    along = ink.sum(1 - axis)
    shares = np.cumsum(along) / along.sum()
    before = min(max(0, -start), int((shares <= LOST).sum()))
    after = min(max(0, start + len(along) - canvas), int((shares >= 1 - LOST).sum()) - 1)
    kept = np.take(ink, range(before, len(along) - max(0, after)), axis)
    gaps = (max(0, start), max(0, canvas - start - len(along)))
    return np.pad(kept, [gaps if one == axis else (0, 0) for one in (0, 1)])


def make_small(ink_of: Ink, rng: Generator) -> Image.Image:
    """Return a picture like those of other collections: 8x8 in 17 grey levels like UCI's, or 16x16 like USPS's.

    The figure fills a tight box. It is dark on bright or bright on dark.
    """
    ink = ink_of(64, None if rng.random() < 0.5 else rng.uniform(0.08, 0.16))
    side = int(rng.choice([8, 16]))
    if rng.random() < 0.7:  # the rest is stretched to fill the square
        ink = np.pad(ink, [((64 - length) // 2,) * 2 for length in ink.shape])
    alpha = np.asarray(Image.fromarray((ink * 255).astype(np.uint8)).resize((side, side), Image.Resampling.BOX))
    if side == 8:
        sixteenths = np.round(alpha / 255 * 16)
        alpha = (sixteenths * (1 if rng.random() < 0.3 else 15.9375)).astype(np.uint8)
    return Image.fromarray(alpha.max() - alpha if rng.random() < 0.5 else alpha)


def make_tiny(ink_of: Ink, rng: Generator) -> Image.Image:
    """Return a picture of 8x8 to 40x40 pixels, cut to the ink without a margin or with one of a pixel.

    It is stretched to a square or keeps its proportions, and is binary or grey. From 12 pixels on, as many are binary as grey.
    """
    side, margin = int(rng.integers(8, 41)), int(rng.integers(2))
    stretched, binary, inverted = rng.random(3) < 0.5
    inner = side - 2 * margin if side >= 10 else side
    pen = max(1.3 / inner, rng.uniform(0.07, 0.18 if inner >= 24 else 0.12))
    ink = ink_of(160, 1.3 / inner if inner < 11 else None if rng.random() < 0.5 else pen)
    narrow = min(ink.shape) < 0.4 * max(ink.shape)
    least = 3 if narrow else NARROWEST
    rows, columns = (max(least, round(length / max(ink.shape) * inner)) for length in ink.shape)
    if stretched and not narrow:
        rows = columns = inner
    small = Image.fromarray((ink.clip(0, 1) * 255).astype(np.uint8)).resize((columns, rows), Image.Resampling.BOX)
    alpha = np.asarray(small)
    if binary and inner >= 12:
        alpha = ((alpha > 110) * 255).astype(np.uint8)
    alpha = np.pad(alpha, (side - inner) // 2 or int(fills_box(alpha / 255)))
    return Image.fromarray(255 - alpha if inverted else alpha)
