"""Where in a picture a digit may be: groups of strokes of either polarity, the most digit-like first. numpy and scipy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from seesum.decoding import Plane
from seesum.segmentation import (
    EIGHT,
    Box,
    Mask,
    compare_light,
    estimate_paper,
    group_strokes,
    measure_extent,
    measure_noise,
    measure_stroke,
    remove_lines,
    separate_ink,
)

FAINTEST_INK = 0.06
"""Share of the paper's brightness by which the strongest ink must differ from it, or the picture counts as blank."""
WINDOWS = (0.08, 0.16, 0.32, 0.64)
"""Widths of strokes that are looked for, as shares of the picture's shorter side."""
ALONG_RIM = 0.6
"""Share of its size along which ink may touch the rim: the edge of a desk or of the paper touches it farther."""
RIM = 0.04
"""Width of the rim as a share of the picture's shorter side: what lies in it is no digit."""
FRAME = 0.25
"""Width of the frame around a digit that should be paper, as a share of the digit's longer side."""
THICK = 0.25
"""Width of strokes as a share of a digit's longer side from which on they are thick for a digit."""
SHARP = 0.3
"""Share of the ink's depth that lies between neighbouring pixels at its outline; less is the edge of a soft shadow."""
FAINT = 0.03
MOST_GROUPS = 12
"""Groups of strokes that are weighed, the largest: noise makes hundreds of tiny ones."""


class Place(NamedTuple):
    """Ink that may be a digit."""

    box: Box
    """Around it."""
    ink: Mask
    """[h, w] of the box: which of its pixels are of this ink."""
    bright: bool
    """Whether ink is brighter than paper."""
    score: float
    """By which places are ranked: how much it stands out, and how much it is like a digit."""
    likeness: float
    """How much it is like a digit, 0..1."""

    def touches(self, other: Place) -> bool:
        return all(a.start < b.stop and b.start < a.stop for a, b in zip(self.box, other.box, strict=True))

    def overlaps(self, other: Place) -> bool:
        """Whether both are the same ink, more or less: they share half of the box that holds both."""
        shared, both = 1.0, 1.0
        for a, b in zip(self.box, other.box, strict=True):
            shared *= max(0, min(a.stop, b.stop) - max(a.start, b.start))
            both *= max(a.stop, b.stop) - min(a.start, b.start)
        return self.bright == other.bright and shared > 0.5 * both


def locate_digits(grey: Plane) -> list[Place]:
    """What in grey levels [H, W] may be a digit, the most digit-like first; nothing where nothing stands out.

    Both polarities and four widths of stroke are tried. Ink stands out from the paper around it, is thin for its size, does
    not lie along the rim, and has paper on all sides.
    """
    if measure_noise(grey) > 1:
        grey = ndimage.gaussian_filter(grey, 0.8)
    places: list[Place] = []
    for window in dict.fromkeys(max(3, round(share * min(grey.shape)) | 1) for share in WINDOWS):
        for bright in (False, True):
            dark = grey.max() - grey if bright else grey
            paper = estimate_paper(dark, window)
            mask, level = separate_ink(compare_light(dark, paper))
            if level < FAINTEST_INK:
                continue
            mask = drop_rim(mask)
            cleaned = remove_lines(mask)
            # a picture cut close around a 1 or a 7 is all line, so what is left without lines has to compare
            for kept in [mask] if cleaned is mask else [cleaned, mask]:
                places += weigh_groups(kept, dark, paper, bright)
    distinct: list[Place] = []
    for place in sorted(places, key=lambda one: -one.score):
        if not any(place.overlaps(kept) for kept in distinct):
            distinct.append(place)
    return distinct


def drop_rim(mask: Mask) -> Mask:
    """Ink without what lies along the rim, unless nothing would be left: edges of desks, tables and pages."""
    if min(mask.shape) <= 32:
        return mask
    labels, count = ndimage.label(mask, EIGHT)
    wide = max(1, round(RIM * min(mask.shape)))
    inner = labels[wide:-wide, wide:-wide]
    areas, within = (np.bincount(part.ravel(), minlength=count + 1) for part in (labels, inner))
    keep = within >= 0.5 * areas
    keep[0] = False
    return keep[labels] if keep.any() else mask


def weigh_groups(mask: Mask, dark: Plane, paper: Plane, bright: bool) -> list[Place]:
    """The groups of strokes of a mask [H, W], with how much each is like a digit."""
    labels, boxes = group_strokes(mask)
    depth = (paper - dark).clip(0)
    # of the ink alone: where a desk or a shadow begins, the paper's light has the same edge
    edges = ndimage.morphological_gradient(depth, 3)
    grain = float(np.median(edges))
    places = []
    for i in sorted((i for i, box in enumerate(boxes) if box), key=lambda i: -measure_extent(boxes[i]))[:MOST_GROUPS]:
        own = labels[boxes[i]] == i + 1
        size = max(own.shape)
        if own.sum() < 4 or size < 3:
            continue
        around = tuple(slice(max(0, part.start - 1), part.stop + 1) for part in boxes[i])
        ink = labels[around] == i + 1
        outline = ndimage.binary_dilation(ink, EIGHT) & ~ndimage.binary_erosion(ink, EIGHT)
        contrast = max(0.0, float(np.quantile(edges[around][outline], 0.25)) - grain)
        thin = min(1.0, THICK * size / measure_stroke(own))
        near = _measure_contact(own, boxes[i], mask.shape)
        least = max(SHARP * float(np.median(depth[boxes[i]][own])), FAINT * float(np.median(paper[boxes[i]][own])))
        sharp = min(1.0, contrast / least)
        likeness = sharp * thin**4 * _measure_openness(own, boxes[i], dark, paper) ** 2 * near
        score = contrast * float(np.sqrt(size / max(mask.shape))) * likeness
        places.append(Place(boxes[i], own, bright, score, likeness))
    return [one for one in places if one.score > 0]


def count_beside(main: Place, places: list[Place]) -> int:
    """How many of the places are digits beside the main one: as digit-like and as tall as it, or half as much."""
    tall = measure_extent(main.box)
    return sum(
        one.bright == main.bright
        and one.score > 0.5 * main.score
        and measure_extent(one.box) > 0.5 * tall
        and not one.touches(main)
        for one in places
    )


def _measure_contact(ink: Mask, box: Box, shape: tuple[int, ...]) -> float:
    """Factor 0..1 for what lies along the rim: as far as edges of a desk or of the paper do, or from rim to rim."""
    if min(shape) <= 32:
        return 1.0
    wide = max(1, round(RIM * min(shape)))
    spans = False
    length = 0
    for axis in (0, 1):
        part, at, side = (ink, ink.T)[axis], box[axis], shape[axis]
        first, last = max(0, wide - at.start), max(0, wide - side + at.stop)
        length += int(part[:first].any(0).sum()) + int(part[len(part) - last :].any(0).sum())
        spans = spans or (first > 0 and last > 0)
    contact = length / max(ink.shape)
    return (0.1 if contact > ALONG_RIM or spans else 1.0) / (1 + 8 * max(0.0, contact - 0.3))


def _measure_openness(ink: Mask, box: Box, dark: Plane, paper: Plane) -> float:
    """How much of a frame around ink is as bright as the paper under it, 0..1: 0 between strokes of the other polarity."""
    reach = max(3, round(FRAME * max(ink.shape)))
    around = tuple(slice(max(0, part.start - reach), part.stop + reach) for part in box)
    frame = np.ones(dark[around].shape, bool)
    frame[tuple(slice(part.start - outer.start, part.stop - outer.start) for part, outer in zip(box, around, strict=True))] = False
    if not frame.any():
        return 1.0
    least, light = float(np.median(dark[box][ink])), float(np.median(paper[box][ink]))
    return float(((dark[around][frame] - least) / max(light - least, 1e-6)).clip(0, 1).mean())
