"""Cut a digit out of a picture and find its strokes, at one size and without lines, specks and neighbours."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.reading.candidates import Candidate
from seesum.reading.decoding import Plane
from seesum.reading.groups import group_strokes, measure_extent
from seesum.reading.lines import remove_ruled_lines
from seesum.reading.location import CLEAR_CONTRAST
from seesum.reading.opencv import cv2
from seesum.reading.segmentation import (
    Box,
    Mask,
    blur,
    count_levels,
    find_box,
    find_quantile,
    grow,
    label_parts,
    make_levels,
    measure_contrast,
    measure_stroke_width,
    normalise_illumination,
    threshold_ink,
)

BENCH = 96
"""Pixels of the digit's longer side in the cut-out that all later steps work on."""
MARGIN = 0.35
"""Paper around the digit in the cut-out, as a share of the digit's longer side."""
DIRECTION_SIDE = 64
"""Pixels of the longer side of the copy in which the direction of colours is measured."""
BLURS = (0.0, 1.2, 2.4)
"""Blurs of a cut-out, in its pixels, that are tried until ink rises above the noise."""


class Area(NamedTuple):
    """A part of a picture, in its pixels."""

    top: float
    bottom: float
    left: float
    right: float

    @property
    def size(self) -> float:
        """The longer side."""
        return max(self.bottom - self.top, self.right - self.left)

    @classmethod
    def from_box(cls, box: Box, down: float, across: float) -> Area:
        """Return the area of a box in a copy of the picture whose pixels are so many times as high and as wide."""
        rows, columns = box
        return cls(rows.start * down, rows.stop * down, columns.start * across, columns.stop * across)

    def fit_to_ink(self, mask: Mask, box: Box) -> Area:
        """Return the area around the ink of a cut-out in which this area is ``box``."""
        unit = self.size / BENCH
        (top, bottom), (left, right) = (
            ((ink.start - part.start) * unit, (ink.stop - part.start) * unit)
            for ink, part in zip(find_box(mask), box, strict=True)
        )
        return Area(self.top + top, self.top + bottom, self.left + left, self.left + right)


class Strokes(NamedTuple):
    """The strokes of one digit in a cut-out."""

    ink: Plane
    """[H, W], 0 (paper) to about 1, of everything in the cut-out."""
    mask: Mask
    """[H, W], which of it belongs to the digit."""
    digits: int
    """How many digits the candidate turned out to hold."""


class Projection(NamedTuple):
    """How colours become grey levels."""

    weights: NDArray[np.float32] | None
    """[3], of red, green and blue; None where all colours are grey already."""
    shift: float = 0.0
    """It is added, so that no level of the colours from which the weights come is below 0."""

    def apply(self, colours: Plane) -> Plane:
        """Return the grey levels [H, W] of colours [H, W, 3]."""
        if self.weights is None:
            return np.ascontiguousarray(colours[:, :, 0])
        return np.asarray(np.maximum(cv2.transform(colours, self.weights[None]) + self.shift, 0), np.float32)


def find_projection(colours: Plane) -> Projection:
    """Find the direction in which ink differs most from paper in colours [H, W, 3].

    It is the first principal component of the differences from the surrounding paper. So blue or red ink on yellow paper is as
    dark as black ink on white. Brighter stays brighter.
    """
    red, green, blue = cv2.split(colours)
    if max(cv2.norm(red, green, cv2.NORM_INF), cv2.norm(red, blue, cv2.NORM_INF), cv2.norm(green, blue, cv2.NORM_INF)) < 1:
        return Projection(None)
    share = min(1.0, DIRECTION_SIDE / max(red.shape))  # the direction needs no more than a few thousand pixels
    size = (max(1, round(red.shape[1] * share)), max(1, round(red.shape[0] * share)))
    small = cv2.resize(colours, size, interpolation=cv2.INTER_AREA)
    apart = (small - cv2.GaussianBlur(small, (0, 0), 10 * share, borderType=cv2.BORDER_REPLICATE)).reshape(-1, 3)
    lengths = np.linalg.norm(apart, axis=1)
    at = int(0.9 * (len(lengths) - 1))
    strong = apart[lengths >= np.partition(lengths, at)[at]]
    _, vectors = np.linalg.eigh(strong.T @ strong)
    direction = vectors[:, -1]
    direction = direction * np.sign(direction.sum() or 1)
    weights = (direction / np.abs(direction).sum()).astype(np.float32)
    return Projection(weights, -min(0.0, float(cv2.transform(colours, weights[None]).min())))


def crop_candidate(colours: Plane, area: Area) -> tuple[Plane, Box]:
    """Cut out a digit with some paper around it, from colours [H, W, 3] or grey levels [H, W].

    The digit's longer side becomes ``BENCH`` pixels.

    Returns:
        The cut-out [h, w, 3], or [h, w] of grey levels, and the digit's box in it.
    """
    left, top, right, bottom = _add_paper(area, colours.shape)
    zoom = BENCH / area.size
    cutout = _resize(colours[top:bottom, left:right], right - left, bottom - top, zoom)
    rows = slice(round((area.top - top) * zoom), round((area.bottom - top) * zoom))
    columns = slice(round((area.left - left) * zoom), round((area.right - left) * zoom))
    return cutout, (rows, columns)


def crop_hint(colours: Plane, candidate: Candidate, area: Area, cutout: Plane) -> Mask:
    """Return which pixels of a cut-out are roughly the candidate's ink, as found in the small copy of the picture."""
    mask = np.zeros(candidate.shape, np.float32)
    mask[candidate.box] = candidate.ink
    down, right = (small / large for small, large in zip(mask.shape, colours.shape, strict=False))
    x, y, x_end, y_end = _add_paper(area, colours.shape)
    height, width = cutout.shape[:2]
    across, along = (x_end - x) * right / width, (y_end - y) * down / height
    # the centre of pixel 0 of the cut-out lies half a pixel inside
    matrix = np.array([[across, 0, x * right + across / 2 - 0.5], [0, along, y * down + along / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(mask, matrix, (width, height), flags=flags) > 0.3)


def extract_strokes(colours: Plane, candidate: Candidate, steps: dict[str, NDArray[Any]]) -> Strokes | None:
    """Extract the strokes of a candidate; None where the cut-out around it holds no ink."""
    down, across = (large / small for large, small in zip(colours.shape, candidate.shape, strict=False))
    area = Area.from_box(candidate.box, down, across)
    wide, digits = math.sqrt(down * across) * measure_stroke_width(candidate.ink), 1
    for _ in range(2):
        cutout, box = crop_candidate(colours, area)
        hint = crop_hint(colours, candidate, area, cutout)
        if candidate.paper is not None:
            separated = threshold_plain(cutout, hint, candidate, _find_window(area, colours.shape))
        else:
            separated = threshold_cutout(cutout, hint, candidate.bright, wide * BENCH / area.size)
        if separated is None:
            return None
        ink, mask = separated
        steps["cut out"], steps["even light"], steps["ink"] = cutout, ink, mask
        cleaned = mask if candidate.paper is not None else remove_ruled_lines(mask, box)
        strokes = join_strokes(ink, keep_touching(cleaned if cleaned.any() else mask, hint), hint)
        steps["digit"] = strokes.mask
        # a digit beside this one may be cut off in the second cut-out
        digits = max(digits, strokes.digits)
        better = area.fit_to_ink(strokes.mask, box)
        # where the rough box held a part of the digit, or more than it, cut out once more around the strokes found;
        # a filled shape may leave a speck, and a cut-out around that would be thousands of pixels wide
        if not 0.25 * area.size < better.size or 0.85 * area.size < better.size < 1.15 * area.size:
            break
        area = better
    return strokes._replace(digits=digits)


def threshold_cutout(cutout: Plane, hint: Mask, bright: bool, wide: float) -> tuple[Plane, Mask] | None:
    """Separate ink from paper in a cut-out: ink 0..1 and which pixels are ink; None where there is none.

    Args:
        cutout: [H, W, 3], or [H, W] of grey levels.
        hint: [H, W], where the ink is, roughly.
        bright: whether ink is brighter than paper.
        wide: width of the strokes in pixels, roughly.
    """
    grey = cutout if cutout.ndim == 2 else find_projection(cutout).apply(cutout)
    if bright:
        grey = float(grey.max()) - grey
    for deviation in BLURS:
        ink = normalise_illumination(blur(grey, deviation), max(15, round(3 * wide)) | 1)
        parts, level = threshold_ink(ink, hint)
        mask = parts.mask
        if np.count_nonzero(mask) > BENCH / 4:
            return ink / level, mask
    # filled shapes are not strokes, but are answered where they stand out
    counts = count_levels(make_levels(grey))
    low, high = find_quantile(counts, 0.02), find_quantile(counts, 0.98)
    if high - low < CLEAR_CONTRAST * max(high, 24):
        return None
    ink = ((high - grey) / (high - low)).clip(0, 1).astype(np.float32)
    return ink, ink > 0.5


def threshold_plain(
    cutout: Plane, hint: Mask, candidate: Candidate, window: tuple[float, float, float, float]
) -> tuple[Plane, Mask] | None:
    """Separate ink from plain paper in a cut-out, like ``threshold_cutout``.

    Args:
        cutout: [H, W].
        hint: [H, W].
        candidate: with its paper.
        window: left, top, right and bottom of the cut-out, as shares of the picture.
    """
    assert candidate.paper is not None
    dark = candidate.paper.top - cutout if candidate.bright else cutout
    ink = measure_contrast(dark, candidate.paper.render(dark.shape, window))
    parts, level = threshold_ink(ink, hint)
    mask = parts.mask
    return (ink / level, mask) if np.count_nonzero(mask) > BENCH / 4 else None


def keep_touching(mask: Mask, hint: Mask) -> Mask:
    """Keep the ink that touches the hint, unless none does. Specks and ink that comes in from the rim are dropped."""
    parts = label_parts(mask)
    keep = np.zeros(parts.number + 1, bool)
    keep[parts.labels[grow(hint, 3)]] = True
    return parts.select(keep[1:]).mask if keep[1:].any() else mask


def join_strokes(ink: Plane, mask: Mask, hint: Mask, gap: int = 8) -> Strokes:
    """Join the strokes of one digit, the one with most of the hint, and count the digits in the hint.

    Strokes are joined over gaps of at least ``gap`` pixels.
    """
    labels, boxes = group_strokes(label_parts(mask), gap)
    areas, shared = (np.bincount(labels[part], minlength=len(boxes) + 1)[1:] for part in (mask, mask & hint))
    extents = np.array([measure_extent(box) for box in boxes])
    main = int(np.argmax((shared + 1e-3 * areas) * extents))
    count = int(((extents > 0.5 * extents[main]) & (shared > 0.5 * areas)).sum())
    return Strokes(ink, labels == main + 1, max(1, count))


def _resize(part: Plane, width: float, height: float, zoom: float) -> Plane:
    """Resize a part of a picture, of so many pixels, by a factor."""
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    resized = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA)
    return np.asarray(np.clip(resized, 0, 255), np.float32)


def _find_window(area: Area, shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the cut-out around an area, as shares of the picture."""
    left, top, right, bottom = _add_paper(area, shape)
    return left / shape[1], top / shape[0], right / shape[1], bottom / shape[0]


def _add_paper(area: Area, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of an area with some paper around it, as far as the picture has it."""
    margin = max(2.0, MARGIN * area.size)
    edges = []
    for low, high, length in ((area.left, area.right, shape[1]), (area.top, area.bottom, shape[0])):
        first = min(max(0, int(low - margin)), length - 1)
        edges.append((first, min(max(first + 1, math.ceil(high + margin)), length)))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom
