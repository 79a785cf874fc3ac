"""Find the ink in a picture: illumination, threshold, width of strokes. numpy and OpenCV, which it imports; no torch.

All statistics of a plane come from a histogram of 256 levels, since a median of its pixels would take ten times as long.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.reading.decoding import Plane
from seesum.reading.opencv import cv2

Mask = NDArray[np.bool_]
"""[H, W]."""
Levels = NDArray[np.uint8]
"""[H, W], 0..255."""
Box = tuple[slice, slice]
"""Rows and columns."""

LOW, HIGH = 0.4, 0.6
"""Shares of the ink's strength: a pixel is ink from the first on, if it is connected to one that reaches the second."""
EIGHT = np.ones((3, 3), np.uint8)
"""The eight neighbours of a pixel."""
BINS = np.arange(256.0)


class Parts(NamedTuple):
    """Connected parts of a mask."""

    number: int
    labels: NDArray[np.int32]
    """[H, W], from 1; 0 for what is in no part."""
    tops: NDArray[np.int32]
    """[number]; likewise the others. Part 1 comes first."""
    lefts: NDArray[np.int32]
    heights: NDArray[np.int32]
    widths: NDArray[np.int32]
    areas: NDArray[np.int32]

    @property
    def mask(self) -> Mask:
        """Which pixels are in a part, [H, W]."""
        return self.labels > 0

    def select(self, keep: Mask) -> Parts:
        """Return the parts for which ``keep`` [number] is true."""
        if keep.all():
            return self
        count = int(np.count_nonzero(keep))
        numbers = np.zeros(self.number + 1, np.int32)
        numbers[1:][keep] = np.arange(1, count + 1)
        return Parts(count, numbers[self.labels], *(values[keep] for values in self[2:]))


def label_parts(mask: Mask) -> Parts:
    """Label the parts of a mask [H, W] whose pixels are connected by their eight neighbours."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    lefts, tops, widths, heights, areas = np.asarray(stats, np.int32)[1:].T
    return Parts(count - 1, np.asarray(labels, np.int32), tops, lefts, heights, widths, areas)


def grow(mask: Mask, reach: int = 1) -> Mask:
    """Return a mask [H, W] and all pixels within ``reach`` rows and columns of it."""
    return cv2.dilate(mask.view(np.uint8), EIGHT, iterations=reach).view(np.bool_)


def shrink(mask: Mask) -> Mask:
    """Return the pixels of a mask [H, W] with no paper among their neighbours. Beyond the rim lies no paper."""
    return cv2.erode(mask.view(np.uint8), EIGHT).view(np.bool_)


def find_box(mask: Mask) -> Box:
    """Return the box around a mask [H, W] that is not empty."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def count_levels(levels: Levels, mask: Mask | None = None) -> NDArray[np.float64]:
    """Count the pixels of each level, [256], of all pixels [H, W] or of those in a mask."""
    chosen = None if mask is None else mask.view(np.uint8)
    return cv2.calcHist([levels], [0], chosen, [256], [0, 256]).ravel().astype(np.float64)


def find_quantile(counts: NDArray[np.float64], share: float) -> float:
    """Return the level below which a share of the pixels lies, from counts [256], as if the pixels of a level were spread
    over it; 0 where there are none.
    """
    below = np.cumsum(counts)
    if not below[-1]:
        return 0.0
    at = int(np.searchsorted(below, share * below[-1]).clip(0, 255))
    before = below[at - 1] if at else 0.0
    return max(0.0, float(at - 0.5 + (share * below[-1] - before) / max(counts[at], 1e-9)))


def find_deviation(counts: NDArray[np.float64], middle: float) -> float:
    """Return the standard deviation of levels with counts [256] around the middle, from their median distance to it."""
    if not counts.any():
        return 0.0
    away = np.abs(BINS - middle)
    order = np.argsort(away)
    at = int(np.searchsorted(np.cumsum(counts[order]), counts.sum() / 2))
    return 1.4826 * float(away[order][min(at, 255)])


def pick(values: NDArray[np.floating], share: float) -> float:
    """Return the value [N] below which a share of the others lies. It takes a tenth of the time of numpy's quantile."""
    at = int(share * (len(values) - 1))
    return float(np.partition(values, at)[at])


def split_otsu(counts: NDArray[np.float64]) -> float:
    """Return the threshold between two classes of levels with the least variance inside them, from counts [256].

    A level belongs to the upper class if it is above the threshold. Source: Otsu 1979, IEEE Trans. Sys. Man. Cyber. 9. Where
    all pixels have one level, it is 255.
    """
    below = np.cumsum(counts)
    above, sums = below[-1] - below, np.cumsum(counts * BINS)
    between = below * above * (sums / np.maximum(below, 1) - (sums[-1] - sums) / np.maximum(above, 1)) ** 2
    best = int(np.argmax(between))
    return best + 0.5 if between[best] > 0 else 255.0


def make_levels(plane: Plane, scale: float = 1.0) -> Levels:
    """Return a plane [H, W] of values from 0 up, times a scale, as levels 0..255."""
    return np.asarray(cv2.convertScaleAbs(plane, alpha=scale), np.uint8)


def normalise_illumination(grey: Plane, window: int) -> Plane:
    """Compute the share of the paper's light that dark ink takes away, 0 (paper) to 1, [H, W], whatever the illumination."""
    return measure_contrast(grey, estimate_background(make_levels(grey), window))


def estimate_background(levels: Levels, window: int) -> Plane:
    """Estimate the levels [H, W] of the paper under dark ink whose strokes are narrower than ``window`` pixels.

    It is a closing of the picture with a square wider than strokes, then an opening. Both keep the edge of a shadow where it
    is. A mean over the neighbourhood would smear it into something like ink.
    """
    square = np.ones((window, window), np.uint8)
    paper = cv2.morphologyEx(levels, cv2.MORPH_CLOSE, square)
    return np.asarray(cv2.morphologyEx(paper, cv2.MORPH_OPEN, square), np.float32)


def measure_contrast(grey: Plane, paper: Plane) -> Plane:
    """Compute the share 0..1 of the paper's light that is missing, [H, W]."""
    share = (paper - grey) / np.maximum(paper, 24)
    return np.asarray(np.clip(share, 0, 1, out=share), np.float32)


def threshold_ink(ink: Plane, hint: Mask | None = None) -> tuple[Parts, float]:
    """Decide which pixels are ink [H, W], and how strong it is (0 where nothing rises above the noise).

    It uses hysteresis: a pixel is ink if it reaches the share ``LOW`` of the ink's strength and is connected to one that
    reaches ``HIGH``. Where a hint [H, W] is given, the strength is measured inside it, and everything around it counts as
    paper, whatever dark things there are elsewhere.
    """
    levels = make_levels(ink, 255)
    paper = count_levels(levels, None if hint is None else ~grow(hint, 3))
    floor = find_quantile(paper, 0.5)
    noise = find_deviation(paper, floor)
    if hint is None:
        strong = np.where(max(split_otsu(paper), floor + 3 * noise) < BINS, paper, 0)
    else:
        strong = count_levels(levels, hint)
    return _connect(ink, floor, noise, find_quantile(strong, 0.7))


def split_ink(ink: Plane) -> tuple[Parts, float]:
    """Decide which pixels are ink [H, W], and how strong it is, like ``threshold_ink``, where ink may cover most of a picture.

    Paper is what lies below Otsu's threshold.
    """
    counts = count_levels(make_levels(ink, 255))
    threshold = split_otsu(counts)
    paper = np.where(threshold >= BINS, counts, 0)
    floor = find_quantile(paper, 0.5)
    return _connect(ink, floor, find_deviation(paper, floor), find_quantile(counts - paper, 0.7))


def _connect(ink: Plane, floor: float, noise: float, level: float) -> tuple[Parts, float]:
    """Return the ink above a threshold that is connected to strong ink, and its level. All levels are 0..255."""
    if level - floor <= 4 * noise:
        return label_parts(np.zeros(ink.shape, bool)), 0.0
    parts = label_parts(ink > max(floor + LOW * (level - floor), floor + 3 * noise) / 255)
    keep = np.zeros(parts.number + 1, bool)
    keep[parts.labels[ink > (floor + HIGH * (level - floor)) / 255]] = True
    return parts.select(keep[1:]), level / 255


def blur(plane: Plane, deviation: float) -> Plane:
    """Return a plane [H, W], blurred by a Gaussian; itself where the deviation is 0."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), deviation), np.float32) if deviation else plane


def measure_noise(grey: Plane) -> float:
    """Estimate the standard deviation of the noise in grey levels from a small cross-shaped difference (Immerkaer 1996)."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    differences = np.asarray(cv2.filter2D(grey, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT), np.float32)
    return 1.4826 * find_quantile(count_levels(make_levels(differences, 4)), 0.5) / 4 / 6


def measure_stroke_width(mask: Mask) -> float:
    """Return the mean width of strokes in pixels. Across a bar of width w the mean distance to its edge is w / 4."""
    if not mask.any():
        return 0.0
    padded = np.pad(mask, 1)
    distance = cv2.distanceTransform(padded.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return 4 * (cv2.mean(distance, padded.view(np.uint8))[0] - 0.5) + 0.5
