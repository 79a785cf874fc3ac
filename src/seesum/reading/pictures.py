"""Turn every kind of picture that users give into a path, bytes, a PIL image or an array. No torch."""

from __future__ import annotations

import base64
import binascii
import glob
import os
import re
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seesum.base.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

STDIN = "-"
"""Instead of a path: the bytes of standard input."""
FLAT = 28 * 28
"""An array of so many values in a row or a column is a 28x28 image, as CSV files and scikit-learn have them."""
FEW_LEVELS = 64
"""Whole numbers below this are not 8-bit levels: masks have 0 and 1, scikit-learn's digits 0 to 16. Their largest value is
white."""
CHANNELS = (1, 3, 4)
"""An axis as short as one of these holds the channels of a picture: grey, RGB or RGBA."""

Picture = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any] | dict[str, Any]
"""A path, ``-`` for standard input, a ``data:`` address, the bytes of a file, a binary file, or a PIL image. Also an array or
tensor (grey or RGB, any size), nested lists of numbers, or the dictionary of Gradio's sketchpad."""
Pictures = list[Picture] | tuple[Picture, ...]
"""Several pictures. An array or tensor may hold several as well: see ``list_pictures``."""


class PictureError(InputError):
    """A picture cannot be decoded or holds no ink. The message is the sentence for the user."""


def list_pictures(pictures: Picture | Pictures | Tensor) -> tuple[list[Picture], bool]:
    """Return pictures as a list, and whether there were several: a single picture becomes a list of one.

    A list or tuple is several pictures, unless it holds numbers: rows of grey levels, rows of colours, or 784 values in a row
    are one picture.

    The shape of an array or tensor decides alone, on any device and of any dtype. An axis of 1, 3 or 4 may hold channels:

    - [H, W] is one picture. So are 784 values in a row or a column, as a 28x28 image.
    - [H, W, C] and [C, H, W] are one picture. So [3, 28, 28] is one colour picture, not three grey ones.
    - Any other [N, H, W] is N grey pictures.
    - [N, H, W, C] and [N, C, H, W] are N pictures, also where N is 1. So [3, 1, 28, 28] is three grey ones.

    Where the first and the last axis could both hold channels, the last one does.

    Raises:
        PictureError: an array has more axes, or four without channels.
    """
    if isinstance(pictures, list | tuple):
        return ([pictures], False) if _holds_numbers(pictures) else (list(pictures), True)  # type: ignore[list-item]
    shape = tuple(getattr(pictures, "shape", ()))
    if len(shape) < 3 or (len(shape) == 3 and _find_channels(shape) is not None):
        return [pictures], False  # type: ignore[list-item]
    batch = _read_array(pictures)
    if len(shape) > 3:
        axis = _find_channels(shape[1:])
        if axis is None:
            raise PictureError(f"an array of shape {shape} is not several pictures; expected [N, H, W, C] or [N, C, H, W]")
        batch = np.moveaxis(batch, axis + 1, 3)
        batch = batch[..., 0] if batch.shape[3] == 1 else batch
    return list(batch), True


def _find_channels(shape: tuple[int, ...]) -> int | None:
    """Return the axis of the channels in the shape of a picture with three axes: the last one or the first. None: neither."""
    return next((axis for axis in (2, 0) if len(shape) == 3 and shape[axis] in CHANNELS), None)


def _holds_numbers(values: list[Any] | tuple[Any, ...]) -> bool:
    """Return whether a list is a picture itself: numbers, rows of numbers, or rows of colours."""
    depth, inner = 0, values
    while isinstance(inner, list | tuple) and len(inner):
        depth, outer, inner = depth + 1, inner, inner[0]
    if isinstance(inner, bool) or not isinstance(inner, int | float | np.number):
        return False
    return depth <= 2 or (depth == 3 and len(outer) in CHANNELS)


def expand_patterns(pictures: list[Picture]) -> list[Picture]:
    """Replace patterns of paths, such as ``digits/*.jpg``, by the files that match, in order, without hidden files.

    Raises:
        PictureError: no file matches.
    """
    expanded: list[Picture] = []
    for picture in pictures:
        if not isinstance(picture, str) or picture.startswith("data:"):
            expanded.append(picture)
            continue
        path = os.path.expanduser(picture)  # noqa: PTH111 (Path has no patterns)
        if glob.has_magic(path) and not Path(path).exists():
            # not Path.glob, which returns hidden files too, and fails at "photos/**.png"
            fitting = [found for found in map(Path, sorted(glob.glob(path, recursive=True))) if found.is_file()]  # noqa: PTH207
            if not fitting:
                raise PictureError(f"no file fits {picture}; give the paths of image files, such as PNGs or JPEGs")
            expanded += fitting
        else:
            expanded.append(path)
    return expanded


def name_picture(picture: Picture, unnamed: str = "the picture") -> str:
    """Return the name of a picture in messages: its path, where it has one, or else ``unnamed``."""
    if not isinstance(picture, str | os.PathLike):
        return unnamed
    path = os.fspath(picture)
    if path.startswith("data:"):
        return "the data: address"
    return {STDIN: "standard input", "": "''"}.get(path, path)


def open_picture(picture: object) -> Path | bytes | Image.Image | NDArray[Any]:
    """Turn any picture into a path, the bytes of a file, a PIL image, or an array [H, W] or [H, W, 1, 3 or 4].

    Raises:
        PictureError: it is none of the kinds of ``Picture``. The message names what it is.
    """
    if isinstance(picture, str):
        if picture.startswith("data:"):
            return _parse_data_address(picture)
        if picture == STDIN:
            return _read_whole(sys.stdin.buffer, "standard input")
        return _check_path(Path(picture), picture)
    if isinstance(picture, os.PathLike):
        return _check_path(Path(picture), os.fspath(picture))
    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    if isinstance(picture, Image.Image):
        return picture
    if isinstance(picture, dict):
        return open_picture(_take_sketch(picture))
    if callable(getattr(picture, "read", None)):
        return _read_whole(picture, "the file")
    return _take_array(picture)


def find_range(array: NDArray[Any]) -> tuple[float, float]:
    """Return the values of an array that are black and white.

    Raises:
        PictureError: a value is NaN, or 1e30 or more from 0.
    """
    least, most = float(array.min()), float(array.max())
    if not max(-least, most) < 1e30:
        raise PictureError(f"an array with values from {least:g} to {most:g} is not a picture; expected 0 to 1, or 0 to 255")
    if array.dtype.kind == "b" or (array.dtype.kind == "f" and least >= -0.5 and most <= 1.5):
        return 0.0, 1.0  # resampling leaves floats a little outside 0..1
    if least < 0 or (array.dtype.kind == "f" and most < 4):  # MNIST's images reach 2.8 when normalised
        return least, max(most, least + 1)
    if 0 < most < FEW_LEVELS:
        return 0.0, most
    return 0.0, 2.0 ** max(8, int(most).bit_length()) - 1


def _check_path(path: Path, name: str) -> Path:
    try:
        path = path.expanduser()
    except RuntimeError as error:
        raise PictureError(f"there is no home folder for {name}; give the whole path of an image file") from error
    if name and path.is_dir():
        raise PictureError(f"{name} is a folder; give image files, or a pattern of them such as '{Path(name) / '*.png'}'")
    if not name or not path.exists():
        raise PictureError(f"there is no picture {name or repr(name)}; give the path of an image file, such as a PNG or a JPEG")
    return path


def _read_whole(file: Any, what: str) -> bytes:
    """Read a binary file to its end."""
    if getattr(file, "closed", False):
        raise PictureError(f"{what} is closed; give it while it is open, or give its bytes")
    data = file.read()
    if not isinstance(data, bytes):
        raise PictureError(f"{what} was opened as text; open it in binary mode, with open(path, 'rb')")
    if not data:
        raise PictureError(f"{what} has no bytes left to read; give an image file that was not read yet")
    return data


def _parse_data_address(text: str) -> bytes:
    """Return the bytes in an address such as ``data:image/png;base64,...`` (RFC 2397)."""
    head, comma, data = text.partition(",")
    if not comma:
        raise PictureError("the data: address has no comma before its data; expected data:image/png;base64,...")
    if not head.endswith(";base64"):
        return unquote_to_bytes(data)
    try:
        return base64.b64decode(re.sub(rb"\s", b"", unquote_to_bytes(data)), validate=True)
    except binascii.Error as error:
        raise PictureError("the data: address is not valid base64; encode the bytes of an image file again") from error


def _take_sketch(values: dict[str, Any]) -> object:
    """Return the picture in the dictionary that Gradio's sketchpad gives: its layers put together."""
    if values.get("composite") is not None:
        return values["composite"]
    raise PictureError(
        "a dictionary is a picture only with the key composite, as Gradio's sketchpad gives it; give the picture"
    )


def _take_array(picture: object) -> NDArray[Any]:
    """Return an array, a tensor on any device, or nested lists of numbers, as an array [H, W] or [H, W, channels]."""
    array = _read_array(picture)
    if array.size == FLAT and array.ndim <= 2 and max(array.shape) == FLAT:
        array = array.reshape(28, 28)
    axis = _find_channels(array.shape)
    if (array.ndim != 2 and axis is None) or not array.size:
        raise PictureError(f"an array of shape {array.shape} is not a picture; expected [H, W], [H, W, 3] or [H, W, 4]")
    return array if axis is None else np.moveaxis(array, axis, 2)


def _read_array(values: object) -> NDArray[Any]:
    """Return an array, a tensor on any device and of any dtype, or nested lists, as an array of numbers.

    Raises:
        PictureError: these are no numbers, or they cannot be read.
    """
    try:
        if callable(getattr(values, "detach", None)) and callable(getattr(values, "cpu", None)):
            tensor: Any = values.detach().cpu()  # type: ignore[attr-defined]
            values = (tensor.float() if tensor.is_floating_point() else tensor).numpy()  # numpy has no bfloat16
        array = np.asarray(values)
    except ValueError as error:
        raise PictureError("lists of numbers are a picture only if all rows have the same length; make them equal") from error
    except (TypeError, RuntimeError) as error:  # tensors that are sparse or have no values, arrays on other devices
        kind, reason = type(values).__name__, str(error).partition("\n")[0][:200]
        raise PictureError(f"a {kind} cannot be read as numbers ({reason}); give a plain array of numpy") from error
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise PictureError("the array has masked pixels, which have no value; fill them first, such as with array.filled(0)")
    if array.dtype.kind not in "buif":
        what = f"an array of {array.dtype}" if array.ndim else f"an object of the type {type(values).__name__}"
        raise PictureError(
            f"{what} is not a picture; expected a path, bytes, a PIL image, or an array of grey levels or colours"
        )
    return array
