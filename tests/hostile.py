"""Pictures that cost a decoder or the preparation much time, for tests of several wings."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def encode(image: NDArray[Any] | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def make_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG that repeats its last scan: a few bytes each, and time for all pixels."""
    data = encode(np.full((side, side), 200, np.uint8), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * (scans - data.count(b"\xff\xda") + 1) + data[-2:]


def make_commented_gif(size: int) -> bytes:
    """A GIF with a comment of so many bytes, which pillow puts together in quadratic time."""
    data = encode(np.zeros((9, 9), np.uint8), "GIF")
    at = data.rindex(b"\x2c\0\0\0\0")
    comment = b"\x21\xfe" + (b"\xff" + b"x" * 255) * (size // 256) + b"\0"
    return data[:at] + comment + data[at:]


def make_marks(side: int, seed: int = 0) -> NDArray[np.uint8]:
    """A picture full of marks."""
    rng = np.random.default_rng(seed)
    cells = np.kron(rng.random((side // 4 + 1, side // 4 + 1)) < 0.4, np.ones((4, 4)))[:side, :side]
    return (235 - 200 * cells + rng.normal(0, 4, (side, side))).clip(0, 255).astype(np.uint8)
