"""Any picture -> the 28x28 that a network expects, in steps that can each be seen. numpy, pillow and scipy; no torch.

Decode; grey along the colour in which ink differs most from paper; shadows and polarity removed; ink separated from paper;
lines, specks and neighbours removed; strokes brought to the width of MNIST's; and then as MNIST was made (LeCun et al. 1998,
"Gradient-based learning applied to document recognition"): the digit fitted into 20x20 keeping its proportions, its centre
of mass in the middle of 28x28, bright ink on black.
"""

from __future__ import annotations

import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy import ndimage

from seesum.recipe import InputError

SIDE, BOX = 28, 20
LARGEST_PIXELS = 50_000_000
WORKING_SIDE = 640
"""Pixels of the longer side that steps after decoding work on: pictures with more are made smaller."""
FAINTEST_INK = 0.06
"""Share of the paper's brightness by which the strongest ink must differ from it, or the picture counts as blank."""
BENCH = 100
"""Pixels of a digit's longer side while its strokes are made thicker or thinner."""
THINNEST, THICKEST = 2.2, 4.4
"""Stroke width in pixels of the 28x28 that is left as it is; MNIST's own is 3.0 +- 0.7 as measured here."""

Picture = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any]
"""A path, the bytes of a file, a PIL image, or an array (grey or RGB, any size)."""
Pictures = list[Picture] | tuple[Picture, ...]
"""Several of them."""
Plane = NDArray[np.float32]
"""[H, W], float32."""
Mask = NDArray[np.bool_]
"""[H, W]."""


class PictureError(InputError):
    """A picture that cannot be decoded or holds no ink. Its message is the sentence for the user."""


@dataclass(frozen=True)
class Prepared:
    """What a network sees of a picture, and how it came about."""

    image: NDArray[np.uint8]
    """[28, 28], bright ink on black."""
    found: int
    """How many digits there seem to be; the image shows the largest."""
    steps: dict[str, NDArray[Any]]
    """What each step gave, by its name, in order: planes [H, W] or colours [H, W, 3]."""


def prepare_picture(picture: Picture) -> Prepared:
    """What a network sees of a picture.

    A picture that already is as MNIST makes them (28x28, black border, ink fitted and centred) is left as it is.

    Raises:
        PictureError: it cannot be decoded, has more than 50 megapixels, or holds no ink.
    """
    colours = decode_picture(picture)
    steps: dict[str, NDArray[Any]] = {"picture": colours}
    if _is_prepared(colours):
        return Prepared(colours[:, :, 0].astype(np.uint8), 1, steps)
    grey = steps["grey"] = project_colours(colours)
    ink = steps["even light"] = remove_shadows(grey)
    mask, level = separate_ink(ink)
    steps["ink"] = mask
    mask, found = select_digit(remove_lines(mask))
    steps["digit"] = mask
    strokes = steps["strokes"] = even_strokes(ink / level, mask)
    return Prepared(centre_ink(fit_ink(strokes)), found, steps)


def decode_picture(picture: Picture) -> Plane:
    """Colours [H, W, 3], 0..255, of a picture: upright as its EXIF says, on white, at most 640 pixels long.

    Raises:
        PictureError: it cannot be decoded, or has more than 50 megapixels.
    """
    name = f"{picture}" if isinstance(picture, str | os.PathLike) else "the picture"
    try:
        if isinstance(picture, str | os.PathLike):
            if not Path(picture).is_file():
                raise PictureError(f"there is no picture {name}; give the path of an image file, such as a PNG or a JPEG")
            return _open(Path(picture).read_bytes(), name)
        if isinstance(picture, bytes | bytearray):
            return _open(bytes(picture), name)
        return _to_colours(picture if isinstance(picture, Image.Image) else _from_array(np.asarray(picture)), name)
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"{name} has more than 50 megapixels; give a smaller one") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{name} is not an image that can be decoded; give a PNG, JPEG, WebP, TIFF, BMP or GIF") from error
    except Exception as error:  # pillow's decoders promise no set of exceptions; mutated files raised eight kinds
        reason = " ".join(str(error).split())
        raise PictureError(f"{name} cannot be decoded ({reason}); it is damaged, so save it again") from error


def project_colours(colours: Plane) -> Plane:
    """Colours [H, W, 3] -> grey levels [H, W] along the direction in which ink differs most from paper.

    The direction is the first principal component of what differs from the paper around it, so blue or red ink on yellow
    paper is as dark as black ink on white. Brighter stays brighter.
    """
    if np.ptp(colours, axis=2).max() < 1:
        return np.ascontiguousarray(colours[:, :, 0])
    small = _reduce(colours, 160)
    apart = (small - ndimage.gaussian_filter(small, (10, 10, 0), mode="nearest")).reshape(-1, 3)
    strong = apart[np.linalg.norm(apart, axis=1) >= np.quantile(np.linalg.norm(apart, axis=1), 0.9)]
    _, vectors = np.linalg.eigh(strong.T @ strong)
    direction = vectors[:, -1]
    direction = direction * np.sign(direction.sum() or 1)
    grey = colours @ (direction / np.abs(direction).sum()).astype(np.float32)
    return np.asarray(grey - min(0.0, float(grey.min())), np.float32)


def remove_shadows(grey: Plane) -> Plane:
    """Grey levels -> how much of the paper's light the ink takes away, 0 (paper) to 1, [H, W]; polarity and shadows gone.

    Raises:
        PictureError: nothing stands out.
    """
    noise = _measure_noise(grey)
    smooth = ndimage.gaussian_filter(grey, 0.8) if noise > 0.7 else grey
    if _is_bright_ink(smooth):
        grey, smooth = grey.max() - grey, smooth.max() - smooth
    ink = _stand_out(smooth, 0.35 * min(smooth.shape))
    level = float(np.quantile(ink, 0.999))
    if level < FAINTEST_INK:
        raise PictureError("the picture holds no ink: it is blank, or nearly so; give one with a digit that stands out")
    width = measure_stroke(ink > level / 2)
    if level * float(np.median(smooth)) < 12 * noise:  # faint ink on a noisy picture
        smooth = ndimage.gaussian_filter(grey, min(2.5, max(1.2, width / 3)))
    return _stand_out(smooth, max(9.0, 3 * width)) if 6 * width < min(smooth.shape) else _stand_out(smooth, 0.35 * min(smooth.shape))


def separate_ink(ink: Plane) -> tuple[Mask, float]:
    """Which pixels are ink [H, W], and how strong it is.

    Hysteresis: whatever reaches two fifths of the ink's strength and is joined to something that reaches three fifths.
    """
    strong = ink > _split_otsu(ink)
    level = float(np.quantile(ink[strong], 0.8)) if strong.any() else float(ink.max())
    noise = 1.4826 * float(np.median(np.abs(ink - np.median(ink))))
    weak = ink > max(0.4 * level, min(4 * noise, 0.6 * level))
    labels, _ = ndimage.label(weak, np.ones((3, 3)))
    kept = np.unique(labels[ink > 0.6 * level])
    return np.isin(labels, kept[kept > 0]), level


def remove_lines(mask: Mask) -> Mask:
    """Ink without ruled lines: long thin runs across most of the picture; where strokes cross them, strokes stay."""
    for axis in (0, 1):
        turned = mask if axis == 0 else mask.T
        height, width = turned.shape
        if width < 60:
            continue
        grown = ndimage.binary_dilation(turned, np.ones((3, 1)))
        runs = ndimage.binary_opening(grown, np.ones((1, max(20, width // 4))))
        labels, count = ndimage.label(ndimage.binary_dilation(runs, np.ones((3, 5))))
        lines = np.zeros_like(turned)
        for label, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
            across = columns.stop - columns.start
            part = labels[rows, columns] == label
            whole = columns.start <= 0.05 * width and columns.stop >= 0.95 * width
            if whole and part.sum() / across < 0.05 * height + 4:
                lines[rows, columns] |= part
        if not count or not lines.any():
            continue
        without = turned & ~lines
        reach = np.ones((2 * round(0.02 * height) + 7, 1))
        bridges = ndimage.binary_closing(without, reach) & lines & turned
        cleaned = without | bridges
        if cleaned.sum() > 0.1 * turned.sum():
            turned = cleaned
        mask = turned if axis == 0 else turned.T
    return mask


def select_digit(mask: Mask) -> tuple[Mask, int]:
    """The ink of the largest digit, with all its strokes, and how many digits there seem to be."""
    reach = round(measure_stroke(mask) / 2) + 1
    joined = ndimage.binary_closing(np.pad(mask, reach), np.ones((3, 3)), reach)[reach:-reach, reach:-reach]
    labels, count = ndimage.label(joined | mask, np.ones((3, 3)))
    labels *= mask
    if count <= 1:
        return mask, count
    boxes = ndimage.find_objects(labels)
    areas = ndimage.sum_labels(mask, labels, np.arange(1, count + 1))
    heights = np.array([rows.stop - rows.start for rows, _ in boxes])
    widths = np.array([columns.stop - columns.start for _, columns in boxes])
    rim = np.array([_touches_rim(box, mask.shape) for box in boxes])
    extents = np.hypot(heights, widths)
    weights = areas * extents * np.where(rim & (areas < 0.9 * areas.sum()), 0.15, 1.0)
    main = int(np.argmax(weights))
    chosen, found = labels == main + 1, 1
    for other in np.argsort(-areas):
        if other == main or areas[other] < 0.004 * areas[main] or extents[other] < 0.06 * extents[main]:
            continue
        rows, columns = np.nonzero(chosen)
        top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
        box_rows, box_columns = boxes[other]
        gap_x = max(box_columns.start - right, left - box_columns.stop, 0)
        gap_y = max(box_rows.start - bottom, top - box_rows.stop, 0)
        size = max(bottom - top, right - left)
        beside = min(right, box_columns.stop) - max(left, box_columns.start) < 0.3 * min(widths[other], right - left)
        if heights[other] > 0.6 * (bottom - top) and beside and extents[other] > 0.5 * extents[main]:
            found += not rim[other]
        elif max(gap_x, gap_y) < 0.22 * size and not (rim[other] and max(gap_x, gap_y) > 0.08 * size):
            chosen |= labels == other + 1
        elif extents[other] > 0.5 * extents[main] and not rim[other]:
            found += 1
    return chosen, found


def measure_stroke(mask: Mask) -> float:
    """Mean width of strokes in pixels: across a bar of width w the mean distance to its edge is w / 4."""
    if not mask.any():
        return 0.0
    distance = ndimage.distance_transform_edt(np.pad(mask, 1))
    return float(4 * (distance[distance > 0] - 0.5).mean()) + 0.5


def even_strokes(ink: Plane, mask: Mask) -> Plane:
    """The digit's ink 0..1 at about ``BENCH`` pixels, its strokes no thinner and no thicker than MNIST's."""
    rows, columns = np.nonzero(mask)
    window = np.s_[max(0, rows.min() - 2) : rows.max() + 3, max(0, columns.min() - 2) : columns.max() + 3]
    near = ndimage.binary_dilation(mask[window], np.ones((3, 3)))
    soft = np.where(near, ((ink[window] - 0.2) / 0.6).clip(0, 1), 0).astype(np.float32)
    height, width = soft.shape
    scale = BENCH / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    bench = np.asarray(Image.fromarray(soft).resize(size, Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX))
    bench = np.pad(bench.clip(0, 1), round(BENCH / 6))
    wide = measure_stroke(bench > 0.5) * BOX / BENCH
    change = (max(THINNEST, wide) - wide if wide < THINNEST else min(THICKEST, wide) - wide) * BENCH / BOX / 2
    if abs(change) < 0.25:
        return bench
    inside = ndimage.distance_transform_edt(bench > 0.5) - ndimage.distance_transform_edt(bench <= 0.5)
    return (inside + change + 0.5).clip(0, 1).astype(np.float32)


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


def _is_prepared(colours: Plane) -> bool:
    if colours.shape[:2] != (SIDE, SIDE) or np.ptp(colours, axis=2).max() > 0:
        return False
    grey = colours[:, :, 0]
    if max(grey[0].max(), grey[-1].max(), grey[:, 0].max(), grey[:, -1].max()) > 0 or not grey.any():
        return False
    rows, columns = np.nonzero(grey)
    longer = max(np.ptp(rows), np.ptp(columns)) + 1
    off_centre = max(abs(centre - SIDE / 2) for centre in ndimage.center_of_mass(grey))
    return bool(BOX - 2 <= longer <= BOX and off_centre <= 1.5)


def _reduce(plane: Plane, side: int) -> Plane:
    """Means over square blocks, so that the longer side is at most twice ``side``; small planes stay as they are."""
    factor = max(1, max(plane.shape[:2]) // side)
    if factor == 1:
        return plane
    height, width = (length // factor * factor for length in plane.shape[:2])
    blocks = plane[:height, :width].reshape(height // factor, factor, width // factor, factor, *plane.shape[2:])
    return np.asarray(blocks.mean((1, 3)), np.float32)


def _measure_noise(grey: Plane) -> float:
    """Standard deviation of the noise in grey levels, from what a small cross-shaped difference leaves (Immerkaer 1996)."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(1.4826 * np.median(np.abs(ndimage.convolve(grey, kernel))) / 6)


def _is_bright_ink(grey: Plane) -> bool:
    """Whether ink is brighter than paper: under the right polarity little stands out, and that far."""
    small = ndimage.gaussian_filter(_reduce(grey, 64), 0.7)
    window = max(3, round(0.35 * min(small.shape)) | 1)
    scores = []
    for bright in (small, small.max() - small):
        apart = ndimage.gaussian_filter(ndimage.grey_closing(bright, size=(window, window), mode="nearest"), window / 4) - bright
        far = float(np.quantile(apart, 0.995))
        scores.append(far * (1 - 2 * float((apart > far / 2).mean())))
    return scores[1] > scores[0]


def _stand_out(bright: Plane, window: float) -> Plane:
    """How far dark ink stands out from the paper, 0..1, by a closing wider than strokes."""
    factor = max(1, int(window // 12))
    small = _reduce(bright, max(1, max(bright.shape) // factor)) if factor > 1 else bright
    size = max(3, round(window / factor) | 1)
    paper = ndimage.grey_closing(small, size=(size, size), mode="nearest")
    paper = ndimage.gaussian_filter(paper, size / 4, mode="nearest")
    if small.shape != bright.shape:
        resized = Image.fromarray(paper).resize((bright.shape[1], bright.shape[0]), Image.Resampling.BILINEAR)
        paper = np.asarray(resized, np.float32)
    return np.asarray(((paper - bright) / np.maximum(paper, 16)).clip(0, 1), np.float32)


def _split_otsu(values: Plane) -> float:
    """Threshold between two classes of values 0..1 (Otsu 1979, IEEE Trans. Sys. Man. Cyber. 9)."""
    counts, edges = np.histogram(values, 256, (0, 1))
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1 + int(np.nanargmax(between[:-1]))])


def _touches_rim(box: tuple[slice, slice], shape: tuple[int, ...]) -> bool:
    rows, columns = box
    return rows.start == 0 or columns.start == 0 or rows.stop == shape[0] or columns.stop == shape[1]


def _open(data: bytes, name: str) -> Plane:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(data)) as image:
            if image.format == "JPEG" and image.mode in ("L", "RGB"):
                image.draft(image.mode, (2 * WORKING_SIDE, 2 * WORKING_SIDE))
            return _to_colours(image, name)


def _to_colours(image: Image.Image, name: str) -> Plane:
    width, height = image.size
    if width * height > LARGEST_PIXELS:
        raise PictureError(f"{name} has {width} x {height} pixels, more than 50 megapixels; give a smaller one")
    if not width * height:
        raise PictureError(f"{name} has no pixels ({width} x {height}); give a picture of a digit")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        levels = np.asarray(image, np.float64)
        if image.mode.startswith("I") and levels.max() > 255:
            levels = levels / 257  # 16 bits a pixel
        image = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    longer = max(image.size)
    if longer > WORKING_SIDE:
        size = tuple(max(1, round(side * WORKING_SIDE / longer)) for side in image.size)
        image = image.resize(size, Image.Resampling.BOX, reducing_gap=2)
    return np.asarray(image, np.float32)


def _from_array(array: NDArray[Any]) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))) or not array.size:
        raise PictureError(f"an array of shape {array.shape} is no picture; expected [H, W], [H, W, 3] or [H, W, 4]")
    if array.dtype == np.bool_:
        array = array * np.uint8(255)
    if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array) or not np.isfinite(array).all():
        raise PictureError(f"an array of {array.dtype} with values that are no grey levels is no picture")
    if np.issubdtype(array.dtype, np.floating) and array.max() <= 1:
        array = array * 255
    elif array.dtype == np.uint16:
        array = array / 257
    return Image.fromarray(array.clip(0, 255).astype(np.uint8))


def list_pictures(pictures: Picture | Pictures) -> tuple[list[Picture], bool]:
    """Pictures as a list, and whether there was a list: one picture alone becomes a list of one."""
    return (list(pictures), True) if isinstance(pictures, list | tuple) else ([pictures], False)
