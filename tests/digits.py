"""Strokes of digits that several tests use as pictures, and a measure of how similar two images are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Strokes = list[list[tuple[float, float]]]
"""Points [(x, y)] in a square of 200 by 200, a list for each stroke."""

SEVEN: Strokes = [[(70, 50), (130, 50), (90, 150)]]
BARRED_SEVEN: Strokes = [*SEVEN, [(85, 100), (130, 100)]]
FOUR: Strokes = [[(85, 45), (70, 105), (140, 105)], [(125, 55), (117, 155)]]
FIVE: Strokes = [[(75, 55), (72, 95), (110, 95), (125, 120), (110, 148), (70, 150)]]
FLAG: Strokes = [[(87, 43), (127, 39)]]


def draw_strokes(
    strokes: Strokes,
    size: tuple[int, int] = (200, 200),
    ink: Any = 20,
    paper: Any = 235,
    width: int = 8,
    mode: str = "L",
    scale: float = 1.0,
) -> Image.Image:
    image = Image.new(mode, size, paper)
    pen = ImageDraw.Draw(image)
    for points in strokes:
        pen.line([(x * scale, y * scale) for x, y in points], ink, max(1, round(width * scale)), joint="curve")
    return image


def move_strokes(strokes: Strokes, right: float, down: float = 0, scale: float = 1.0) -> Strokes:
    return [[(x * scale + right, y * scale + down) for x, y in points] for points in strokes]


def alike(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the correlation of the pixels of two images."""
    return float(np.corrcoef(first.ravel().astype(float), second.ravel().astype(float))[0, 1])
