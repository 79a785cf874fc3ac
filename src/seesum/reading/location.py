"""Find where in a picture a digit may be: groups of strokes of either polarity, most digit-like first. numpy and scipy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from seesum.reading.decoding import Plane
from seesum.reading.segmentation import (
    EIGHT,
    Box,
    Mask,
    estimate_background,
    group_strokes,
    measure_contrast,
    measure_extent,
    measure_noise,
    measure_stroke_width,
    remove_ruled_lines,
    threshold_ink,
)

FAINTEST_INK = 0.06
"""The strongest ink must differ from the paper by this share of its brightness, or the picture counts as blank."""
WINDOWS = (0.08, 0.16, 0.32, 0.64)
"""Stroke widths that are tried, as shares of the picture's shorter side."""
RIM = 0.04
"""Width of the rim as a share of the picture's shorter side. Ink inside the rim is not a digit."""
ALONG_RIM = 0.5
"""A digit may touch the rim along this share of its size, as the bar of a 7 may. The edge of a desk touches it for longer."""
UNFRAMED = 32
"""Up to this many pixels of the shorter side, the rim is not checked: the picture is cut close around a digit."""
FRAME = 0.25
"""Width of the frame around a digit that should be paper, as a share of the digit's longer side."""
THICK = 0.33
"""Strokes are thick for a digit from this width on, as a share of its longer side."""
SHARP = 0.3
"""Share of the ink's depth that lies between neighbouring pixels at its outline. Less is the edge of a soft shadow."""
FAINTEST_OUTLINE = 0.03
"""The same as a share of the paper's light. A few grey levels are no outline, however faint the ink."""
CLEAR_CONTRAST = 0.25
"""From this share of the paper's brightness on, something is ink although it is not a stroke."""
LIKENESS = 0.3
"""A candidate with less is not a digit. Of 670 simulated digits 6 had less; of 80 sheets of blank paper nearly all."""
BESIDE = 0.3
"""From this share of the best candidate's score on, another one is a digit too. At 0.2 single digits begin to be counted as
two."""
MOST_GROUPS = 12
"""At most this many groups of strokes, the largest, are scored. Noise makes hundreds of tiny ones."""


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

    def shares(self, other: Candidate) -> float:
        """Return the intersection of both boxes as a share of the box around both, 0..1."""
        shared, both = 1.0, 1.0
        for a, b in zip(self.box, other.box, strict=True):
            shared *= max(0, min(a.stop, b.stop) - max(a.start, b.start))
            both *= max(a.stop, b.stop) - min(a.start, b.start)
        return shared / both


def find_candidates(grey: Plane) -> list[Candidate]:
    """Find what may be a digit in grey levels [H, W], most digit-like first; nothing where no ink stands out.

    Both polarities and four stroke widths are tried. The ink of a digit stands out from the paper around it and is thin for
    its size. It does not lie along the rim, and has paper on all sides.
    """
    if measure_noise(grey) > 1:
        grey = ndimage.gaussian_filter(grey, 0.8)
    candidates: list[Candidate] = []
    for window in dict.fromkeys(max(3, round(share * min(grey.shape)) | 1) for share in WINDOWS):
        for bright in (False, True):
            dark = grey.max() - grey if bright else grey
            paper = estimate_background(dark, window)
            mask, level = threshold_ink(measure_contrast(dark, paper))
            if level < FAINTEST_INK:
                continue
            mask, steepness = drop_rim(mask), _measure_steepness(paper - dark)
            cleaned = remove_ruled_lines(mask)
            # a picture cut close around a 1 or a 7 is all line, so both versions are scored
            for kept in [mask] if cleaned is mask else [cleaned, mask]:
                candidates += score_groups(kept, dark, paper, steepness, bright)
    distinct: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda one: -one.score):
        if not any(candidate.bright == kept.bright and candidate.shares(kept) > 0.5 for kept in distinct):
            distinct.append(candidate)
    return distinct or _take_shape(grey)


def drop_rim(mask: Mask) -> Mask:
    """Remove ink that lies along the rim, unless nothing would be left: edges of desks, tables and pages."""
    if min(mask.shape) <= UNFRAMED:
        return mask
    labels, count = ndimage.label(mask, EIGHT)
    wide = max(1, round(RIM * min(mask.shape)))
    inner = labels[wide:-wide, wide:-wide]
    areas, within = (np.bincount(part.ravel(), minlength=count + 1) for part in (labels, inner))
    keep = within >= 0.5 * areas
    keep[0] = False
    return keep[labels] if keep.any() else mask


def score_groups(mask: Mask, dark: Plane, paper: Plane, steepness: Plane, bright: bool) -> list[Candidate]:
    """Score the groups of strokes of a mask [H, W]: how much each stands out, and how much it looks like a digit.

    Args:
        mask: which pixels are ink.
        dark: grey levels, in which ink is darker than paper.
        paper: grey levels of the paper under the ink.
        steepness: how much the depth of the ink changes from pixel to pixel.
        bright: whether ink is brighter than paper in the picture.
    """
    labels, boxes = group_strokes(mask)
    candidates = []
    for i in sorted((i for i, box in enumerate(boxes) if box), key=lambda i: -measure_extent(boxes[i]))[:MOST_GROUPS]:
        box = boxes[i]
        ink = labels[box] == i + 1
        size = max(ink.shape)
        if ink.sum() < 4 or size < 3:
            continue
        around = tuple(slice(max(0, part.start - 1), part.stop + 1) for part in box)
        padded = labels[around] == i + 1
        outline = ndimage.binary_dilation(padded, EIGHT) & ~ndimage.binary_erosion(padded, EIGHT)
        # nearly all of the outline of ink is steep
        contrast = float(np.quantile(steepness[around][outline], 0.25))
        depths, light = float(np.median((paper[box] - dark[box])[ink])), float(np.median(paper[box][ink]))
        sharp = min(1.0, contrast / max(SHARP * depths, FAINTEST_OUTLINE * light, 1e-6))
        paper_around = _measure_openness(dark, box, light - depths, light)
        likeness = sharp * measure_thinness(ink) * paper_around**2 / _measure_contact(ink, box, mask.shape)
        if score := contrast * float(np.sqrt(size / max(mask.shape))) * likeness:
            candidates.append(Candidate(box, ink, mask.shape, bright, score, likeness))
    return candidates


def measure_thinness(ink: Mask) -> float:
    """Return 1 if the strokes in a box [h, w] are thin for its size, and less, down to nearly 0, for a blot."""
    thin = min(1.0, THICK * max(ink.shape) / measure_stroke_width(ink))
    return float(thin**4)


def select_digits(candidates: list[Candidate]) -> list[Candidate]:
    """Select the candidates that are digits: the best one, and others beside it of half its size and a share ``BESIDE`` of its
    score.

    The largest comes first. The list is empty where the best candidate does not look like a digit.
    """
    if not candidates or candidates[0].likeness < LIKENESS:
        return []
    main, tall = candidates[0], measure_extent(candidates[0].box)
    beside = [
        one
        for one in candidates[1:]
        if one.bright == main.bright
        and one.score > BESIDE * main.score
        and measure_extent(one.box) > 0.5 * tall
        and not one.shares(main)
    ]
    return sorted([main, *beside], key=lambda one: -measure_extent(one.box))


def _take_shape(grey: Plane) -> list[Candidate]:
    """Take everything dark, where it is clearly dark and its outline is steep. Stripes and blots are answered, but not as
    digits.
    """
    low, high = np.quantile(grey, (0.02, 0.98))
    ink = grey < (low + high) / 2
    outline = ink & ~ndimage.binary_erosion(ink, EIGHT, border_value=1)
    if high - low < CLEAR_CONTRAST * max(high, 24) or not outline.any():
        return []
    if np.median(ndimage.morphological_gradient(grey, 3)[outline]) < SHARP * (high - low):
        return []
    (box,) = ndimage.find_objects(ink.astype(np.int8))
    return [Candidate(box, ink[box], grey.shape, False, 0.0, 0.0)]


def _measure_steepness(depth: Plane) -> Plane:
    """Compute the range of the ink's depth [H, W] in 3x3 pixels, less what noise makes of plain paper.

    It uses the depth of the ink, since the edges of desks and shadows are edges of the paper too.
    """
    steepness = ndimage.morphological_gradient(depth, 3)
    return np.asarray((steepness - np.median(steepness)).clip(0), np.float32)


def _measure_openness(dark: Plane, box: Box, ink: float, paper: float) -> float:
    """Return how bright a frame around a box is, from 0 (as ink) to 1 (as paper). It is low between strokes of the other
    polarity.
    """
    reach = max(3, round(FRAME * max(part.stop - part.start for part in box)))
    around = tuple(slice(max(0, part.start - reach), part.stop + reach) for part in box)
    inner = tuple(slice(part.start - outer.start, part.stop - outer.start) for part, outer in zip(box, around, strict=True))
    frame = np.ones(dark[around].shape, bool)
    frame[inner] = False
    return float(((dark[around][frame] - ink) / max(paper - ink, 1e-6)).clip(0, 1).mean()) if frame.any() else 1.0


def _measure_contact(ink: Mask, box: Box, shape: tuple[int, ...]) -> float:
    """Return a divisor for the score of ink that lies along the rim or reaches from rim to rim: 1 where it does neither."""
    if min(shape) <= UNFRAMED:
        return 1.0
    rim = max(1, round(RIM * min(shape)))
    length, spans = 0, False
    for rows, part, side in ((ink, box[0], shape[0]), (ink.T, box[1], shape[1])):
        first, last = max(0, rim - part.start), max(0, part.stop - side + rim)
        length += int(rows[:first].any(0).sum() + rows[len(rows) - last :].any(0).sum())
        spans = spans or min(first, last) > 0
    share = length / max(ink.shape)
    return float((10 if spans else 1) * (1 + 8 * max(0.0, share - ALONG_RIM)))
