"""Decode any picture to colours [H, W, 3]. The only place that opens picture files and arrays. No torch."""

from __future__ import annotations

import glob
import io
import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from seesum.base.errors import InputError

LARGEST_PIXELS = 50 * 2**20
"""Cameras sold as 50 megapixels have up to 8192 x 6144."""
WORKING_PIXELS = 640 * 480
"""Pictures with more pixels are reduced to this. A digit a tenth as high as a page keeps 48 pixels."""
STRIP_PIXELS = 2**20
"""Large pictures are reduced strip by strip, so that no second picture of full size is ever in memory."""
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
"""The formats that are opened. pillow knows more, but starts other programs for some of them."""
FAINT_LEVELS = 32
"""Opaque parts within this many levels of white cannot be seen on white paper."""

Picture = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any]
"""A path, the bytes of a file, a PIL image, or an array (grey or RGB, any size)."""
Pictures = list[Picture] | tuple[Picture, ...]
"""Several pictures."""
Plane = NDArray[np.float32]
"""[H, W] or [H, W, 3], float32."""
TURNS: dict[int, Callable[[Plane], Plane]] = {
    2: lambda colours: colours[:, ::-1],
    3: lambda colours: colours[::-1, ::-1],
    4: lambda colours: colours[::-1],
    5: lambda colours: colours.swapaxes(0, 1),
    6: lambda colours: colours[::-1].swapaxes(0, 1),
    7: lambda colours: colours[::-1, ::-1].swapaxes(0, 1),
    8: lambda colours: colours[:, ::-1].swapaxes(0, 1),
}
"""The function that turns a picture upright, for each orientation in its EXIF."""


class PictureError(InputError):
    """A picture cannot be decoded or holds no ink. The message is the sentence for the user."""


def list_pictures(pictures: Picture | Pictures) -> tuple[list[Picture], bool]:
    """Return pictures as a list, and whether they were a list: a single picture becomes a list of one."""
    return (list(pictures), True) if isinstance(pictures, list | tuple) else ([pictures], False)


def expand_patterns(pictures: list[Picture]) -> list[Picture]:
    """Replace patterns of paths, such as ``digits/*.jpg``, by the files that match, in order, without hidden files.

    Raises:
        PictureError: no file matches.
    """
    expanded: list[Picture] = []
    for picture in pictures:
        if isinstance(picture, str) and glob.has_magic(picture) and not Path(picture).exists():
            # not Path.glob, which returns hidden files too, and fails at "photos/**.png"
            fitting = [path for path in map(Path, sorted(glob.glob(picture, recursive=True))) if path.is_file()]  # noqa: PTH207
            if not fitting:
                raise PictureError(f"no file fits {picture}; give the paths of image files, such as PNGs or JPEGs")
            expanded += fitting
        else:
            expanded.append(picture)
    return expanded


def name_picture(picture: Picture) -> str:
    """Return the name of a picture in messages: its path, where it has one."""
    return (os.fspath(picture) or "''") if isinstance(picture, str | os.PathLike) else "the picture"


def decode_picture(picture: Picture) -> Plane:
    """Decode a picture to colours [H, W, 3], 0..255: upright as its EXIF says, on white, reduced to ``WORKING_PIXELS``.

    Transparent parts become white. Where all opaque parts are white too, they become black instead, so that a white drawing can
    be seen. Arrays of whole numbers have 8 bits, or as many as their largest value needs. Arrays of floats are 0..1, or else as
    whole numbers. In images normalised for a network (values below 0, or floats below 4) the smallest value becomes 0 and the
    largest 255.

    Raises:
        PictureError: it cannot be decoded, or has more than 50 megapixels.
    """
    name = name_picture(picture)
    with _refuse_damaged(name):
        if isinstance(picture, str | os.PathLike):
            if os.fspath(picture) and Path(picture).is_dir():
                pattern = Path(picture) / "*.png"
                raise PictureError(f"{name} is a folder; give image files, or a pattern of them such as '{pattern}'")
            if not Path(picture).is_file():
                raise PictureError(f"there is no picture {name}; give the path of an image file, such as a PNG or a JPEG")
            with Path(picture).open("rb") as file:
                return _decode_file(file, name)
        if isinstance(picture, bytes | bytearray | memoryview):
            return _decode_file(io.BytesIO(picture), name)
        if isinstance(picture, Image.Image):
            return _decode_image(picture, name)
        return _decode_array(np.asarray(picture), name)


def read_grey(image: Image.Image) -> NDArray[np.uint8] | None:
    """Return the levels uint8 [H, W] of a picture with 8-bit grey levels, opaque and upright; None for any other picture.

    Raises:
        PictureError: it cannot be decoded.
    """
    if image.mode != "L":
        return None
    with _refuse_damaged("the picture"):
        image.load()
        return None if image.has_transparency_data or _read_orientation(image) != 1 else np.asarray(image)


@contextmanager
def _refuse_damaged(name: str) -> Iterator[None]:
    """Turn whatever decoding raises into a PictureError with the sentence for the user."""
    try:
        yield
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"{name} has more than 50 megapixels; give a smaller one") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{name} is not an image that can be decoded; give a PNG, JPEG, WebP, TIFF, BMP or GIF") from error
    except PermissionError as error:
        raise PictureError(f"{name} cannot be read, you lack the permission; give one that you may read") from error
    except Exception as error:  # pillow does not document what its decoders raise; mutated files raised eight kinds
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise PictureError(f"{name} cannot be decoded ({reason}); it is damaged, so save it again") from error


def _decode_file(file: IO[bytes], name: str) -> Plane:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(file, formats=FORMATS) as image:
            _check_size(*image.size, name)
            if image.format in ("JPEG", "MPO"):
                image.draft(None, _fit_size(*image.size))
            return _decode_image(image, name)


def _decode_image(image: Image.Image, name: str) -> Plane:
    _check_size(*image.size, name)
    image.load()
    turn = TURNS.get(_read_orientation(image), np.asarray)
    if image.mode.startswith(("I", "F")):
        return np.ascontiguousarray(turn(_decode_array(np.asarray(image), name)))
    if image.mode in ("LAB", "La"):
        image = image.getchannel("L") if image.mode == "LAB" else image.convert("LA")
    mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
    colours = _shrink(lambda top, bottom: [image.crop((0, top, image.width, bottom)).convert(mode)], *image.size)
    return np.ascontiguousarray(turn(colours))


def _decode_array(array: NDArray[Any], name: str) -> Plane:
    if array.dtype.kind not in "buif":
        raise PictureError(f"an array of {array.dtype} is no picture; expected grey levels or colours, such as uint8")
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))) or not array.size:
        raise PictureError(f"an array of shape {array.shape} is no picture; expected [H, W], [H, W, 3] or [H, W, 4]")
    _check_size(array.shape[1], array.shape[0], name)
    black, white = _find_range(array)
    planes = array[:, :, None] if array.ndim == 2 else array

    def take(top: int, bottom: int) -> list[Image.Image]:
        levels = (planes[top:bottom].astype(np.float32) - np.float32(black)) * np.float32(255 / (white - black))
        return [Image.fromarray(plane) for plane in levels.clip(0, 255).transpose(2, 0, 1)]

    return _shrink(take, array.shape[1], array.shape[0])


def _find_range(array: NDArray[Any]) -> tuple[float, float]:
    """Return which value of an array is black, and which is white."""
    least, most = float(array.min()), float(array.max())
    if not max(-least, most) < 1e30:
        raise PictureError(f"an array with values from {least:g} to {most:g} is no picture; expected 0 to 1, or 0 to 255")
    if array.dtype.kind == "b" or (array.dtype.kind == "f" and least >= -0.5 and most <= 1.5):
        return 0.0, 1.0  # resampling leaves floats a little outside 0..1
    if least < 0 or (array.dtype.kind == "f" and most < 4):  # MNIST's images reach 2.8 when normalised
        return least, max(most, least + 1)
    return 0.0, 2.0 ** max(8, int(most).bit_length()) - 1


def _check_size(width: int, height: int, name: str) -> None:
    if width * height > LARGEST_PIXELS:
        raise PictureError(f"{name} has {width} x {height} pixels, more than 50 megapixels; give a smaller one")
    if not width * height:
        raise PictureError(f"{name} has no pixels ({width} x {height}); give a picture of a digit")


def _read_orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # a picture with damaged EXIF still is a picture
        return 1


def _shrink(take: Callable[[int, int], list[Image.Image]], width: int, height: int) -> Plane:
    """Return colours [h, w, 3] of at most ``WORKING_PIXELS``; ``take`` gives the planes, or the image, between two rows."""
    factor = max(1, math.isqrt(width * height // WORKING_PIXELS))
    rows = factor * max(1, STRIP_PIXELS // (factor * width))
    strips = []
    for top in range(0, height, rows):
        parts = [part.reduce(factor) for part in take(top, min(top + rows, height))]
        strips.append(np.dstack([np.asarray(part, np.float32) for part in parts]))
    colours = np.concatenate(strips)
    if colours.shape[2] == 4:
        colours = _lay_on_paper(colours)
    size = _fit_size(colours.shape[1], colours.shape[0])
    if size != (colours.shape[1], colours.shape[0]):
        colours = resize_planes(colours, size, Image.Resampling.BOX)
    return colours if colours.shape[2] == 3 else np.repeat(colours, 3, 2)


def resize_planes(
    colours: Plane,
    size: tuple[int, int],
    how: Image.Resampling,
    window: tuple[float, float, float, float] | None = None,
) -> Plane:
    """Resize colours [H, W, C] to [h, w, C], plane by plane, since pillow has no image with several planes of floats.

    Args:
        colours: float32.
        size: width and height of the result.
        how: the filter.
        window: left, top, right and bottom of the part that is taken, in pixels and fractions of them; None for all.
    """
    planes = [Image.fromarray(plane).resize(size, how, box=window) for plane in colours.transpose(2, 0, 1)]
    return np.dstack([np.asarray(plane, np.float32) for plane in planes])


def _lay_on_paper(colours: Plane) -> Plane:
    """Lay colours [H, W, 4] with opacity on paper: [H, W, 3]."""
    opacity = colours[:, :, 3:]
    on_black = colours[:, :, :3] * (opacity / 255)
    on_white = on_black + 255 - opacity
    opaque = opacity[:, :, 0] >= 0.9 * opacity.max()
    return np.asarray(on_black if on_white[opaque].min() > 255 - FAINT_LEVELS else on_white, np.float32)


def _fit_size(width: int, height: int) -> tuple[int, int]:
    share = min(1.0, math.sqrt(WORKING_PIXELS / (width * height)))
    return min(WORKING_PIXELS, max(1, int(width * share))), min(WORKING_PIXELS, max(1, int(height * share)))
