"""Change pictures before another program sees them."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from ways import split_levels

LONGEST = 512
"""Pictures are shrunk to this many pixels on their longer side before another program sees them."""
SMOOTH = Image.Resampling.LANCZOS


@dataclass(frozen=True)
class Setting:
    """How a picture is changed before a program sees it."""

    margin: float | None = None
    """The picture is cut to Otsu's ink with this margin, as a share of the ink's longer side. None leaves it whole."""
    square: bool = False
    """Whether paper is added to a cut picture until it is square."""
    binary: bool = False
    """Whether the picture is black and white."""
    bright: bool | None = None
    """Whether the ink is to be brighter than the paper. None leaves it as it is."""
    height: int | None = None
    """The picture is scaled to this height in pixels. None leaves its size."""

    def apply(self, picture: Image.Image) -> Image.Image:
        """Return an RGB picture as the setting changes it. One without any ink stays whole."""
        grey = np.asarray(picture.convert("L"), np.float32)
        dark = bool(np.median(grey) > (grey.min() + grey.max()) / 2)
        mask = (grey.max() - grey if dark else grey) > split_levels(grey.max() - grey if dark else grey)
        if self.binary:
            picture = Image.fromarray((mask != dark).astype(np.uint8) * 255).convert("RGB")
        if self.margin is not None and mask.any() and not mask.all():
            picture = self._cut(picture, mask)
        if self.bright is not None and self.bright == dark:
            picture = ImageOps.invert(picture)
        if self.height is not None:
            picture = picture.resize((max(1, round(picture.width * self.height / picture.height)), self.height), SMOOTH)
        return picture

    def _cut(self, picture: Image.Image, mask: np.ndarray) -> Image.Image:
        rows, columns = np.nonzero(mask)
        low = np.array([columns.min(), rows.min()])
        size = np.array([columns.max(), rows.max()]) + 1 - low
        whole = size + 2 * round((self.margin or 0) * max(size))
        if self.square:
            whole = np.full(2, max(whole))
        paper = np.asarray(picture)[~mask]
        canvas = Image.new("RGB", (int(whole[0]), int(whole[1])), tuple(int(level) for level in np.median(paper, 0)))
        shift = low - (whole - size) // 2
        start, end = shift.clip(0), np.minimum(shift + whole, picture.size)
        part = picture.crop((int(start[0]), int(start[1]), int(end[0]), int(end[1])))
        canvas.paste(part, (int(start[0] - shift[0]), int(start[1] - shift[1])))
        return canvas

    def __str__(self) -> str:
        """Return the setting in words."""
        cut = "whole picture"
        if self.margin is not None:
            cut = f"cut to Otsu's ink with a margin of {self.margin:.0%}" + ", square" * self.square
        ink = {None: "", True: ", bright ink", False: ", dark ink"}[self.bright]
        return cut + ", black and white" * self.binary + ink + f", {self.height} pixels high" * (self.height is not None)


CUTS = ((None, False), (0.1, False), (0.2, False), (0.4, True), (1.0, False))
SETTINGS = [
    Setting(margin, square, binary, bright, height)
    for margin, square in CUTS
    for binary in (False, True)
    for bright in (None, False, True)
    for height in (None, 28)
]
"""The settings that ``peers.py settings`` tries with each of the other programs."""


def open_file(data: bytes) -> Image.Image:
    """Return the picture in a file: upright, transparent places white, at most ``LONGEST`` pixels long, RGB."""
    opened = Image.open(io.BytesIO(data))
    opened.draft("RGB", (LONGEST, LONGEST))
    picture = ImageOps.exif_transpose(opened).convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture)
    paper.thumbnail((LONGEST, LONGEST))
    return paper.convert("RGB")
