"""Any picture -> the 28x28 that a network expects. numpy, pillow and scipy; no torch.

Follows how MNIST was made (LeCun et al. 1998, "Gradient-based learning applied to document recognition"): the digit
fitted into 20x20 keeping its proportions, its centre of mass in the middle of 28x28, bright ink on black.
"""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy import ndimage

from seesum.recipe import InputError

SIDE, BOX = 28, 20
LARGEST_PIXELS = 50_000_000
FAINTEST_INK = 24
"""Levels of 255 between paper and ink under which a picture counts as blank."""
INK_SHARE = 0.2
"""Share of the strongest ink's difference from the paper above which a pixel counts as ink."""

Picture = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any]
"""A path, the bytes of a file, a PIL image, or an array (grey or RGB, any size)."""


Pictures = list[Picture] | tuple[Picture, ...]
"""Several of them."""


class PictureError(InputError):
    """A picture that cannot be decoded or holds no ink. Its message is the sentence for the user."""


def prepare_picture(picture: Picture) -> NDArray[np.uint8]:
    """What a network sees of a picture: uint8 [28, 28], bright ink on black.

    A picture that already is as MNIST makes them (28x28, black border, ink fitted and centred) is left as it is.

    Raises:
        PictureError: it cannot be decoded, has more than 50 megapixels, or holds no ink.
    """
    grey = decode_picture(picture)
    if _is_prepared(grey):
        return grey
    ink = separate_ink(grey)
    return centre_ink(fit_ink(ink))


def decode_picture(picture: Picture) -> NDArray[np.uint8]:
    """Grey levels uint8 [H, W] of a picture: upright as its EXIF says, transparency on white.

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
        return _to_grey(picture if isinstance(picture, Image.Image) else _from_array(np.asarray(picture)), name)
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"{name} has more than 50 megapixels; give a smaller one") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{name} is not an image that can be decoded; give a PNG, JPEG, WebP, TIFF, BMP or GIF") from error
    except Exception as error:  # pillow's decoders promise no set of exceptions; mutated files raised eight kinds
        reason = " ".join(str(error).split())
        raise PictureError(f"{name} cannot be decoded ({reason}); it is damaged, so save it again") from error


def separate_ink(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How far each pixel stands out from the paper, towards the ink's side, float32 [H, W], 0 and up.

    The paper's level is the median of the border; the ink is darker where the border is bright.

    Raises:
        PictureError: nothing stands out.
    """
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = float(np.median(border))
    darker = paper > (float(grey.min()) + float(grey.max())) / 2
    ink = (paper - grey if darker else grey - np.float32(paper)).astype(np.float32).clip(0)
    if float(ink.max()) < FAINTEST_INK:
        raise PictureError("the picture holds no ink: it is blank, or nearly so; give one with a digit that stands out")
    return ink


def fit_ink(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The ink's bounding box, scaled so that its longer side is 20 pixels, with its strongest ink at 255.

    What stands out less than ``INK_SHARE`` of the strongest ink is taken for paper, and becomes 0.
    """
    faintest = INK_SHARE * ink.max()
    rows, columns = np.nonzero(ink > faintest)
    box = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    box = np.where(box > faintest, box, np.float32(0))
    height, width = box.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    fitted = np.asarray(Image.fromarray(box).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC))
    return (fitted * (255 / max(float(fitted.max()), 1.0))).clip(0, 255)


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


def _is_prepared(grey: NDArray[np.uint8]) -> bool:
    if grey.shape != (SIDE, SIDE) or max(grey[0].max(), grey[-1].max(), grey[:, 0].max(), grey[:, -1].max()) > 0:
        return False
    rows, columns = np.nonzero(grey)
    if not len(rows):
        return False
    longer = max(np.ptp(rows), np.ptp(columns)) + 1
    off_centre = max(abs(centre - SIDE / 2) for centre in ndimage.center_of_mass(grey))
    return bool(BOX - 2 <= longer <= BOX and off_centre <= 1.5)


def _open(data: bytes, name: str) -> NDArray[np.uint8]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(data)) as image:
            return _to_grey(image, name)


def _to_grey(image: Image.Image, name: str) -> NDArray[np.uint8]:
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
        return levels.clip(0, 255).astype(np.uint8)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("L"))


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
