"""Any picture -> the 28x28 that a network expects, in steps that can each be seen. numpy, pillow and scipy; no torch.

Decode; grey along the colour in which ink differs most from paper; find the ink that is most like a digit; cut it out and
bring it to one size; shadows, ruled lines, specks and neighbours removed; strokes brought to the width of MNIST's; and then
as MNIST was made (LeCun et al. 1998, "Gradient-based learning applied to document recognition"): the digit fitted into 20x20
keeping its proportions, its centre of mass in the middle of 28x28, bright ink on black.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from seesum.decoding import Picture, PictureError, Plane, decode_picture, name_picture, read_grey, resize_planes
from seesum.location import CLEAR_CONTRAST, Place, locate_digits, select_digits
from seesum.mnist import BOX, SIDE
from seesum.segmentation import (
    EIGHT,
    Box,
    Mask,
    even_light,
    group_strokes,
    measure_extent,
    measure_stroke,
    remove_lines,
    separate_ink,
)

COARSE_PIXELS = 240 * 180
"""Pixels of the picture in which the digit is looked for."""
SMALL = 32
"""Pixels of the longer side up to which a picture gets a margin of paper."""
BENCH = 96
"""Pixels of the digit's longer side in the cut-out that all later steps work on."""
MARGIN = 0.35
"""Paper around the digit in the cut-out, as a share of the digit's longer side."""
BLURS = (0.0, 1.2, 2.4)
"""Blurs of a cut-out, in its pixels, that are tried until ink rises out of the noise."""
LOOKS = (0.0, 1.2)
"""Blurs of the small copy, in its pixels: where no ink is found, it may be so faint that it falls apart in the noise."""
MOST_PLACES = 3
"""Places that are tried until one holds ink."""
THINNEST, THICKEST = 2.2, 4.4
"""Stroke width in pixels of the 28x28 that is left as it is; MNIST's own is 3.0 +- 0.7 as measured here."""


class BlankError(PictureError):
    """A picture that can be decoded, but holds no ink."""


@dataclass(frozen=True)
class Prepared:
    """What a network sees of a picture, and how it came about."""

    image: NDArray[np.uint8]
    """[28, 28], bright ink on black."""
    found: int = 1
    """How many digits there seem to be; the image shows the largest. 0: nothing is like a digit, and it shows what is most."""
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


class Strokes(NamedTuple):
    """The strokes of one digit in a cut-out."""

    ink: Plane
    """[H, W], 0 (paper) to about 1, of all that is in the cut-out."""
    mask: Mask
    """[H, W], which of it is the digit's."""
    digits: int
    """How many digits the ink was of that was taken for one in the whole picture."""


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
    grey = steps["grey"] = project_colours(_reduce(colours))
    for blur in LOOKS:
        places = locate_digits(ndimage.gaussian_filter(grey, blur) if blur else grey)
        digits = select_digits(places)
        found = len(digits)
        for place in (digits or places)[:MOST_PLACES]:
            strokes = find_strokes(colours, place, steps)
            if strokes is not None:
                evened = steps["strokes"] = even_strokes(strokes.ink, strokes.mask)
                return Prepared(centre_ink(fit_ink(evened)), max(found, strokes.digits) if found else 0, steps)
    raise BlankError(f"{name_picture(picture)} holds no ink: it is blank, or nearly so; give one with a digit that stands out")


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
    left, top, right, bottom = window = _add_paper(area, colours.shape)
    zoom = BENCH / area.size
    target = (max(1, round((right - left) * zoom)), max(1, round((bottom - top) * zoom)))
    how = Image.Resampling.BICUBIC if zoom > 1 else Image.Resampling.BOX
    rows = slice(round((area.top - top) * zoom), round((area.bottom - top) * zoom))
    columns = slice(round((area.left - left) * zoom), round((area.right - left) * zoom))
    return resize_planes(colours, target, how, window).clip(0, 255), (rows, columns)


def cut_hint(colours: Plane, place: Place, area: Area, cutout: Plane) -> Mask:
    """Which pixels of a cut-out are the ink of a place, as roughly as it was found in the small copy of the picture."""
    mask = np.zeros(place.shape, np.float32)
    mask[place.box] = place.ink
    down, right = (small / large for small, large in zip(mask.shape, colours.shape, strict=False))
    window = [edge * scale for edge, scale in zip(_add_paper(area, colours.shape), (right, down) * 2, strict=True)]
    size = (cutout.shape[1], cutout.shape[0])
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.BILINEAR, box=tuple(window))) > 0.3


def find_strokes(colours: Plane, place: Place, steps: dict[str, NDArray[Any]]) -> Strokes | None:
    """The strokes of the digit at a place, or None where no ink is found in the cut-out around it."""
    scale = float(np.sqrt(colours.shape[0] * colours.shape[1] / np.prod(place.shape)))
    area, wide, digits = Area.from_box(place.box, scale), scale * measure_stroke(place.ink), 1
    for _ in range(2):
        cutout, box = cut_out(colours, area)
        hint = cut_hint(colours, place, area, cutout)
        separated = separate_strokes(cutout, hint, place.bright, wide * BENCH / area.size)
        if separated is None:
            return None
        ink, mask = separated
        steps["cut out"], steps["even light"], steps["ink"] = cutout, ink, mask
        cleaned = remove_lines(mask, box)
        strokes = join_strokes(ink, keep_touching(cleaned if cleaned.any() else mask, hint), hint)
        steps["digit"] = strokes.mask
        # a digit beside this one may be cut off when this one is cut out once more
        digits = max(digits, strokes.digits)
        better = area.follow(strokes.mask, box)
        # where the rough box held a part of the digit, or more than it, once more around what it is
        # of a filled shape a speck may be left, around which the cut-out would be thousands of pixels wide
        if not 0.25 * area.size < better.size or 0.85 * area.size < better.size < 1.15 * area.size:
            break
        area = better
    return strokes._replace(digits=digits)


def separate_strokes(cutout: Plane, hint: Mask, bright: bool, wide: float) -> tuple[Plane, Mask] | None:
    """The ink 0..1 of a cut-out and which pixels are ink, or None where there is none.

    Args:
        cutout: [H, W, 3].
        hint: [H, W], where ink is, roughly.
        bright: whether ink is brighter than paper.
        wide: width of the strokes in pixels, roughly.
    """
    grey = project_colours(cutout)
    if bright:
        grey = grey.max() - grey
    for blur in BLURS:
        ink = even_light(ndimage.gaussian_filter(grey, blur) if blur else grey, max(15, round(3 * wide)) | 1)
        mask, level = separate_ink(ink, hint)
        if mask.sum() > BENCH / 4:
            return ink / level, mask
    # filled shapes are no strokes on paper, but where they stand out they are answered
    low, high = np.quantile(grey, (0.02, 0.98))
    if high - low < CLEAR_CONTRAST * max(high, 24):
        return None
    ink = ((high - grey) / (high - low)).clip(0, 1).astype(np.float32)
    return ink, ink > 0.5


def keep_touching(mask: Mask, hint: Mask) -> Mask:
    """Ink that touches what a hint says is ink, unless none does: neither specks nor what comes in from the rim."""
    labels, count = ndimage.label(mask, EIGHT)
    keep = np.zeros(count + 1, bool)
    keep[labels[ndimage.binary_dilation(hint, EIGHT, 3)]] = True
    keep[0] = False
    return keep[labels] if keep.any() else mask


def join_strokes(ink: Plane, mask: Mask, hint: Mask) -> Strokes:
    """The strokes that make one digit, the one that most of a hint is of, and how many digits the hint is of."""
    labels, boxes = group_strokes(mask, gap=8)
    areas, shared = (np.bincount(labels[part], minlength=len(boxes) + 1)[1:] for part in (mask, mask & hint))
    extents = np.array([measure_extent(box) for box in boxes])
    main = int(np.argmax((shared + 1e-3 * areas) * extents))
    count = int(((extents > 0.5 * extents[main]) & (shared > 0.5 * areas)).sum())
    return Strokes(ink, labels == main + 1, max(1, count))


def even_strokes(ink: Plane, mask: Mask) -> Plane:
    """The digit's ink 0..1, its strokes no thinner and no thicker than MNIST's."""
    rows, columns = np.nonzero(mask)
    window = np.s_[max(0, rows.min() - 2) : rows.max() + 3, max(0, columns.min() - 2) : columns.max() + 3]
    near = ndimage.binary_dilation(mask[window], EIGHT, 2)
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


def _add_paper(area: Area, shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of an area with some paper around it, as far as the picture has it."""
    margin = max(2.0, MARGIN * area.size)
    top, bottom = max(0.0, area.top - margin), min(float(shape[0]), area.bottom + margin)
    return max(0.0, area.left - margin), top, min(float(shape[1]), area.right + margin), bottom


def _reduce(colours: Plane) -> Plane:
    """Colours at ``COARSE_PIXELS`` or less."""
    height, width = colours.shape[:2]
    scale = max(1.0, float(np.sqrt(height * width / COARSE_PIXELS)))
    if scale == 1.0:
        return colours
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    return resize_planes(colours, size, Image.Resampling.BOX)


def _is_prepared(grey: NDArray[Any]) -> bool:
    if grey.shape != (SIDE, SIDE):
        return False
    sums = [grey.sum(axis, dtype=np.int64) for axis in (0, 1)]
    lines = [np.flatnonzero(one) for one in sums]
    if not len(lines[0]) or not BOX - 2 <= max(one[-1] - one[0] for one in lines) + 1 <= BOX:
        return False
    places, mass = np.arange(SIDE), sums[0].sum()
    return all(abs(one @ places / mass - SIDE / 2) <= 1.5 for one in sums)
