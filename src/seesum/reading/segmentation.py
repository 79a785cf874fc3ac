"""Find the ink in a picture: illumination, threshold, ruled lines, and strokes that belong together. numpy and scipy; no
torch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from seesum.reading.decoding import Plane

Mask = NDArray[np.bool_]
"""[H, W]."""
Box = tuple[slice, slice]
"""Rows and columns."""

MOST_JOINED = 100
"""At most this many groups of ink, the largest, are joined. A strip of 40,000 pixels held 1,100, and comparing each pair
took 2 s."""
EIGHT = np.ones((3, 3), bool)
"""The eight neighbours of a pixel."""


def normalise_illumination(grey: Plane, window: int) -> Plane:
    """Compute the share of the paper's light that dark ink takes away, 0 (paper) to 1, [H, W], whatever the illumination.

    The paper is estimated by a closing of the picture with a square wider than strokes, then an opening. Both keep the edge of
    a shadow where it is. A mean over the neighbourhood would smear it into something like ink.
    """
    return measure_contrast(grey, estimate_background(grey, window))


def estimate_background(grey: Plane, window: int) -> Plane:
    """Estimate the grey levels [H, W] of the paper under dark ink whose strokes are narrower than ``window`` pixels."""
    paper = ndimage.grey_closing(grey, size=(window, window), mode="nearest")
    return np.asarray(ndimage.grey_opening(paper, size=(window, window), mode="nearest"), np.float32)


def measure_contrast(grey: Plane, paper: Plane) -> Plane:
    """Compute the share 0..1 of the paper's light that is missing, [H, W]."""
    return np.asarray(((paper - grey) / np.maximum(paper, 24)).clip(0, 1), np.float32)


def threshold_ink(ink: Plane, hint: Mask | None = None) -> tuple[Mask, float]:
    """Decide which pixels are ink [H, W], and how strong it is (0 where nothing rises above the noise).

    It uses hysteresis: a pixel is ink if it reaches two fifths of the ink's strength and is connected to one that reaches three
    fifths. Where a hint [H, W] is given, the strength is measured inside it, and everything around it counts as paper, whatever
    dark things there are elsewhere.
    """
    paper = ink if hint is None else ink[~ndimage.binary_dilation(hint, EIGHT, 3)]
    floor = float(np.median(paper)) if paper.size else 0.0
    noise = 1.4826 * float(np.median(np.abs(paper - floor))) if paper.size else 0.0
    strong = ink[hint] if hint is not None else ink[ink > max(_split_otsu(ink), floor + 3 * noise)]
    level = float(np.quantile(strong, 0.7)) if strong.size else 0.0
    if level - floor <= 4 * noise:
        return np.zeros(ink.shape, bool), 0.0
    labels, _ = ndimage.label(ink > max(floor + 0.4 * (level - floor), floor + 3 * noise), EIGHT)
    kept = np.unique(labels[ink > floor + 0.6 * (level - floor)])
    return np.isin(labels, kept[kept > 0]), level


def remove_ruled_lines(mask: Mask, box: Box | None = None) -> Mask:
    """Remove ruled lines from ink: straight, thin, from rim to rim, within 6 degrees of horizontal or vertical.

    A line is a sheared row of which three quarters are ink. Where the ink across it is thicker than the line, a stroke crosses
    it and stays.

    Args:
        mask: [H, W].
        box: where the digit is. A line counts only if it continues outside, which the bar of a 7 does not.
    """
    if min(mask.shape) < 40:
        return mask
    for axis in (0, 1):
        turned = mask if axis == 0 else mask.T
        height, width = turned.shape
        columns = np.arange(width)
        beyond = np.ones(width, bool)
        if box is not None:
            beyond[box[1 - axis]] = False
            if beyond.sum() < 6:
                continue
        points = np.nonzero(ndimage.binary_dilation(turned, np.ones((3, 1))))
        outside = tuple(part[beyond[points[1]]] for part in points)
        lengths = _measure_runs(turned)
        lines = np.zeros_like(turned)
        for slope in np.linspace(-0.1, 0.1, 21):
            drift = np.round(slope * (columns - width / 2)).astype(int)
            share = np.minimum(
                _count_rows(points, drift, height) / np.maximum(_count_pixels(drift, height), width / 2),
                _count_rows(outside, drift, height) / np.maximum(_count_pixels(drift[beyond], height), 1),
            )
            for row in np.flatnonzero(share > 0.75):
                line_rows = (row + drift).clip(0, height - 1)
                along = lengths[line_rows, columns]
                thick = float(np.median(along[along > 0])) if along.any() else 0.0
                if thick > max(3.0, 0.04 * height):
                    continue
                for away in (-1, 0, 1):
                    near = (line_rows + away).clip(0, height - 1)
                    lines[near, columns] |= (lengths[near, columns] > 0) & (lengths[near, columns] <= thick + 2)
        if lines.any():
            lines = ndimage.binary_dilation(lines, np.ones((3, 1))) & (lengths <= lengths[lines].max())
            turned = ndimage.binary_opening(turned & ~lines, np.ones((2, 1))) | (
                turned & ~ndimage.binary_dilation(lines, EIGHT, 2)
            )
            mask = turned if axis == 0 else turned.T
    return mask


def group_strokes(mask: Mask, gap: int = 2) -> tuple[NDArray[np.int32], list[Box]]:
    """Group ink that belongs together: labels [H, W] from 1, 0 without ink, and the boxes of the groups.

    Strokes are joined over gaps of about their own width and at least ``gap`` pixels. Smaller groups are joined with a larger
    one whose box they nearly touch. Two tall groups side by side are two digits and are not joined.
    """
    reach = max(gap / 2, 0.6 * measure_stroke_width(mask))
    away = ndimage.distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, np.inf)
    labels, count = ndimage.label(away <= reach, EIGHT)
    labels = np.where(mask, labels, 0).astype(np.int32)
    boxes = ndimage.find_objects(labels)
    order = sorted(range(count), key=lambda i: -measure_extent(boxes[i]))[:MOST_JOINED]
    for at, big in enumerate(order):
        if boxes[big] is None:
            continue
        for small in order[at + 1 :]:
            if boxes[small] is not None and _belongs(boxes[small], boxes[big]):
                labels[boxes[small]][labels[boxes[small]] == small + 1] = big + 1
                boxes[big], boxes[small] = _unite(boxes[big], boxes[small]), None
    return labels, boxes


def measure_stroke_width(mask: Mask) -> float:
    """Return the mean width of strokes in pixels. Across a bar of width w the mean distance to its edge is w / 4."""
    if not mask.any():
        return 0.0
    distance = ndimage.distance_transform_edt(np.pad(mask, 1))
    return float(4 * (distance[distance > 0] - 0.5).mean()) + 0.5


def _belongs(small: Box, big: Box) -> bool:
    """Return whether the ink in a smaller box belongs to the digit in a bigger one."""
    (top, left), (bottom, right) = ((part.start for part in big), (part.stop for part in big))
    size = max(bottom - top, right - left)
    gap = max(small[1].start - right, left - small[1].stop, small[0].start - bottom, top - small[0].stop, 0)
    tall, wide = small[0].stop - small[0].start, small[1].stop - small[1].start
    shared = min(right, small[1].stop) - max(left, small[1].start)
    if tall > 0.6 * (bottom - top) and shared < 0.3 * min(wide, right - left) and gap > 0.06 * size:
        return False
    if wide > 0.6 * (right - left) and tall > 0.5 * size and gap > 0.06 * size:
        return False
    return bool(gap < 0.2 * size)


def measure_extent(box: Box | None) -> float:
    """Return the diagonal of a box in pixels; 0 for None."""
    return 0.0 if box is None else float(np.hypot(box[0].stop - box[0].start, box[1].stop - box[1].start))


def _unite(first: Box, second: Box) -> Box:
    rows, columns = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(first, second, strict=True))
    return rows, columns


def _count_rows(points: tuple[NDArray[np.int64], ...], drift: NDArray[np.int64], height: int) -> NDArray[np.int64]:
    """Count the points (rows, columns) on each of ``height`` rows that drift up or down from column to column."""
    starts = points[0] - drift[points[1]]
    return np.bincount(starts[(starts >= 0) & (starts < height)], minlength=height)


def _count_pixels(drift: NDArray[np.int64], height: int) -> NDArray[np.int64]:
    """Count the pixels of each drifting row that lie on the picture."""
    ordered, rows = np.sort(drift), np.arange(height)
    return np.searchsorted(ordered, height - rows) - np.searchsorted(ordered, -rows)


def _measure_runs(mask: Mask) -> NDArray[np.int64]:
    """Return for each pixel of ink the length of the vertical run of ink through it; 0 elsewhere."""
    padded = np.pad(mask, ((1, 1), (0, 0)))
    index = np.arange(len(padded))[:, None]
    above = np.maximum.accumulate(np.where(padded, -1, index), axis=0)
    below = np.minimum.accumulate(np.where(padded, len(padded), index)[::-1], axis=0)[::-1]
    return np.where(padded, below - above - 1, 0)[1:-1]


def measure_noise(grey: Plane) -> float:
    """Estimate the standard deviation of the noise in grey levels from a small cross-shaped difference (Immerkaer 1996)."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(1.4826 * np.median(np.abs(ndimage.convolve(grey, kernel))) / 6)


def _split_otsu(values: Plane) -> float:
    """Return the threshold between two classes of values 0..1 (Otsu 1979, IEEE Trans. Sys. Man. Cyber. 9)."""
    counts, edges = np.histogram(values, 256, (0, 1))
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1 + int(np.nanargmax(between[:-1]))]) if np.isfinite(between[:-1]).any() else 1.0
