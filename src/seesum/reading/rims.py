"""Ink along the rim of a picture: a digit that was cut close, or the edge of a desk. numpy and OpenCV; no torch."""

from __future__ import annotations

import numpy as np

from seesum.reading.segmentation import Box, Mask, Parts, label_parts

RIM = 0.04
"""Width of the rim as a share of the picture's shorter side. Ink inside the rim is not a digit."""
ALONG_RIM = 0.5
"""A digit may touch the rim along this share of its size, as the bar of a 7 may. The edge of a desk touches it for longer."""
FILLED, HALF_SIDE = 0.6, 0.7
"""A digit that was cut close fills this share of both directions. Its strokes lie along at most one side for more than the
other share."""
SPECK = 0.25
"""Other ink whose extent is below this share of the digit's is a speck."""
MOST_ENDS = 6
"""Strokes of a digit that may run into the rim. More are ruled lines."""
UNFRAMED = 32
"""Up to this many pixels of the shorter side, the rim of a picture that is not plain is not checked: strokes are
hardly thinner."""


def find_rim(shape: tuple[int, ...]) -> int:
    """Return the width of the rim of a picture [H, W] in pixels."""
    return max(1, round(RIM * min(shape)))


def list_contacts(ink: Mask, box: Box, shape: tuple[int, ...], rim: int = 1) -> list[int]:
    """Return along how many pixels ink lies within ``rim`` pixels of each side of the picture: top, bottom, left, right."""
    lengths = []
    for rows, part, side in ((ink, box[0], shape[0]), (ink.T, box[1], shape[1])):
        first, last = max(0, rim - part.start), max(0, part.stop - side + rim)
        lengths += [int(rows[:first].any(0).sum()), int(rows[max(0, len(rows) - last) :].any(0).sum())]
    return lengths


def fills_picture(ink: Mask, box: Box, shape: tuple[int, ...]) -> bool:
    """Return whether ink fills the picture as a digit does that was cut close, and not as the edges of a desk do.

    Its box fills both directions, and at most one side lies along a stroke, as the bar of a 7 may.
    """
    if any(part.stop - part.start < FILLED * length for part, length in zip(box, shape, strict=True)):
        return False
    height, width = shape
    contacts = list_contacts(ink, box, shape, max(1, find_rim(shape) // 2))
    second = sorted(length / side for length, side in zip(contacts, (width, width, height, height), strict=True))[-2]
    return second < HALF_SIDE


def has_edges(parts: Parts) -> bool:
    """Return whether something along the rim of the picture, such as the edge of a desk, is among the parts of ink."""
    mask = parts.mask
    height, width = mask.shape
    ends = parts.tops + parts.heights, parts.lefts + parts.widths
    rim = max(1, find_rim(mask.shape) // 2)
    touching = (parts.tops < rim) | (parts.lefts < rim) | (ends[0] > height - rim) | (ends[1] > width - rim)
    sizes = np.maximum(parts.heights, parts.widths)
    for i in np.flatnonzero(touching & (sizes > SPECK * sizes.max())):
        box = slice(int(parts.tops[i]), int(ends[0][i])), slice(int(parts.lefts[i]), int(ends[1][i]))
        ink = parts.labels[box] == i + 1
        contacts = list_contacts(ink, box, mask.shape, rim)
        if sum(contacts) > ALONG_RIM * sizes[i] and not fills_picture(ink, box, mask.shape):
            return True
    runs = sum(int((line[1:] > line[:-1]).sum()) for line in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    return runs > MOST_ENDS


def measure_contact(ink: Mask, box: Box, shape: tuple[int, ...]) -> float:
    """Return a divisor for the score of ink that lies along the rim or reaches from rim to rim: 1 where it does neither, or
    fills the picture.
    """
    if min(shape) <= UNFRAMED:
        return 1.0
    if fills_picture(ink, box, shape):
        whole = np.zeros(shape, bool)
        whole[box] = ink
        if not has_edges(label_parts(whole)):
            return 1.0
    contacts = list_contacts(ink, box, shape, find_rim(shape))
    spans = min(contacts[:2]) > 0 or min(contacts[2:]) > 0
    share = sum(contacts) / max(ink.shape)
    return float((10 if spans else 1) * (1 + 8 * max(0.0, share - ALONG_RIM)))
