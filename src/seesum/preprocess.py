"""Any picture -> the 28x28 that a network expects, in steps that can each be seen. numpy, pillow and scipy; no torch.

Decode; grey along the colour in which ink differs most from paper; find the digit; cut it out and bring it to one size;
shadows, ruled lines, specks and neighbours removed; strokes brought to the width of MNIST's; and then as MNIST was made
(LeCun et al. 1998, "Gradient-based learning applied to document recognition"): the digit fitted into 20x20 keeping its
proportions, its centre of mass in the middle of 28x28, bright ink on black.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from seesum.decoding import Picture, PictureError, Plane, decode_picture, read_grey
from seesum.location import count_beside, locate_digits
from seesum.segmentation import (
    Box,
    Mask,
    even_light,
    group_strokes,
    measure_extent,
    measure_stroke,
    remove_lines,
    separate_ink,
)

SIDE, BOX = 28, 20
COARSE_PIXELS = 240 * 180
"""Pixels of the picture in which the digit is looked for."""
SMALL = 32
"""Pixels of the longer side up to which a picture gets a margin of paper."""
BENCH = 96
"""Pixels of the digit's longer side in the cut-out that all later steps work on."""
MARGIN = 0.35
"""Paper around the digit in the cut-out, as a share of the digit's longer side."""
CLEAR_CONTRAST = 0.25
"""Share of the paper's brightness from which on something is ink although it is no stroke."""
THINNEST, THICKEST = 2.2, 4.4
"""Stroke width in pixels of the 28x28 that is left as it is; MNIST's own is 3.0 +- 0.7 as measured here."""


@dataclass(frozen=True)
class Prepared:
    """What a network sees of a picture, and how it came about."""

    image: NDArray[np.uint8]
    """[28, 28], bright ink on black."""
    found: int = 1
    """How many digits there seem to be; the image shows the largest."""
    steps: dict[str, NDArray[Any]] = field(default_factory=dict)
    """What each step gave, by its name, in order: planes [H, W] or colours [H, W, 3]."""


class Area(NamedTuple):
    """Part of a picture, in its pixels."""

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
        """Of a box that counts pixels ``scale`` times as large."""
        return cls(*(edge * scale for part in box for edge in (part.start, part.stop)))

    def follow(self, mask: Mask, box: Box) -> Area:
        """Around the ink of a cut-out in which this area is ``box``."""
        unit = self.size / BENCH
        rows, columns = np.nonzero(mask)
        edges = (rows.min(), rows.max() + 1), (columns.min(), columns.max() + 1)
        (top, bottom), (left, right) = (
            ((low - part.start) * unit, (high - part.start) * unit) for (low, high), part in zip(edges, box, strict=True)
        )
        return Area(self.top + top, self.top + bottom, self.left + left, self.left + right)


def prepare_picture(picture: Picture) -> Prepared:
    """What a network sees of a picture.

    A picture that already is as MNIST makes them (28x28, ink fitted and centred, the rest black) is left as it is.

    Raises:
        PictureError: it cannot be decoded, has more than 50 megapixels, or holds no ink.
    """
    # colours take ten times as long as these levels, which a server notices
    ready = read_grey(picture) if isinstance(picture, Image.Image) and picture.size == (SIDE, SIDE) else picture
    if isinstance(ready, np.ndarray) and ready.dtype == np.uint8 and _is_prepared(ready):
        return Prepared(ready.copy(), 1, {"picture": ready})
    colours = decode_picture(picture)
    steps: dict[str, NDArray[Any]] = {"picture": colours}
    grey = colours[:, :, 0]
    if np.array_equal(grey, colours[:, :, 1]) and np.array_equal(grey, colours[:, :, 2]) and _is_prepared(grey):
        return Prepared(grey.round().astype(np.uint8), 1, steps)
    if max(grey.shape) <= SMALL:
        colours = add_margin(colours)
    coarse, scale = _reduce(colours)
    grey = steps["grey"] = project_colours(coarse)
    places = locate_digits(grey)
    for place in places[:3]:
        try:
            return _show_place(colours, scale, place, dict(steps), grey.shape, count_beside(place, places))
        except PictureError:
            continue
    raise PictureError("the picture holds no ink: it is blank, or nearly so; give one with a digit that stands out")


LIKE = 0.2


def _show_place(colours, scale, place, steps, shape, beside):
    mask = np.zeros(shape, bool)
    mask[place.box] = place.ink
    area = Area.from_box(place.box, scale)
    wide = measure_stroke(place.ink) * scale
    for _ in range(2):
        cutout, box = cut_out(colours, area)
        steps["cut out"] = cutout
        hint = cut_hint(mask, scale, area, cutout.shape[:2])
        ink, digit, more = find_strokes(cutout, box, place.bright, hint, wide * BENCH / area.size, steps)
        beside = max(beside, more)
        better = area.follow(digit, box)
        # where the rough box held a part of the digit, or more than it, once more around what it is
        # of a filled shape a speck may be left, around which the cut-out would be thousands of pixels wide
        if not 0.25 * area.size < better.size or 0.85 * area.size < better.size < 1.15 * area.size:
            break
        area = better
    strokes = steps["strokes"] = even_strokes(ink, digit)
    return Prepared(centre_ink(fit_ink(strokes)), 1 + beside if place.likeness > LIKE else 0, steps)


def add_margin(colours: Plane) -> Plane:
    """A small picture [H, W, 3] on more paper: digits of 8x8 or 16x16 pixels usually fill them, so that no rim shows paper.

    Paper is what most of the pixels, and the corners, are nearer to.
    """
    grey = colours.mean(2)
    low, high = float(grey.min()), float(grey.max())
    corners = grey[[0, 0, -1, -1], [0, -1, 0, -1]]
    bright = (float(grey.mean()) + float(corners.mean())) / 2 > (low + high) / 2
    # the mean over an eighth of the pixels, the most extreme ones: one alone may be noise
    ordered = np.sort(colours.reshape(-1, 3), axis=0)
    share = max(1, len(ordered) // 8)
    paper = (ordered[-share:] if bright else ordered[:share]).mean(0)
    side = max(grey.shape)
    height, width = grey.shape
    wider = np.tile(paper.astype(np.float32), (height + side, width + side, 1))
    wider[side // 2 : side // 2 + height, side // 2 : side // 2 + width] = colours
    return wider


def project_colours(colours: Plane) -> Plane:
    """Colours [H, W, 3] -> grey levels [H, W] along the direction in which ink differs most from paper.

    The direction is the first principal component of what differs from the paper around it, so blue or red ink on yellow
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


def cut_out(colours: Plane, area: Area) -> tuple[Plane, Box]:
    """The digit with some paper around it, its longer side ``BENCH`` pixels, and where in it the digit is."""
    margin = max(2.0, MARGIN * area.size)
    height, width = colours.shape[:2]
    top, bottom = max(0.0, area.top - margin), min(float(height), area.bottom + margin)
    left, right = max(0.0, area.left - margin), min(float(width), area.right + margin)
    zoom = BENCH / area.size
    target = (max(1, round((right - left) * zoom)), max(1, round((bottom - top) * zoom)))
    how = Image.Resampling.BICUBIC if zoom > 1 else Image.Resampling.BOX
    planes = [Image.fromarray(colours[:, :, i]).resize(target, how, box=(left, top, right, bottom)) for i in range(3)]
    rows = slice(round((area.top - top) * zoom), round((area.bottom - top) * zoom))
    columns = slice(round((area.left - left) * zoom), round((area.right - left) * zoom))
    return np.stack([np.asarray(plane, np.float32) for plane in planes], 2).clip(0, 255), (rows, columns)


def cut_hint(mask, scale, area, shape):
    margin = max(2.0, MARGIN * area.size)
    height, width = mask.shape
    place = (max(0.0, (area.left - margin) / scale), max(0.0, (area.top - margin) / scale),
             min(width, (area.right + margin) / scale), min(height, (area.bottom + margin) / scale))
    plane = Image.fromarray(mask.astype(np.float32))
    return np.asarray(plane.resize(shape[::-1], Image.Resampling.BILINEAR, box=place)) > 0.3


def find_strokes(cutout: Plane, box: Box, bright: bool, hint, wide, steps: dict[str, NDArray[Any]]) -> tuple[Plane, Mask]:
    """The ink 0..1 of a cut-out, and which of it is the digit's.

    Raises:
        PictureError: there is no ink.
    """
    grey = project_colours(cutout)
    if bright:
        grey = grey.max() - grey
    windows = dict.fromkeys((max(15, round(3 * wide)) | 1, 31, 61))
    for blur, window in itertools.product((0.0, 1.2, 2.4), windows):
        smooth = ndimage.gaussian_filter(grey, blur) if blur else grey
        mask, level = separate_ink(even_light(smooth, window), hint)
        if level:
            ink = even_light(smooth, max(15, round(3 * measure_stroke(mask)) | 1))
            mask, level = separate_ink(ink, hint)
        if level and mask.sum() > BENCH / 4:
            break
    else:
        # filled shapes are no strokes on paper, but where they stand out they are answered
        low, high = np.quantile(grey, (0.02, 0.98))
        if high - low < CLEAR_CONTRAST * max(high, 24):
            raise PictureError("the picture holds no ink: it is blank, or nearly so; give one with a digit that stands out")
        ink, level = ((high - grey) / (high - low)).clip(0, 1).astype(np.float32), 1.0
        mask = ink > 0.5
    steps["even light"], steps["ink"] = ink, mask
    cleaned = remove_lines(mask, box)
    cleaned = drop_clutter(cleaned if cleaned.any() else mask, box)
    labels, boxes = group_strokes(cleaned, gap=8)
    weights = [
        0.0 if part is None else float(((labels[part] == i + 1) & hint[part]).sum() + 1e-3*(labels[part] == i + 1).sum()) * max(labels[part].shape) for i, part in enumerate(boxes)
    ]
    main = int(np.argmax(weights))
    digit = steps["digit"] = labels == main + 1
    beside = sum(
        part is not None and i != main and measure_extent(part) > 0.5 * measure_extent(boxes[main])
        and (hint[part] & (labels[part] == i + 1)).sum() > 0.5 * (labels[part] == i + 1).sum() for i, part in enumerate(boxes)
    )
    return ink / level, digit, beside


def drop_clutter(mask: Mask, box: Box) -> Mask:
    """Ink without what comes in from the rim and without specks, unless nothing would be left."""
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    rim = np.ones(mask.shape, bool)
    rim[1:-1, 1:-1] = False
    numbers = np.arange(1, count + 1)
    contact = ndimage.sum_labels(rim, labels, numbers)
    areas = ndimage.sum_labels(mask, labels, numbers)
    within = np.zeros(mask.shape, bool)
    within[box] = True
    inside = ndimage.sum_labels(within & mask, labels, numbers) / areas
    sizes = np.array([max(part.stop - part.start for part in place) for place in ndimage.find_objects(labels)])
    keep = (areas > 0.004 * areas.max()) & ((contact == 0) | (inside > 0.7) & (contact < 0.5 * sizes))
    return np.isin(labels, numbers[keep]) if keep.any() else mask


def even_strokes(ink: Plane, mask: Mask) -> Plane:
    """The digit's ink 0..1, its strokes no thinner and no thicker than MNIST's."""
    rows, columns = np.nonzero(mask)
    window = np.s_[max(0, rows.min() - 2) : rows.max() + 3, max(0, columns.min() - 2) : columns.max() + 3]
    near = ndimage.binary_dilation(mask[window], np.ones((3, 3)), 2)
    soft = np.where(near, ((ink[window] - 0.2) / 0.6).clip(0, 1), 0).astype(np.float32)
    unit = max(soft.shape) / BOX
    soft = np.pad(soft, round(3 * unit))
    wide = measure_stroke(soft > 0.5) / unit
    change = (float(np.clip(wide, THINNEST, THICKEST)) - wide) * unit / 2
    if abs(change) < 0.25:
        return soft
    inside = ndimage.distance_transform_edt(soft > 0.5) - ndimage.distance_transform_edt(soft <= 0.5)
    return np.asarray((inside + change + 0.5).clip(0, 1), np.float32)


def fit_ink(strokes: Plane) -> Plane:
    """The ink's bounding box, scaled so that its longer side is 20 pixels, with its strongest ink at 255."""
    rows, columns = np.nonzero(strokes > 0.3)
    box = strokes[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    height, width = box.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    fitted = np.asarray(Image.fromarray(box).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC))
    return (fitted * (255 / max(float(fitted.max()), 1e-6))).clip(0, 255).astype(np.float32)


def centre_ink(fitted: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Fitted ink in a black 28x28 with its centre of mass at pixel (14, 14), to the nearest whole pixel.

    That is where MNIST has it: (13.99, 14.00) +- 0.29 over its first 3,000 training images, counting pixels from 0.
    """
    height, width = fitted.shape
    centre = ndimage.center_of_mass(fitted)
    top = int(np.clip(round(SIDE / 2 - centre[0]), 0, SIDE - height))
    left = int(np.clip(round(SIDE / 2 - centre[1]), 0, SIDE - width))
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + height, left : left + width] = fitted.round().astype(np.uint8)
    return image


def _reduce(colours: Plane) -> tuple[Plane, float]:
    """Colours at ``COARSE_PIXELS`` or less, and how many pixels went into one along each side."""
    height, width = colours.shape[:2]
    scale = max(1.0, float(np.sqrt(height * width / COARSE_PIXELS)))
    if scale == 1.0:
        return colours, 1.0
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    planes = [Image.fromarray(colours[:, :, i]).resize(size, Image.Resampling.BOX) for i in range(3)]
    return np.stack([np.asarray(plane, np.float32) for plane in planes], 2), scale


def _is_prepared(grey: NDArray[Any]) -> bool:
    if grey.shape != (SIDE, SIDE):
        return False
    rows, columns = np.flatnonzero(grey.any(1)), np.flatnonzero(grey.any(0))
    if not len(rows) or not BOX - 2 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= BOX:
        return False
    mass = grey.sum(dtype=np.int64)
    places = np.arange(SIDE)
    return all(abs(grey.sum(axis, dtype=np.int64) @ places / mass - SIDE / 2) <= 1.5 for axis in (0, 1))
