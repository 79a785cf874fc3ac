"""Give strokes the width of MNIST's, without closing a gap or filling a loop. numpy and OpenCV; no torch."""

from __future__ import annotations

import numpy as np

from seesum.data.idx import BOX
from seesum.reading.decoding import Plane
from seesum.reading.opencv import cv2
from seesum.reading.segmentation import Mask, find_box, grow, measure_stroke_width

THINNEST, THICKEST = 2.2, 4.4
"""Stroke widths in pixels of the 28x28 that are left as they are. MNIST's own is 3.0 +- 0.7, measured in this way."""
GAP = 1.3
"""Paper between two strokes keeps this width where there was so much, in pixels of the 28x28. Less would look closed."""


def normalise_stroke_width(ink: Plane, mask: Mask) -> Plane:
    """Return the digit's ink 0..1 with strokes no thinner and no thicker than MNIST's.

    Wider strokes never meet: where the paper between two of them is narrow, they grow less.
    """
    window = tuple(slice(max(0, part.start - 2), part.stop + 2) for part in find_box(mask))
    near = grow(mask[window], 2)
    soft = np.where(near, ((ink[window] - 0.2) / 0.6).clip(0, 1), 0).astype(np.float32)
    unit = max(soft.shape) / BOX
    soft = np.pad(soft, round(3 * unit))
    solid = soft > 0.5
    if not solid.any():  # a ruled line may have taken the strong pixels of a faint stroke with it
        return soft
    wide = measure_stroke_width(solid) / unit
    change = (float(np.clip(wide, THINNEST, THICKEST)) - wide) * unit / 2
    if abs(change) < 0.25:
        return soft
    inside = cv2.distanceTransform(solid.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    outside = cv2.distanceTransform((~solid).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    if change < 0:
        return np.asarray((inside - outside + change + 0.5).clip(0, 1), np.float32)
    room = _measure_room(~solid, change, GAP * unit / 2)
    return np.asarray((inside - outside + np.minimum(change, room) + 0.5).clip(0, 1), np.float32)


def _measure_room(paper: Mask, most: float, gap: float) -> Plane:
    """Return by how much strokes may grow at each pixel of paper, [H, W], from 0 to ``most``, so that ``gap`` remains.

    Paper has room for a circle of some radius: the largest one that holds the pixel and no ink. It may be filled from both
    sides until a circle of half the gap is left.
    """
    room = np.zeros(paper.shape, np.float32)
    levels = paper.view(np.uint8)
    for radius in np.arange(gap, gap + most + 1):
        side = 2 * int(np.ceil(radius)) + 1
        reach = np.arange(side) - side // 2
        circle = (reach[:, None] ** 2 + reach**2 <= radius**2 + 0.5).astype(np.uint8)
        holds = cv2.morphologyEx(levels, cv2.MORPH_OPEN, circle, borderType=cv2.BORDER_CONSTANT, borderValue=1)
        if not holds.any():
            break
        room[holds.view(np.bool_)] = min(most, radius - gap + 1)
    return room
