"""Prepare any picture as the 28x28 image that a network expects, in steps that can each be shown. No torch.

The steps: decode; project colours to grey; find the ink that looks most like a digit; cut it out at one size; remove shadows,
ruled lines, specks and neighbours; give strokes the width of MNIST's. The last step is MNIST's own (LeCun et al. 1998,
"Gradient-based learning applied to document recognition"): the digit is fitted into 20x20, keeping its proportions, with its
centre of mass in the middle of 28x28, bright ink on black.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seesum.data.idx import BOX, SIDE
from seesum.reading.candidates import Candidate
from seesum.reading.cutout import extract_strokes, find_projection
from seesum.reading.decoding import Plane, decode_picture, read_grey
from seesum.reading.location import find_candidates, select_digits
from seesum.reading.opencv import cv2
from seesum.reading.pictures import FEW_LEVELS, Picture, PictureError, name_picture
from seesum.reading.plain import find_plain
from seesum.reading.segmentation import blur, find_box
from seesum.reading.widths import normalise_stroke_width

MOST_IMAGES = 2
"""A picture is prepared in at most so many ways."""
COARSE_PIXELS = 240 * 180
"""Pixels of the copy in which digits are searched."""
SMALL = 32
"""Pictures whose longer side has at most this many pixels get a margin of paper before the search."""
LOOKS = (0.0, 1.2)
"""Blurs of the small copy, in its pixels. Where no ink is found, it may be so faint that it falls apart in the noise."""
MOST_CANDIDATES = 3
"""At most this many candidates are tried, until one holds ink."""


class BlankError(PictureError):
    """A picture can be decoded, but holds no ink."""


@dataclass(frozen=True)
class Prepared:
    """What a network sees of a picture, and the steps that led to it."""

    image: NDArray[np.uint8]
    """[28, 28], bright ink on black."""
    digits_found: int = 1
    """How many digits there seem to be; the image shows the largest. 0: nothing looks like a digit, and the image shows the
    ink that comes closest."""
    steps: dict[str, NDArray[Any]] = field(default_factory=dict)
    """The result of each step by its name, in order: planes [H, W] or colours [H, W, 3]."""
    others: tuple[Prepared, ...] = ()
    """The same picture with ink and paper exchanged, where the steps leave it open which is which. The network decides."""


def prepare_picture(picture: Picture) -> Prepared:
    """Prepare a picture for a network.

    A picture that already is as MNIST makes them (28x28, ink fitted and centred, the rest black) stays as it is.

    Raises:
        PictureError: it cannot be decoded, takes too long, has more than 50 megapixels, or holds no ink.
    """
    return _take_grey(picture) or prepare_colours(decode_picture(picture), name_picture(picture))


def join_ways(images: NDArray[np.uint8], digits_found: Sequence[int]) -> Prepared:
    """Return a picture that was prepared in several ways, as images [ways, 28, 28], without its steps."""
    first, *others = (Prepared(image.copy(), int(found)) for image, found in zip(images, digits_found, strict=True))
    return replace(first, others=tuple(others))


def take_prepared(image: Image.Image) -> Prepared | None:
    """Return a picture that already is as MNIST makes them; None for any other, which ``prepare_picture`` prepares.

    Raises:
        PictureError: it cannot be decoded.
    """
    if image.size != (SIDE, SIDE):
        return None
    return _take_grey(image) or _take_colours(decode_picture(image))


def prepare_colours(colours: Plane, name: str) -> Prepared:
    """Prepare decoded colours [H, W, 3] like ``prepare_picture``; ``name`` is for messages."""
    if (prepared := _take_colours(colours)) is not None:
        return prepared
    steps: dict[str, NDArray[Any]] = {"picture": colours}
    coarse = _reduce(colours)
    projection = find_projection(coarse)
    grey = steps["grey"] = projection.apply(coarse)
    if plain := find_plain(grey):
        whole = grey if grey.shape == colours.shape[:2] else projection.apply(colours)
        ways = [one for candidate in plain if (one := _prepare_candidate(whole, candidate, steps))]
        if ways:
            return replace(ways[0], others=tuple(ways[1:]))
    if max(grey.shape) <= SMALL:
        colours = add_margin(colours)
        grey = steps["grey"] = find_projection(colours).apply(colours)
    if projection.weights is None:
        colours = np.ascontiguousarray(colours[:, :, 0])
    for deviation in LOOKS:
        candidates = find_candidates(blur(grey, deviation))
        digits = select_digits(candidates)
        found = len(digits)
        for candidate in (digits or candidates)[:MOST_CANDIDATES]:
            if one := _prepare_candidate(colours, candidate, steps):
                return replace(one, digits_found=max(found, one.digits_found) if found else 0)
    raise BlankError(f"{name} holds no ink: it is blank, or nearly so; give one with a digit that stands out")


def _prepare_candidate(colours: Plane, candidate: Candidate, steps: dict[str, NDArray[Any]]) -> Prepared | None:
    """Prepare the digit of a candidate, after the steps so far; None where there is no ink after all."""
    steps = dict(steps)
    strokes = extract_strokes(colours, candidate, steps)
    if strokes is None:
        return None
    evened = steps["strokes"] = normalise_stroke_width(strokes.ink, strokes.mask)
    return Prepared(centre_by_mass(fit_into_box(evened)), strokes.digits, steps)


def _take_grey(picture: Picture) -> Prepared | None:
    """Return 28x28 grey levels as they are, if MNIST would have made them so.

    They take a tenth of the time that colours take, which a server notices.
    """
    ready = read_grey(picture) if isinstance(picture, Image.Image) and picture.size == (SIDE, SIDE) else picture
    if isinstance(ready, np.ndarray) and ready.dtype == np.uint8 and ready.max() >= FEW_LEVELS and _is_prepared(ready):
        return Prepared(ready.copy(), 1, {"picture": ready})
    return None


def _take_colours(colours: Plane) -> Prepared | None:
    """Return 28x28 grey colours as they are, if MNIST would have made them so."""
    if colours.shape[:2] != (SIDE, SIDE):
        return None
    grey = colours[:, :, 0]
    if np.array_equal(grey, colours[:, :, 1]) and np.array_equal(grey, colours[:, :, 2]) and _is_prepared(grey):
        return Prepared(grey.round().astype(np.uint8), 1, {"picture": colours})
    return None


def add_margin(colours: Plane) -> Plane:
    """Add paper around a small picture [H, W, 3]. Digits of 8x8 or 16x16 pixels usually fill it, so its rim shows no paper.

    The paper is the side, bright or dark, that most of the pixels and the corners are nearer to.
    """
    grey = colours.mean(2)
    low, high = float(grey.min()), float(grey.max())
    corners = grey[[0, 0, -1, -1], [0, -1, 0, -1]]
    bright = (float(grey.mean()) + float(corners.mean())) / 2 > (low + high) / 2
    # the mean over the most extreme eighth of the pixels, since a single one may be noise
    ordered = np.sort(colours.reshape(-1, 3), axis=0)
    share = max(1, len(ordered) // 8)
    paper = (ordered[-share:] if bright else ordered[:share]).mean(0)
    side = max(grey.shape)
    height, width = grey.shape
    wider = np.tile(paper.astype(np.float32), (height + side, width + side, 1))
    wider[side // 2 : side // 2 + height, side // 2 : side // 2 + width] = colours
    return wider


def fit_into_box(strokes: Plane) -> Plane:
    """Scale the ink's bounding box so that its longer side is 20 pixels, with its strongest ink at 255."""
    box = strokes[find_box(strokes > 0.3)]
    height, width = box.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    fitted = cv2.resize(box, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return (fitted * (255 / max(float(fitted.max()), 1e-6))).clip(0, 255).astype(np.float32)


def centre_by_mass(fitted: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Put fitted ink into a black 28x28 with its centre of mass at pixel (14, 14), to the nearest whole pixel.

    MNIST has it there: (13.99, 14.00) +- 0.29 over its first 3,000 training images, counting pixels from 0.
    """
    height, width = fitted.shape
    mass = max(float(fitted.sum()), 1e-6)
    centre = [float(fitted.sum(1 - axis) @ np.arange(fitted.shape[axis])) / mass for axis in (0, 1)]
    top = int(np.clip(round(SIDE / 2 - centre[0]), 0, SIDE - height))
    left = int(np.clip(round(SIDE / 2 - centre[1]), 0, SIDE - width))
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + height, left : left + width] = fitted.round().astype(np.uint8)
    return image


def _reduce(colours: Plane) -> Plane:
    """Reduce colours to ``COARSE_PIXELS`` or less."""
    height, width = colours.shape[:2]
    scale = max(1.0, float(np.sqrt(height * width / COARSE_PIXELS)))
    if scale == 1.0:
        return colours
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    return np.asarray(cv2.resize(colours, size, interpolation=cv2.INTER_AREA), np.float32)


def _is_prepared(grey: NDArray[Any]) -> bool:
    if grey.shape != (SIDE, SIDE):
        return False
    sums = [grey.sum(axis, dtype=np.int64) for axis in (0, 1)]
    lines = [np.flatnonzero(one) for one in sums]
    if not len(lines[0]) or not BOX - 2 <= max(one[-1] - one[0] for one in lines) + 1 <= BOX:
        return False
    positions, mass = np.arange(SIDE), sums[0].sum()
    return all(abs(one @ positions / mass - SIDE / 2) <= 1.5 for one in sums)
