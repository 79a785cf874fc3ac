"""Group strokes that belong together: the pieces of one digit, but not two digits. numpy and OpenCV; no torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seesum.reading.opencv import cv2
from seesum.reading.segmentation import Box, Parts, label_parts, measure_stroke_width

MOST_JOINED = 40
"""At most this many groups of ink, the largest, are joined. A strip of 40,000 pixels held 1,100, and comparing each pair took
2 s."""
HALF = 0.45
"""A piece of this share of the largest one may be a digit of its own."""
TALL = 2.2
"""Digits one above another are together so many times as tall as wide."""
BAR = 0.35
"""A piece that is narrower than this share of its height is a bar."""
SHORT = 2.0
"""Pieces that are no wider than so many strokes are parts of a broken stroke, however short they are."""


def group_strokes(parts: Parts, gap: int = 2) -> tuple[NDArray[np.int32], list[Box | None]]:
    """Group ink that belongs together: labels [H, W] from 1, 0 without ink, and the boxes of the groups.

    Strokes are joined over gaps of about their own width and at least ``gap`` pixels. Smaller groups are joined with a larger
    one whose box they nearly touch. Two tall groups side by side, and two wide ones one above the other, are two digits and are
    not joined. The box of a group that was joined with another is None.
    """
    if parts.number < 2:
        return parts.labels, _list_boxes(parts.tops, parts.lefts, parts.tops + parts.heights, parts.lefts + parts.widths)
    mask = parts.mask
    wide = measure_stroke_width(mask)
    reach = max(gap / 2, 0.6 * wide)
    away = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    near = label_parts(away <= reach)
    group_of = np.zeros(parts.number + 1, np.int32)
    group_of[parts.labels[mask]] = near.labels[mask]
    number = near.number
    extents = np.hypot(parts.heights, parts.widths)
    for group in np.flatnonzero(np.bincount(group_of[1:]) > 1):
        pieces = np.flatnonzero(group_of[1:] == group)
        large = pieces[extents[pieces] > HALF * extents[pieces].max()]
        if len(large) < 2 or parts.widths[large].max() <= SHORT * wide:
            continue
        if _is_column(*(edges[large] for edges in (parts.tops, parts.lefts, parts.heights, parts.widths))):
            group_of[1:][large[1:]] = number + 1 + np.arange(len(large) - 1)
            number += len(large) - 1
    at = group_of[1:] - 1
    low, high = np.full((2, number), 2**30), np.zeros((2, number), np.int64)
    for edge, first, length in ((0, parts.tops, parts.heights), (1, parts.lefts, parts.widths)):
        np.minimum.at(low[edge], at, first)
        np.maximum.at(high[edge], at, first + length)
    boxes = _list_boxes(*low, *high)
    joined = _join_boxes(boxes)
    return joined[group_of][parts.labels], boxes


def _is_column(
    tops: NDArray[np.int32], lefts: NDArray[np.int32], heights: NDArray[np.int32], widths: NDArray[np.int32]
) -> bool:
    """Return whether large pieces of ink are digits one above another, and not the pieces of one digit.

    A column is taller than digits are, its pieces do not reach past each other, and they are not all bars, as the pieces of a
    broken 1 are.
    """
    order = np.argsort(tops)
    overlaps = (tops + heights)[order][:-1] - tops[order][1:]
    tall, wide = np.ptp(np.append(tops, tops + heights)), np.ptp(np.append(lefts, lefts + widths))
    return bool(tall > TALL * wide and (overlaps <= 0.05 * heights.max()).all() and (widths > BAR * heights).any())


def _join_boxes(boxes: list[Box | None]) -> NDArray[np.int32]:
    """Join groups by their boxes. Return the label of each group's new group, for labels from 0; ``boxes`` are changed."""
    labels = np.arange(len(boxes) + 1, dtype=np.int32)
    order = sorted(range(len(boxes)), key=lambda i: -measure_extent(boxes[i]))[:MOST_JOINED]
    for at, big in enumerate(order):
        whole = first = boxes[big]
        if whole is None or first is None:
            continue
        for small in order[at + 1 :]:
            other = boxes[small]
            if other is not None and _belongs(other, whole, first):
                labels[small + 1] = big + 1
                whole = _unite(whole, other)
                boxes[big], boxes[small] = whole, None
    return labels


def _belongs(small: Box, big: Box, largest: Box) -> bool:
    """Return whether the ink in a smaller box belongs to the digit in a bigger one, whose largest piece has a box too."""
    (top, left), (bottom, right) = ((part.start for part in big), (part.stop for part in big))
    size = max(bottom - top, right - left)
    gap = max(small[1].start - right, left - small[1].stop, small[0].start - bottom, top - small[0].stop, 0)
    tall, wide = small[0].stop - small[0].start, small[1].stop - small[1].start
    shared = min(right, small[1].stop) - max(left, small[1].start)
    if tall > 0.6 * (bottom - top) and shared < 0.3 * min(wide, right - left) and gap > 0.06 * size:
        return False
    if wide > 0.6 * (right - left) and tall > 0.5 * size and gap > 0.06 * size:
        return False
    # a column of digits grows with each that is joined, and its ones are narrow, so its largest piece is what counts
    height = largest[0].stop - largest[0].start
    apart = max(small[0].start - bottom, top - small[0].stop)
    if tall > HALF * height and apart > 0:
        edges = ((top, small[0].start), (left, small[1].start), (bottom - top, tall), (right - left, wide))
        if apart > 0.1 * max(height, wide) or _is_column(*(np.array(pair, np.int32) for pair in edges)):
            return False
    return bool(gap < 0.2 * size)


def measure_extent(box: Box | None) -> float:
    """Return the diagonal of a box in pixels; 0 for None."""
    return 0.0 if box is None else float(np.hypot(box[0].stop - box[0].start, box[1].stop - box[1].start))


def _list_boxes(
    tops: NDArray[np.integer], lefts: NDArray[np.integer], bottoms: NDArray[np.integer], rights: NDArray[np.integer]
) -> list[Box | None]:
    edges = zip(tops.tolist(), lefts.tolist(), bottoms.tolist(), rights.tolist(), strict=True)
    return [(slice(top, bottom), slice(left, right)) for top, left, bottom, right in edges]


def _unite(first: Box, second: Box) -> Box:
    rows, columns = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(first, second, strict=True))
    return rows, columns
