"""Any picture -> colours [H, W, 3]: the only place where files of pictures, and arrays, are opened. No torch."""

from __future__ import annotations

import glob
import io
import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from seesum.recipe import InputError

LARGEST_PIXELS = 50_000_000
WORKING_PIXELS = 640 * 480
"""Pictures with more pixels are made smaller: a digit a tenth as high as a page keeps 48 pixels."""

Picture = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any]
"""A path, the bytes of a file, a PIL image, or an array (grey or RGB, any size)."""
Pictures = list[Picture] | tuple[Picture, ...]
"""Several of them."""
Plane = NDArray[np.float32]
"""[H, W] or [H, W, 3], float32."""


class PictureError(InputError):
    """A picture that cannot be decoded or holds no ink. Its message is the sentence for the user."""


def list_pictures(pictures: Picture | Pictures) -> tuple[list[Picture], bool]:
    """Pictures as a list, and whether there was a list: one picture alone becomes a list of one."""
    return (list(pictures), True) if isinstance(pictures, list | tuple) else ([pictures], False)


def expand_patterns(pictures: list[Picture]) -> list[Picture]:
    """Pictures with patterns of paths, such as ``digits/*.jpg``, replaced by the files they fit, in order.

    Raises:
        PictureError: no file fits.
    """
    expanded: list[Picture] = []
    for picture in pictures:
        if isinstance(picture, str) and glob.has_magic(picture) and not Path(picture).exists():
            root = Path(picture).anchor
            fitting = sorted(Path(root).glob(picture[len(root) :]))
            if not fitting:
                raise PictureError(f"no file fits {picture}; give the paths of image files, such as PNGs or JPEGs")
            expanded += fitting
        else:
            expanded.append(picture)
    return expanded


def decode_picture(picture: Picture) -> Plane:
    """Colours [H, W, 3], 0..255, of a picture: upright as its EXIF says, on white, made smaller to ``WORKING_PIXELS``.

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


def _open(data: bytes, name: str) -> Plane:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(data)) as image:
            _check_size(image, name)
            if image.format == "JPEG":
                image.draft(image.mode, _fit_size(image.size, 4 * WORKING_PIXELS))
            return _to_colours(image, name)


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > LARGEST_PIXELS:
        raise PictureError(f"{name} has {width} x {height} pixels, more than 50 megapixels; give a smaller one")
    if not width * height:
        raise PictureError(f"{name} has no pixels ({width} x {height}); give a picture of a digit")


def _to_colours(image: Image.Image, name: str) -> Plane:
    _check_size(image, name)
    if image.mode.startswith(("I", "F")):
        levels = np.asarray(image, np.float32)
        if image.mode.startswith("I") and levels.max() > 255:
            levels = levels / 257  # 16 bits a pixel
        image = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    if image.mode in ("1", "P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    if image.width * image.height > WORKING_PIXELS:
        image.load()
        exif = image.getexif()
        image = image.resize(_fit_size(image.size, WORKING_PIXELS), Image.Resampling.BOX, reducing_gap=2)
        image.getexif().update(exif)
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "La", "RGBa"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"), np.float32)


def _fit_size(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    share = min(1.0, math.sqrt(pixels / (size[0] * size[1])))
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


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
