"""Turn every kind of picture that users give into a path, bytes, a PIL image or an array. No torch."""

from __future__ import annotations

import base64
import binascii
import glob
import os
import re
import sys
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seesum.base.errors import InputError

STDIN = "-"
"""Instead of a path: the bytes of standard input."""
FLAT = 28 * 28
"""An array of so many values in a row or a column is a 28x28 image, as CSV files and scikit-learn have them."""
FEW_LEVELS = 64
"""Whole numbers below this are not 8-bit levels: masks have 0 and 1, scikit-learn's digits 0 to 16. Their largest value is
white."""

Picture = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any] | dict[str, Any]
"""A path, ``-`` for standard input, a ``data:`` address, the bytes of a file, a binary file, or a PIL image. Also an array or
tensor (grey or RGB, any size), nested lists of numbers, or the dictionary of Gradio's sketchpad."""
Pictures = list[Picture] | tuple[Picture, ...]
"""Several pictures."""


class PictureError(InputError):
    """A picture cannot be decoded or holds no ink. The message is the sentence for the user."""


def list_pictures(pictures: Picture | Pictures) -> tuple[list[Picture], bool]:
    """Return pictures as a list, and whether they were a list: a single picture becomes a list of one.

    Nested lists of numbers are one picture: rows of grey levels, rows of colours, or 784 values in a row.
    """
    if not isinstance(pictures, list | tuple) or _holds_numbers(pictures):
        return [pictures], False  # type: ignore[list-item]
    return list(pictures), True


def _holds_numbers(values: list[Any] | tuple[Any, ...]) -> bool:
    """Return whether a list is a picture itself: numbers, rows of numbers, or rows of colours."""
    depth, inner = 0, values
    while isinstance(inner, list | tuple) and len(inner):
        depth, outer, inner = depth + 1, inner, inner[0]
    if isinstance(inner, bool) or not isinstance(inner, int | float | np.number):
        return False
    return depth <= 2 or (depth == 3 and len(outer) in (1, 3, 4))


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
    if callable(getattr(picture, "detach", None)) and callable(getattr(picture, "cpu", None)):
        tensor: Any = picture.detach().cpu()  # type: ignore[attr-defined]
        picture = (tensor.float() if tensor.is_floating_point() else tensor).numpy()  # numpy has no bfloat16
    if isinstance(picture, np.ma.MaskedArray) and np.ma.is_masked(picture):
        raise PictureError("the array has masked pixels, which have no value; fill them first, such as with array.filled(0)")
    try:
        array = np.asarray(picture)
    except ValueError as error:
        raise PictureError("lists of numbers are a picture only if all rows have the same length; make them equal") from error
    if array.dtype.kind not in "buif":
        what = f"an array of {array.dtype}" if array.ndim else f"an object of the type {type(picture).__name__}"
        raise PictureError(
            f"{what} is not a picture; expected a path, bytes, a PIL image, or an array of grey levels or colours"
        )
    if array.size == FLAT and array.ndim <= 2 and max(array.shape) == FLAT:
        array = array.reshape(28, 28)
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        array = array.transpose(1, 2, 0)
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))) or not array.size:
        raise PictureError(f"an array of shape {array.shape} is not a picture; expected [H, W], [H, W, 3] or [H, W, 4]")
    return array
