"""Decode any picture to colours [H, W, 3]: the only place that decodes picture files and arrays. No torch.

PNG and JPEG files, and small files, are decoded here: their decoders read block by block, so the time is checked before each
block. Any other file is decoded by a process that can be killed, since its decoder may run for minutes on a few bytes.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seesum.reading.headers import read_header
from seesum.reading.opening import TimedFile, check_size, open_image, refuse_damaged
from seesum.reading.pictures import Picture, PictureError, find_range, name_picture, open_picture
from seesum.reading.processes import DecodingProcess

WORKING_PIXELS = 640 * 480
"""Pictures with more pixels are reduced to this. A digit a tenth as high as a page keeps 48 pixels."""
STRIP_PIXELS = 2**20
"""Large pictures are reduced strip by strip, so that no second picture of full size is ever in memory."""
SECONDS = 5.0
"""Processor time that decoding a picture may take."""
READ_IN_BLOCKS = ("PNG", "JPEG", "MPO")
"""Formats whose decoders read their file block by block, with bounded work for each block."""
SMALL_BYTES, SMALL_PIXELS = 2**16, 2**18
"""A file with no more bytes and pixels is decoded in this process: that takes seconds at the worst. A TIFF is not, since its
decoder writes to the terminal."""
FAINT_LEVELS = 32
"""Opaque parts within this many levels of white cannot be seen on white paper."""
PROCESS = DecodingProcess()
"""Decodes what this process does not. It starts with the first such picture."""

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


def decode_picture(picture: Picture) -> Plane:
    """Decode a picture to colours [H, W, 3], 0..255: upright by its EXIF, on white, reduced to ``WORKING_PIXELS``.

    Transparent parts become white. Where all opaque parts are white too, they become black instead, so that a white drawing can
    be seen. Arrays of whole numbers have 8 bits, or as many as their largest value needs; where none reaches 64, the largest is
    white. Arrays of floats are 0..1, or else as whole numbers. In images normalised for a network (values below 0, or floats
    below 4) the smallest value becomes 0 and the largest 255.

    Decoding a path, a file or bytes is given up after 5 seconds of processor time. A PIL image is decoded without such a limit.

    Raises:
        PictureError: it cannot be decoded, takes too long, or has more than 50 megapixels.
    """
    name = name_picture(picture)
    with refuse_damaged(name):
        opened = open_picture(picture)
        if isinstance(opened, Image.Image):
            return _decode_image(opened, name)
        if isinstance(opened, np.ndarray):
            return _decode_array(opened, name)
        return _decode_within_limits(opened, name)


def read_grey(image: Image.Image) -> NDArray[np.uint8] | None:
    """Return the levels uint8 [H, W] of a picture with 8-bit grey levels, opaque and upright; None for any other picture.

    Raises:
        PictureError: it cannot be decoded.
    """
    if image.mode != "L":
        return None
    with refuse_damaged("the picture"):
        image.load()
        return None if image.has_transparency_data or _read_orientation(image) != 1 else np.asarray(image)


def _decode_within_limits(source: Path | bytes, name: str) -> Plane:
    """Decode a file here if the time can be checked block by block, or else in a process that can be killed."""
    with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file:
        if not file.seekable():  # a pipe, such as /dev/fd/63, can be read only once
            return _decode_within_limits(file.read(), name)
        length = file.seek(0, io.SEEK_END)
        file.seek(0)
        kind = read_header(file.read(16)).kind
        if kind in READ_IN_BLOCKS or (length <= SMALL_BYTES and kind != "TIFF"):
            with open_image(cast(IO[bytes], TimedFile(file, SECONDS)), name) as image:
                if image.format in READ_IN_BLOCKS or image.width * image.height <= SMALL_PIXELS:
                    return decode_opened(image, name)
    path, data = (os.fspath(source.absolute()), b"") if isinstance(source, Path) else (None, source)
    question = {"do": "decode", "name": name, "path": path}
    answer, levels = PROCESS.ask(question, data, SECONDS, WORKING_PIXELS * 3 * np.dtype(np.float32).itemsize)
    if "error" in answer:
        raise PictureError(answer["error"])
    return np.frombuffer(levels, np.float32).reshape(answer["shape"]).copy()


def decode_opened(image: Image.Image, name: str) -> Plane:
    """Decode a file that ``open_image`` has opened, like ``decode_picture``. A JPEG's decoder can reduce it already."""
    if image.format in ("JPEG", "MPO"):
        image.draft(None, _fit_size(*image.size))
    return _decode_image(image, name)


def _decode_image(image: Image.Image, name: str) -> Plane:
    check_size(*image.size, name)
    try:
        image.load()
    except ValueError as error:
        if getattr(image, "fp", image) is None:
            sentence = f"{name} is a PIL image that was closed before its pixels were read; call load() before close()"
            raise PictureError(sentence) from error
        raise
    turn = TURNS.get(_read_orientation(image), np.asarray)
    if image.mode.startswith(("I", "F")):
        return np.ascontiguousarray(turn(_decode_array(np.asarray(image), name)))
    if image.mode in ("LAB", "La"):
        image = image.getchannel("L") if image.mode == "LAB" else image.convert("LA")
    mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
    colours = _shrink(lambda top, bottom: [image.crop((0, top, image.width, bottom)).convert(mode)], *image.size)
    return np.ascontiguousarray(turn(colours))


def _decode_array(array: NDArray[Any], name: str) -> Plane:
    check_size(array.shape[1], array.shape[0], name)
    black, white = find_range(array)
    planes = array[:, :, None] if array.ndim == 2 else array

    def take(top: int, bottom: int) -> list[Image.Image]:
        levels = (planes[top:bottom].astype(np.float32) - np.float32(black)) * np.float32(255 / (white - black))
        return [Image.fromarray(plane) for plane in levels.clip(0, 255).transpose(2, 0, 1)]

    return _shrink(take, array.shape[1], array.shape[0])


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
        colours = _resize(colours, size)
    return colours if colours.shape[2] == 3 else np.repeat(colours, 3, 2)


def _resize(colours: Plane, size: tuple[int, int]) -> Plane:
    """Resize colours [H, W, C] to a width and height."""
    # plane by plane, since pillow has no image with several planes of floats
    planes = [Image.fromarray(plane).resize(size, Image.Resampling.BOX) for plane in colours.transpose(2, 0, 1)]
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
