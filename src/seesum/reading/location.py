"""Find where in a picture a digit may be: groups of strokes of either polarity, most digit-like first. numpy and OpenCV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from seesum.reading.candidates import Candidate, find_outline, measure_thinness
from seesum.reading.decoding import Plane
from seesum.reading.groups import group_strokes, measure_extent
from seesum.reading.lines import remove_ruled_lines
from seesum.reading.opencv import cv2
from seesum.reading.rims import UNFRAMED, find_rim, list_contacts, measure_contact
from seesum.reading.segmentation import (
    EIGHT,
    Box,
    Mask,
    Parts,
    blur,
    count_levels,
    estimate_background,
    find_box,
    find_quantile,
    label_parts,
    make_levels,
    measure_contrast,
    measure_noise,
    pick,
    shrink,
    threshold_ink,
)

FAINTEST_INK = 0.06
"""The strongest ink must differ from the paper by this share of its brightness, or the picture counts as blank."""
WINDOWS = (0.32, 0.16, 0.64, 0.08)
"""Stroke widths that are tried, as shares of the picture's shorter side, until a candidate is clear."""
FRAME = 0.25
"""Width of the frame around a digit that should be paper, as a share of the digit's longer side."""
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
MOST_GROUPS = 8
"""At most this many groups of strokes, the largest, are scored. Noise makes hundreds of tiny ones."""
SMALLEST_GROUP = 0.05
"""Groups are scored from this share of the picture's shorter side on, unless there is none so large."""
CLEAR_LIKENESS, CLEAR_LEAD = 0.55, 20.0
"""A candidate of this likeness, with so many times the score of the best one of the other polarity, is clear."""
COMPANY = 0.4
"""Share of a candidate's extent from which on other ink may be a second digit."""
NOISY = 0.8
"""Grey levels of noise from which on a picture is blurred a little first."""
SAME = 0.02
"""Two masks that differ by less than this share of their ink hold the same candidates, and the second is left out."""


class View(NamedTuple):
    """A picture in one polarity, with the paper that one window finds."""

    dark: Plane
    """[H, W] grey levels, in which ink is darker than paper."""
    paper: Plane
    """[H, W] grey levels of the paper under the ink."""
    bright: bool
    """Whether ink is brighter than paper in the picture."""


def find_candidates(grey: Plane) -> list[Candidate]:
    """Find what may be a digit in grey levels [H, W], most digit-like first; nothing where no ink stands out.

    Both polarities and four stroke widths are tried. The ink of a digit stands out from the paper around it and is thin for
    its size, and has paper on all sides. It does not lie along the rim, unless it fills the picture as a digit does that was
    cut close.
    """
    if measure_noise(grey) > NOISY:
        grey = blur(grey, 0.8)
    candidates: list[Candidate] = []
    seen: dict[bool, list[Mask]] = {False: [], True: []}
    for view in _list_views(grey, candidates):
        parts, level = threshold_ink(measure_contrast(view.dark, view.paper))
        if level < FAINTEST_INK:
            continue
        mask = parts.mask
        if any((mask ^ one).sum() <= SAME * parts.areas.sum() for one in seen[view.bright]):
            continue
        seen[view.bright].append(mask)
        parts = drop_rim(parts)
        mask = parts.mask
        cleaned = remove_ruled_lines(mask)
        steepness = _measure_steepness(view.paper - view.dark)
        # a picture cut close around a 1 or a 7 is all line, so both versions are scored
        if cleaned is not mask:
            candidates += score_groups(label_parts(cleaned), view, steepness)
        candidates += score_groups(parts, view, steepness)
    distinct: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda one: -one.score):
        if not any(candidate.bright == kept.bright and candidate.shares(kept) > 0.5 for kept in distinct):
            distinct.append(candidate)
    return distinct or _take_shape(grey)


def _find_leader(candidates: list[Candidate]) -> Candidate | None:
    """Return the best of the candidates so far, if it looks like a digit and far more than any of the other polarity."""
    if not candidates:
        return None
    best = max(candidates, key=lambda one: one.score)
    rival = max((one.score for one in candidates if one.bright != best.bright), default=0.0)
    return best if best.likeness >= CLEAR_LIKENESS and best.score > CLEAR_LEAD * rival else None


def _is_clear(leader: Candidate, candidates: list[Candidate]) -> bool:
    """Return whether the leader stands out so much that no other width of strokes needs to be tried."""
    return not any(list_contacts(leader.ink, leader.box, leader.shape)) and not _has_company(leader, candidates)


def _has_company(best: Candidate, candidates: list[Candidate]) -> bool:
    """Return whether there is other ink of the same polarity and of a similar size, which may be a second digit."""
    size = measure_extent(best.box)
    return any(
        one.bright == best.bright and measure_extent(one.box) > COMPANY * size and not one.shares(best) for one in candidates
    )


def _list_views(grey: Plane, candidates: list[Candidate]) -> Iterator[View]:
    """Yield a picture in both polarities, with the paper of each window, until one of the candidates so far is clear.

    Where one of them leads that is not clear for another reason, such as company, the other polarity is left out.
    """
    dark = {False: grey, True: float(grey.max()) - grey}
    for window in dict.fromkeys(max(3, round(share * min(grey.shape)) | 1) for share in WINDOWS):
        leader = _find_leader(candidates)
        if leader and _is_clear(leader, candidates):
            return
        for bright, plane in dark.items():
            if leader is None or leader.bright == bright:
                yield View(plane, estimate_background(make_levels(plane), window), bright)


def drop_rim(parts: Parts) -> Parts:
    """Drop ink that lies along the rim, unless nothing would be left: edges of desks, tables and pages."""
    shape = parts.labels.shape
    if min(shape) <= UNFRAMED:
        return parts
    wide = find_rim(shape)
    inner = parts.labels[wide:-wide, wide:-wide]
    keep = np.bincount(inner.ravel(), minlength=parts.number + 1)[1:] >= 0.5 * parts.areas
    return parts.select(keep) if keep.any() else parts


def score_groups(parts: Parts, view: View, steepness: Plane) -> list[Candidate]:
    """Score the groups of strokes of ink: how much each stands out, and how much it looks like a digit.

    Args:
        parts: the parts of the ink.
        view: the picture in which it is ink.
        steepness: how much the depth of the ink changes from pixel to pixel, [H, W].
    """
    labels, boxes = group_strokes(parts)
    shape = labels.shape
    candidates = []
    numbered = [(i, box) for i, box in enumerate(boxes, 1) if box]
    large = [one for one in numbered if measure_extent(one[1]) > SMALLEST_GROUP * min(shape)]
    for i, box in sorted(large or numbered, key=lambda one: -measure_extent(one[1]))[:MOST_GROUPS]:
        ink = labels[box] == i
        size = max(ink.shape)
        if size < 3 or np.count_nonzero(ink) < 4:
            continue
        around, outline = find_outline(labels, i, box)
        # nearly all of the outline of ink is steep
        contrast = pick(steepness[around][outline], 0.25)
        paper = view.paper[box][ink]
        depths, light = pick(paper - view.dark[box][ink], 0.5), pick(paper, 0.5)
        sharp = min(1.0, contrast / max(SHARP * depths, FAINTEST_OUTLINE * light, 1e-6))
        paper_around = _measure_openness(view.dark, box, light - depths, light)
        likeness = sharp * measure_thinness(ink) * paper_around**2 / measure_contact(ink, box, shape)
        if score := contrast * float(np.sqrt(size / max(shape))) * likeness:
            candidates.append(Candidate(box, ink, shape, view.bright, score, likeness))
    return candidates


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
    counts = count_levels(make_levels(grey))
    low, high = find_quantile(counts, 0.02), find_quantile(counts, 0.98)
    ink = grey < (low + high) / 2
    outline = ink & ~shrink(ink)
    if high - low < CLEAR_CONTRAST * max(high, 24) or not outline.any():
        return []
    if np.median(cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, EIGHT)[outline]) < SHARP * (high - low):
        return []
    box = find_box(ink)
    return [Candidate(box, ink[box], grey.shape, False, 0.0, 0.0)]


def _measure_steepness(depth: Plane) -> Plane:
    """Compute the range of the ink's depth [H, W] in 3x3 pixels, less what noise makes of plain paper.

    It uses the depth of the ink, since the edges of desks and shadows are edges of the paper too.
    """
    steepness = np.asarray(cv2.morphologyEx(depth, cv2.MORPH_GRADIENT, EIGHT), np.float32)
    plain = find_quantile(count_levels(make_levels(steepness)), 0.5)
    return np.asarray(np.maximum(steepness - plain, 0), np.float32)


def _measure_openness(dark: Plane, box: Box, ink: float, paper: float) -> float:
    """Return how bright a frame around a box is, from 0 (as ink) to 1 (as paper). It is low between strokes of the other
    polarity.
    """
    reach = max(3, round(FRAME * max(part.stop - part.start for part in box)))
    around = tuple(slice(max(0, part.start - reach), part.stop + reach) for part in box)
    inner = tuple(slice(part.start - outer.start, part.stop - outer.start) for part, outer in zip(box, around, strict=True))
    light = ((dark[around] - ink) / max(paper - ink, 1e-6)).clip(0, 1)
    count = light.size - light[inner].size
    return float((light.sum() - light[inner].sum()) / count) if count else 1.0
