"""Open a picture's file within limits: on its format, its pixels, its scans, and the time of its decoder. No torch."""

from __future__ import annotations

import io
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from PIL import Image, UnidentifiedImageError

from seesum.reading.headers import read_header
from seesum.reading.pictures import PictureError
from seesum.reading.processes import BrokenDecoderError

LARGEST_PIXELS = 50 * 2**20
"""Cameras sold as 50 megapixels have up to 8192 x 6144."""
MOST_SCANS = 100
"""A progressive JPEG codes its pixels in about ten scans. Each of them costs time for all pixels, with few bytes of a file."""
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
"""The formats that are opened. pillow knows more, but starts other programs for some of them."""
BLOCK = 512
"""Bytes of a JPEG that its decoder gets at a time. They hold a few scans at most."""


class FormatError(PictureError):
    """A file is no picture of a format that is opened."""


class LargePictureError(PictureError):
    """A picture has too many pixels."""


@contextmanager
def open_image(
    file: IO[bytes], name: str, formats: tuple[str, ...] = FORMATS, largest_pixels: int = LARGEST_PIXELS
) -> Iterator[Image.Image]:
    """Open a file as a PIL image whose pixels are not decoded yet.

    Raises:
        FormatError: it has none of the formats.
        LargePictureError: it has too many pixels.
        PictureError: its header cannot be decoded, or it has too many scans.
    """
    with refuse_damaged(name), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(file, formats=formats) as image:
            check_size(*image.size, name, largest_pixels)
            if image.format in ("JPEG", "MPO"):
                image.decodermaxblock = BLOCK
                _check_scans(file, name)
            yield image


@contextmanager
def refuse_damaged(name: str) -> Iterator[None]:
    """Turn whatever decoding raises into a PictureError with the sentence for the user."""
    try:
        yield
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LargePictureError(f"{name} has more than 50 megapixels; give a smaller one") from error
    except UnidentifiedImageError as error:
        raise FormatError(f"{name} is not an image that can be decoded; give a PNG, JPEG, WebP, TIFF, BMP or GIF") from error
    except PermissionError as error:
        raise PictureError(f"{name} cannot be read, you lack the permission; give one that you may read") from error
    except TimeoutError as error:
        raise PictureError(f"{name} cannot be decoded in time ({error}); make it smaller, or save it as a PNG") from error
    except MemoryError as error:
        raise PictureError(f"{name} cannot be decoded, there is too little memory for it; make it smaller") from error
    except BrokenDecoderError as error:
        raise PictureError(f"{name} cannot be decoded ({error}); save it again with another program") from error
    except OSError as error:
        if error.errno is not None:  # of the system, and not of a decoder
            raise PictureError(f"{name} cannot be read ({error.strerror}); give one that can") from error
        raise _make_damaged(name, error) from error
    except Exception as error:  # pillow does not document what its decoders raise; mutated files raised eight kinds
        raise _make_damaged(name, error) from error


def _make_damaged(name: str, error: Exception) -> PictureError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return PictureError(f"{name} cannot be decoded ({reason}); it is damaged, so save it again")


class TimedFile(io.BufferedIOBase):
    """A file that can only be read for a limited processor time of this thread."""

    def __init__(self, file: IO[bytes], seconds: float) -> None:
        """Wrap a file. The time starts now."""
        self.seek, self.tell = file.seek, file.tell  # type: ignore[method-assign]
        self.file, self.seconds, self.until = file, seconds, time.thread_time() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, unless the time is over."""
        if time.thread_time() > self.until:
            raise TimeoutError(f"decoding takes more than {self.seconds:g} seconds")
        return self.file.read(-1 if size is None else size)


def check_size(width: int, height: int, name: str, largest: int = LARGEST_PIXELS) -> None:
    """Refuse a picture with too many pixels, or none."""
    if width * height > largest:
        raise LargePictureError(f"{name} has {width} x {height} pixels, more than 50 megapixels; give a smaller one")
    if not width * height:
        raise PictureError(f"{name} has no pixels ({width} x {height}); give a picture of a digit")


def _check_scans(file: IO[bytes], name: str) -> None:
    """Refuse a JPEG with too many scans. One with too many parts to count them is decoded, and given up in time."""
    place = file.tell()
    file.seek(0)
    scans = read_header(file.read()).scans
    file.seek(place)
    if scans is not None and scans > MOST_SCANS:
        raise PictureError(f"{name} is a JPEG with {scans} scans, more than {MOST_SCANS}; save it again with another program")
