"""Find the one digit on plain paper, without a search: most drawings, scans and small pictures, and many photos.

Paper is plain if its light changes smoothly, as one polynomial of the place. On such paper ink is what differs, whatever the
width of its strokes, and it may lie along the rim: there is nothing else, such as a desk, that it could be. Pictures that are
not so plain go to the search in ``location.py``. numpy and OpenCV; no torch.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.reading.candidates import Candidate, Paper, find_outline, measure_thinness
from seesum.reading.decoding import Plane
from seesum.reading.groups import group_strokes, measure_extent
from seesum.reading.lines import remove_ruled_lines
from seesum.reading.opencv import cv2
from seesum.reading.rims import SPECK, has_edges, list_contacts
from seesum.reading.segmentation import (
    EIGHT,
    count_levels,
    find_deviation,
    grow,
    make_levels,
    measure_contrast,
    pick,
    split_ink,
    split_otsu,
)

FINE = 96
"""Smaller pictures are enlarged to so many pixels, so that shapes can be measured."""
FLAT = 40
"""Up to this many pixels of the longer side, paper has one level: more could not be told from the ink."""
POINTS = 40
"""The paper is fitted to at most so many rows and columns."""
WEAKEST = 0.12
"""Ink takes at least this share of the paper's light."""
UNEVEN = 0.25
"""Paper may differ from its fit by this share of the ink's strength."""
SPOTS = 0.003
"""Share of the picture that may differ more."""
DUST = 0.07
"""Pieces of ink below this share of the largest one's extent are dust."""
MOST_INK = 0.62
"""Share of the picture that ink covers at most."""
THIN = 0.5
"""Ink that is less thin than this is no stroke on plain paper."""
CLEAR_RIM = 0.12
"""Where at most this share of the rim has the other side of the threshold, the rim is paper."""
DOUBT = 3.0
"""Where one polarity is less than so many times as plausible as the other, both remain."""


class Side(NamedTuple):
    """What a picture looks like if its bright parts, or its dark parts, are ink."""

    candidate: Candidate
    plausible: float


def find_plain(grey: Plane) -> list[Candidate]:
    """Find the digit in grey levels [H, W] of plain paper.

    Returns:
        The candidate; two, the more plausible one first, where the paper might as well be the ink; none where the paper is not
        plain or where there seems to be more than one digit.
    """
    zoom = FINE / max(grey.shape)
    if zoom > 1:
        size = (max(1, round(grey.shape[1] * zoom)), max(1, round(grey.shape[0] * zoom)))
        fine = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC).clip(0, 255), np.float32)
    else:
        fine, zoom = grey, 1.0
    if min(fine.shape) < 8:
        return []
    threshold = split_otsu(count_levels(make_levels(fine)))
    rim = np.concatenate([fine[0], fine[-1], fine[1:-1, 0], fine[1:-1, -1]])
    bright_rim = float((rim > threshold).mean())
    sides = []
    for bright in (False, True):
        share = bright_rim if bright else 1 - bright_rim
        if share <= 1 - CLEAR_RIM:
            side = _look(fine, bright, zoom, max(grey.shape) <= FLAT)
            if side:
                sides.append(side)
    sides.sort(key=lambda one: -one.plausible)
    if len(sides) == 2 and sides[0].plausible > DOUBT * sides[1].plausible:
        del sides[1]
    return [side.candidate for side in sides]


def _look(fine: Plane, bright: bool, zoom: float, flat: bool) -> Side | None:
    """Return what a picture [H, W] looks like if ink is brighter than paper, or darker; None if it is not plain."""
    top = float(fine.max())
    dark = top - fine if bright else fine
    paper = _fit_paper(dark, flat)
    if paper is None:
        return None
    light = paper.render(dark.shape)
    contrast = measure_contrast(dark, light)
    parts, level = split_ink(contrast)
    extents = np.hypot(parts.heights, parts.widths)
    if parts.number > 1:
        parts = parts.select(extents > DUST * extents.max())
    mask = parts.mask
    if level < WEAKEST or not 0 < mask.mean() < MOST_INK:
        return None
    around = ~grow(mask, 2 + int(1.5 * (zoom - 1)))
    apart = cv2.absdiff(dark, light)[around] / np.maximum(light[around], np.float32(24))
    noise = 1.4826 * pick(apart, 0.5) if apart.size else 0.0
    if level < 6 * noise or (apart > max(UNEVEN * level, 4 * noise)).sum() > SPOTS * mask.size:
        return None
    if has_edges(parts):
        return None
    labels, boxes = group_strokes(parts)
    extents = np.array([measure_extent(box) for box in boxes])
    main = int(extents.argmax())
    box = boxes[main]
    if box is None or (np.delete(extents, main) > SPECK * extents[main]).any():
        return None
    ink = labels[box] == main + 1
    thin = measure_thinness(ink)
    if thin < THIN:
        return None
    if zoom == 1:
        near, outline = find_outline(labels, main + 1, box)
        steepness = np.asarray(cv2.morphologyEx(contrast[near], cv2.MORPH_GRADIENT, EIGHT), np.float32)[outline]
        if pick(steepness, 0.25) < 0.2 * level or remove_ruled_lines(mask) is not mask:
            return None
    corners = mask[[0, 0, -1, -1], [0, -1, 0, -1]].mean()
    rim = sum(list_contacts(ink, box, mask.shape)) / (2 * sum(mask.shape))
    plausible = thin * (1 - 0.8 * corners) ** 2 * (1 - rim) ** 2
    return Side(Candidate(box, ink, mask.shape, bright, 1.0, 1.0, paper._replace(top=top)), float(plausible))


def _fit_paper(dark: Plane, flat: bool) -> Paper | None:
    """Fit the paper's levels under dark ink: first to all that is brighter than the threshold, then to what is near the fit."""
    step = max(1, -(-max(dark.shape) // POINTS))
    few = dark[::step, ::step]
    levels = few.ravel()
    counts = count_levels(make_levels(few))
    chosen = levels > split_otsu(counts)
    if chosen.sum() < 6:
        return None
    if flat:
        brighter = np.sort(levels[chosen])
        return Paper(np.array([float(brighter[2 * len(brighter) // 3]), 0, 0, 0, 0, 0], np.float32))
    basis = _make_basis(dark.shape, step)
    for terms in (3, 6, 6):
        some = basis[chosen, :terms]
        square = some.T @ some + 1e-3 * np.eye(terms, dtype=np.float32)
        fitted = np.linalg.solve(square, some.T @ levels[chosen])
        apart = levels - basis[:, :terms] @ fitted
        noise = find_deviation(count_levels(make_levels(np.abs(apart[chosen])[None], 4)), 0) / 4
        chosen = np.abs(apart) < max(3 * noise, 3)
        if chosen.sum() < 0.3 * len(levels):
            return None
    return Paper(np.asarray(fitted, np.float32))


@lru_cache(maxsize=32)
def _make_basis(shape: tuple[int, ...], step: int) -> NDArray[np.float32]:
    """Return the terms [N, 6] of a quadratic polynomial at every ``step``-th pixel."""
    y, x = (np.linspace(-1, 1, length, dtype=np.float32)[::step] for length in shape)
    down, across = (plane.ravel() for plane in np.meshgrid(y, x, indexing="ij"))
    return np.stack([np.ones_like(down), across, down, across**2, across * down, down**2], 1)
