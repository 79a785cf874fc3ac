"""Cut simulated photos, scans and drawings close to the digit."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from PIL import Image

from flat import draw, fills_box, scan
from inks import Ink
from paper import encode_jpeg, photograph

MARGINS = (0.0, 0.02, 0.05)
"""Margins of half of the pictures, as shares of the digit's size. The others have up to ``WIDEST`` on each side."""
WIDEST = 0.1


def cut_close(ink_of: Ink, rng: Generator) -> Image.Image | bytes:
    """Return a photo, scan or drawing with a margin of 0 to 10 % of the digit's size around the ink on each side."""
    choice = int(rng.integers(3))
    plate = (photograph, scan, draw)[choice](ink_of, rng)
    rows, columns = np.nonzero(plate.ink > 0.25 * plate.ink.max())
    low, high = np.array([rows.min(), columns.min()]), np.array([rows.max(), columns.max()]) + 1
    shares = np.full(4, MARGINS[rng.integers(3)]) if rng.random() < 0.5 else rng.uniform(0, WIDEST, 4)
    if fills_box(plate.ink[low[0] : high[0], low[1] : high[1]]):
        shares = shares.clip(WIDEST / 2)
    margins = (shares * max(high - low)).round().astype(int)
    top, left = (low - margins[:2]).clip(0)
    bottom, right = high + margins[2:]
    pixels = np.ascontiguousarray(plate.pixels[top:bottom, left:right])
    return encode_jpeg(pixels, rng) if choice == 0 else Image.fromarray(pixels)
