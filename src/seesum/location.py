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
MOST_GROUPS = 12
"""Groups of strokes that are weighed, the largest: noise makes hundreds of tiny ones."""


class Place(NamedTuple):
    """Where a digit of a picture seems to be."""

    box: Box
    """Around its ink."""
    mask: Mask
    """[H, W], its ink."""
    bright: bool
    """Whether ink is brighter than paper."""
    found: int
    """How many digits there seem to be."""
    score: float


def locate_digit(grey: Plane) -> Place | None:
    """The most digit-like ink of grey levels [H, W], or None where nothing stands out.

    Both polarities and four widths of stroke are tried. Ink stands out far from the paper around it, is thin for its size,
    does not lie along the rim, and has paper on all sides.
    """
    if measure_noise(grey) > 1:
        grey = ndimage.gaussian_filter(grey, 0.8)
    best: Place | None = None
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
                place = _weigh_ink(kept, dark, paper, bright)
                if place and (best is None or place.score > best.score):
                    best = place
    return best


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


def _weigh_ink(mask: Mask, dark: Plane, paper: Plane, bright: bool) -> Place | None:
    """The group of strokes that is most like a digit, by contrast, size, thinness and the paper around it."""
    labels, boxes = group_strokes(mask)
    height, width = mask.shape
    scores = np.zeros(len(boxes))
    # of the ink alone: the edge of a desk or of a shadow is also one of the paper
    edges = ndimage.morphological_gradient((paper - dark).clip(0), 3)
    rim = np.ones(mask.shape, bool)
    rim[1:-1, 1:-1] = False
    largest = sorted((i for i, box in enumerate(boxes) if box), key=lambda i: -measure_extent(boxes[i]))[:MOST_GROUPS]
    for i in largest:
        box = boxes[i]
        own = labels[box] == i + 1
        size = max(own.shape)
        if own.sum() < 4 or size < 3:
            continue
        around = tuple(slice(max(0, part.start - 4), part.stop + 4) for part in box)
        own = labels[around] == i + 1
        contrast = float(np.quantile(edges[around][ndimage.binary_dilation(own, EIGHT) & ~ndimage.binary_erosion(own, EIGHT)], 0.25))
        thin = min(1.0, 0.33 * size / measure_stroke(own))
        contact = float((rim[around] & own).sum()) / size
        scores[i] = contrast * np.sqrt(size / max(height, width)) * thin**4 / (1 + 8 * max(0.0, contact - 0.3))
        scores[i] *= _measure_openness(labels == i + 1, box, dark, paper) ** 2
        if contact > ALONG_RIM and min(mask.shape) > 32:
            scores[i] /= 10
    if not scores.any():
        return None
    main = int(scores.argmax())
    tall = measure_extent(boxes[main])
    found = sum(
        score > 0.5 * scores[main] and measure_extent(box) > 0.5 * tall for score, box in zip(scores, boxes, strict=True) if box
    )
    return Place(boxes[main], labels == main + 1, bright, int(found), float(scores[main]))


def _measure_openness(mask: Mask, box: Box, dark: Plane, paper: Plane) -> float:
    """How much of a frame around ink is as bright as the paper under it, 0..1: 0 between strokes of the other polarity."""
    reach = max(3, round(FRAME * max(part.stop - part.start for part in box)))
    around = tuple(slice(max(0, part.start - reach), part.stop + reach) for part in box)
    frame = np.ones(dark[around].shape, bool)
    frame[tuple(slice(part.start - outer.start, part.stop - outer.start) for part, outer in zip(box, around, strict=True))] = False
    if not frame.any():
        return 1.0
    own = mask[box]
    ink, light = float(np.median(dark[box][own])), float(np.median(paper[box][own]))
    return float(((dark[around][frame] - ink) / max(light - ink, 1e-6)).clip(0, 1).mean())
