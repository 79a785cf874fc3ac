"""Candidates: ink that may be a digit, and what tells strokes from blots. numpy and OpenCV; no torch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.reading.decoding import Plane
from seesum.reading.opencv import cv2
from seesum.reading.segmentation import EIGHT, Box, Mask, grow, measure_stroke_width

THICK = 0.33
"""Strokes are thick for a digit from this width on, as a share of its longer side."""


class Paper(NamedTuple):
    """The levels of plain paper: a quadratic polynomial of the place, from -1 to 1 across the picture and down."""

    terms: NDArray[np.float32]
    """[6], of 1, x, y, x * x, x * y and y * y."""
    top: float = 255.0
    """Where ink is bright, levels are counted down from this one."""

    def render(self, shape: tuple[int, ...], window: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)) -> Plane:
        """Render the levels [H, W] of a window of the picture: left, top, right and bottom as shares of it."""
        (height, width), (left, top, right, bottom) = shape[:2], window
        x = 2 * (left + (np.arange(width, dtype=np.float32) + 0.5) * ((right - left) / width)) - 1
        y = (2 * (top + (np.arange(height, dtype=np.float32) + 0.5) * ((bottom - top) / height)) - 1)[:, None]
        a, b, c, d, e, f = self.terms
        return np.asarray((a + b * x + d * x * x) + (c * y + f * y * y) + (e * y) * x, np.float32)


class Candidate(NamedTuple):
    """Ink that may be a digit."""

    box: Box
    """The box around it."""
    ink: Mask
    """[h, w] of the box: which of its pixels belong to this ink."""
    shape: tuple[int, ...]
    """(H, W) of the picture in which it was found."""
    bright: bool
    """Whether the ink is brighter than the paper."""
    score: float
    """Candidates are ranked by this: how much the ink stands out, times how much it looks like a digit."""
    likeness: float
    """How much it looks like a digit, 0..1."""
    paper: Paper | None = None
    """The paper, where it is plain."""

    def shares(self, other: Candidate) -> float:
        """Return the intersection of both boxes as a share of the box around both, 0..1."""
        shared, both = 1.0, 1.0
        for a, b in zip(self.box, other.box, strict=True):
            shared *= max(0, min(a.stop, b.stop) - max(a.start, b.start))
            both *= max(a.stop, b.stop) - min(a.start, b.start)
        return shared / both


def measure_thinness(ink: Mask) -> float:
    """Return 1 if the strokes in a box [h, w] are thin for its size, and less, down to nearly 0, for a blot."""
    thin = min(1.0, THICK * max(ink.shape) / measure_stroke_width(ink))
    return float(thin**4)


def find_outline(labels: NDArray[np.int32], number: int, box: Box) -> tuple[Box, Mask]:
    """Return a box that is a pixel wider than that of a group of ink, and which of its pixels are at the group's outline.

    Beyond the rim of the picture [H, W] lies no ink, so that ink along the rim has an outline there.
    """
    rows, columns = (slice(max(0, part.start - 1), part.stop + 1) for part in box)
    ink = labels[rows, columns] == number
    inside = cv2.erode(ink.view(np.uint8), EIGHT, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return (rows, columns), grow(ink) & ~inside.view(np.bool_)
