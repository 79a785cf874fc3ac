"""Cut a digit out of a picture and find its strokes, at one size and without lines, specks and neighbours."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from seesum.reading.decoding import Plane, resize_planes
from seesum.reading.location import CLEAR_CONTRAST, Candidate
from seesum.reading.segmentation import (
    EIGHT,
    Box,
    Mask,
    group_strokes,
    measure_extent,
    measure_stroke_width,
    normalise_illumination,
    remove_ruled_lines,
    threshold_ink,
)

BENCH = 96
"""Pixels of the digit's longer side in the cut-out that all later steps work on."""
MARGIN = 0.35
"""Paper around the digit in the cut-out, as a share of the digit's longer side."""
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
    def from_box(cls, box: Box, scale: float) -> Area:
        """Return the area of a box in a copy of the picture whose pixels are ``scale`` times as large."""
        return cls(*(edge * scale for part in box for edge in (part.start, part.stop)))

    def fit_to_ink(self, mask: Mask, box: Box) -> Area:
        """Return the area around the ink of a cut-out in which this area is ``box``."""
        unit = self.size / BENCH
        rows, columns = np.nonzero(mask)
        edges = (rows.min(), rows.max() + 1), (columns.min(), columns.max() + 1)
        (top, bottom), (left, right) = (
            ((low - part.start) * unit, (high - part.start) * unit) for (low, high), part in zip(edges, box, strict=True)
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


def project_colours(colours: Plane) -> Plane:
    """Project colours [H, W, 3] to grey levels [H, W] along the direction in which ink differs most from paper.

    The direction is the first principal component of the differences from the surrounding paper. So blue or red ink on yellow
    paper is as dark as black ink on white. Brighter stays brighter.
    """
    if np.ptp(colours, axis=2).max() < 1:
        return np.ascontiguousarray(colours[:, :, 0])
    apart = (colours - ndimage.gaussian_filter(colours, (10, 10, 0), mode="nearest")).reshape(-1, 3)
    strong = apart[np.linalg.norm(apart, axis=1) >= np.quantile(np.linalg.norm(apart, axis=1), 0.9)]
    _, vectors = np.linalg.eigh(strong.T @ strong)
    direction = vectors[:, -1]
    direction = direction * np.sign(direction.sum() or 1)
    grey = colours @ (direction / np.abs(direction).sum()).astype(np.float32)
    return np.asarray(grey - min(0.0, float(grey.min())), np.float32)


def crop_candidate(colours: Plane, area: Area) -> tuple[Plane, Box]:
    """Cut out a digit with some paper around it. The digit's longer side becomes ``BENCH`` pixels.

    Returns:
        The cut-out [h, w, 3], and the digit's box in it.
    """
    left, top, right, bottom = window = _add_paper(area, colours.shape)
    zoom = BENCH / area.size
    target = (max(1, round((right - left) * zoom)), max(1, round((bottom - top) * zoom)))
    how = Image.Resampling.BICUBIC if zoom > 1 else Image.Resampling.BOX
    rows = slice(round((area.top - top) * zoom), round((area.bottom - top) * zoom))
    columns = slice(round((area.left - left) * zoom), round((area.right - left) * zoom))
    return resize_planes(colours, target, how, window).clip(0, 255), (rows, columns)


def crop_hint(colours: Plane, candidate: Candidate, area: Area, cutout: Plane) -> Mask:
    """Return which pixels of a cut-out are roughly the candidate's ink, as found in the small copy of the picture."""
    mask = np.zeros(candidate.shape, np.float32)
    mask[candidate.box] = candidate.ink
    down, right = (small / large for small, large in zip(mask.shape, colours.shape, strict=False))
    window = [edge * scale for edge, scale in zip(_add_paper(area, colours.shape), (right, down) * 2, strict=True)]
    size = (cutout.shape[1], cutout.shape[0])
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.BILINEAR, box=tuple(window))) > 0.3


def extract_strokes(colours: Plane, candidate: Candidate, steps: dict[str, NDArray[Any]]) -> Strokes | None:
    """Extract the strokes of a candidate; None where the cut-out around it holds no ink."""
    scale = float(np.sqrt(colours.shape[0] * colours.shape[1] / np.prod(candidate.shape)))
    area, wide, digits = Area.from_box(candidate.box, scale), scale * measure_stroke_width(candidate.ink), 1
    for _ in range(2):
        cutout, box = crop_candidate(colours, area)
        hint = crop_hint(colours, candidate, area, cutout)
        separated = threshold_cutout(cutout, hint, candidate.bright, wide * BENCH / area.size)
        if separated is None:
            return None
        ink, mask = separated
        steps["cut out"], steps["even light"], steps["ink"] = cutout, ink, mask
        cleaned = remove_ruled_lines(mask, box)
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
        cutout: [H, W, 3].
        hint: [H, W], where the ink is, roughly.
        bright: whether ink is brighter than paper.
        wide: width of the strokes in pixels, roughly.
    """
    grey = project_colours(cutout)
    if bright:
        grey = grey.max() - grey
    for blur in BLURS:
        ink = normalise_illumination(ndimage.gaussian_filter(grey, blur) if blur else grey, max(15, round(3 * wide)) | 1)
        mask, level = threshold_ink(ink, hint)
        if mask.sum() > BENCH / 4:
            return ink / level, mask
    # filled shapes are not strokes, but are answered where they stand out
    low, high = np.quantile(grey, (0.02, 0.98))
    if high - low < CLEAR_CONTRAST * max(high, 24):
        return None
    ink = ((high - grey) / (high - low)).clip(0, 1).astype(np.float32)
    return ink, ink > 0.5


def keep_touching(mask: Mask, hint: Mask) -> Mask:
    """Keep the ink that touches the hint, unless none does. Specks and ink that comes in from the rim are dropped."""
    labels, count = ndimage.label(mask, EIGHT)
    keep = np.zeros(count + 1, bool)
    keep[labels[ndimage.binary_dilation(hint, EIGHT, 3)]] = True
    keep[0] = False
    return keep[labels] if keep.any() else mask


def join_strokes(ink: Plane, mask: Mask, hint: Mask, gap: int = 8) -> Strokes:
    """Join the strokes of one digit, the one with most of the hint, and count the digits in the hint.

    Strokes are joined over gaps of at least ``gap`` pixels.
    """
    labels, boxes = group_strokes(mask, gap)
    areas, shared = (np.bincount(labels[part], minlength=len(boxes) + 1)[1:] for part in (mask, mask & hint))
    extents = np.array([measure_extent(box) for box in boxes])
    main = int(np.argmax((shared + 1e-3 * areas) * extents))
    count = int(((extents > 0.5 * extents[main]) & (shared > 0.5 * areas)).sum())
    return Strokes(ink, labels == main + 1, max(1, count))


def _add_paper(area: Area, shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of an area with some paper around it, as far as the picture has it."""
    margin = max(2.0, MARGIN * area.size)
    top, bottom = max(0.0, area.top - margin), min(float(shape[0]), area.bottom + margin)
    return max(0.0, area.left - margin), top, min(float(shape[1]), area.right + margin), bottom
