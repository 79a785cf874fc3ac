"""Remove ruled lines from ink. numpy and OpenCV; no torch."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from seesum.reading.opencv import cv2
from seesum.reading.segmentation import Box, Mask, grow

SMALLEST = 40
"""Pixels of the shorter side below which no line is looked for: a stroke would look like one."""
SLOPES = np.linspace(-0.1, 0.1, 21)
"""Slopes of lines, up to 6 degrees."""
COVERED = 0.75
"""A line is a sheared row of which this share is ink."""
THIN = 0.5
"""The share of that share which is thin and has no stroke across it, at least."""
STRIPS = 6
"""Strips of columns in which the search for lines is prepared."""
MOST_LINES = 500
"""At most so many lines, those that are covered best, are removed. A page has forty, each at some slopes and rows; noise has
thousands."""
RUN = 7
"""Pixels of the shortest run of ink along a line. At 6 degrees a line moves to the next row after 10 pixels."""


def remove_ruled_lines(mask: Mask, box: Box | None = None) -> Mask:
    """Remove ruled lines from ink: straight, thin, from rim to rim, within 6 degrees of horizontal or vertical.

    Where the ink across a line is thicker than the line, a stroke crosses it and stays.

    Args:
        mask: [H, W].
        box: where the digit is. A line counts only if it continues outside, which the bar of a 7 does not.

    Returns:
        The mask itself where it has no line, or a mask without lines.
    """
    if min(mask.shape) < SMALLEST:
        return mask
    for axis in (0, 1):
        turned = mask if axis == 0 else np.ascontiguousarray(mask.T)
        beyond = np.ones(turned.shape[1], bool)
        if box is not None:
            beyond[box[1 - axis]] = False
            if beyond.sum() < 6:
                continue
        lines = _find_lines(turned, beyond)
        if lines is not None:
            lengths = _measure_runs(turned)
            lines = _dilate_column(lines) & (lengths <= lengths[lines].max())
            turned = _open_column(turned & ~lines) | (turned & ~grow(lines, 2))
            mask = turned if axis == 0 else np.ascontiguousarray(turned.T)
    return mask


def _find_lines(mask: Mask, beyond: Mask) -> Mask | None:
    """Return the pixels [H, W] of nearly horizontal lines, or None where there is no line.

    Args:
        mask: [H, W].
        beyond: [W], the columns outside the digit, of which the line must cover its share too.
    """
    height, width = mask.shape
    thickest = max(3.0, 0.04 * height)
    thick = _dilate_column(mask)
    # most masks have few thin runs, so that the search over slopes is left out
    tall = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, np.ones((int(thickest) + 3, 1), np.uint8))
    thin = (thick & ~_dilate_column(tall.view(np.bool_))).view(np.uint8)
    runs = np.asarray(cv2.morphologyEx(thin, cv2.MORPH_OPEN, np.ones((1, RUN), np.uint8)), np.uint8)
    if _bound_share(runs, beyond) < THIN * COVERED:
        return None
    rows, columns = np.nonzero(thick)
    drifts, pixels = _list_drifts(height, width)
    # counts of all slopes in one go: slope i counts in row i of a table with room for rows above and below the picture
    room = int(np.abs(drifts).max())
    tall_table = height + 2 * room
    places = rows - drifts[:, columns] + room + tall_table * np.arange(len(SLOPES))[:, None]
    shape = (len(SLOPES), tall_table)

    def count(places: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(places.ravel(), minlength=shape[0] * shape[1]).reshape(shape)[:, room : room + height]

    share = count(places) / np.maximum(pixels, width / 2)
    if not beyond.all():
        visible = np.stack([_count_pixels(drift[beyond], height) for drift in drifts])
        share = np.minimum(share, count(places[:, beyond[columns]]) / np.maximum(visible, 1))
    found = np.argwhere(share > COVERED)
    if not len(found):
        return None
    best = found[np.argsort(-share[tuple(found.T)])[:MOST_LINES]]
    lengths, lines, every = _measure_runs(mask), np.zeros_like(mask), np.arange(width)
    line_rows = (best[:, 1:] + drifts[best[:, 0]]).clip(0, height - 1)
    along = np.sort(lengths[line_rows, every], axis=1)  # the pixels without ink, of length 0, come first
    inked = np.count_nonzero(along, axis=1)
    wide = along[np.arange(len(best)), width - 1 - inked // 2]
    line_rows, wide = line_rows[wide <= thickest], wide[wide <= thickest]
    for away in (-1, 0, 1):
        near = (line_rows + away).clip(0, height - 1)
        across = lengths[near, every]
        chosen = (across > 0) & (across <= wide[:, None] + 2)
        lines[near[chosen], np.broadcast_to(every, near.shape)[chosen]] = True
    return lines if lines.any() else None


def _bound_share(runs: NDArray[np.uint8], beyond: Mask) -> float:
    """Return a share of columns [W] that no line can exceed: in each of some strips, the row whose neighbourhood covers most.

    The neighbourhood is as high as a line may rise inside a strip.
    """
    width = runs.shape[1]
    strip = max(8, width // STRIPS)
    reach = 2 * int(SLOPES[-1] * strip / 2 + 1) + 1
    near = cv2.dilate(runs, np.ones((reach, 1), np.uint8))
    near[:, ~beyond] = 0
    starts = np.arange(0, width, strip)
    covered = np.add.reduceat(near, starts, axis=1, dtype=np.int32).max(0).sum()
    return float(covered / max(1, np.count_nonzero(beyond), 0 if beyond.all() else width // 8))


@lru_cache(maxsize=64)
def _list_drifts(height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return by how many rows a line of each slope moves in each column [S, W], and the pixels of each of its rows [S, H]."""
    drifts = np.round(SLOPES[:, None] * (np.arange(width) - width / 2)).astype(np.int64)
    return drifts, np.stack([_count_pixels(drift, height) for drift in drifts])


def _dilate_column(mask: Mask) -> Mask:
    return cv2.dilate(mask.view(np.uint8), np.ones((3, 1), np.uint8)).view(np.bool_)


def _open_column(mask: Mask) -> Mask:
    """Return the pixels of ink with ink above or below them."""
    result = np.zeros_like(mask)
    both = mask[1:] & mask[:-1]
    result[1:] |= both
    result[:-1] |= both
    return result


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
