"""Simulate photos of paper with a figure on it, as a phone takes them.

A random stream decides pens, papers, light and the rest over wide ranges. Nothing here was fitted to real photos.
"""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inks import Grey, Ink

Colour = tuple[int, int, int]


class Plate(NamedTuple):
    """A picture before it is cut and stored, and the place of its ink."""

    pixels: NDArray[np.uint8]
    """[H, W], [H, W, 3] or [H, W, 4]."""
    ink: Grey
    """[H, W], 0..1."""


class Pen(NamedTuple):
    """The pen with which a photographed figure is written."""

    width: tuple[float, float]
    """Smallest and largest width, as shares of the figure's size."""
    colours: tuple[Colour, ...]
    cover: tuple[float, float] = (0.85, 1.0)
    grain: float = 0.0
    """Share of the ink that may be missing in a pixel."""


PENS = {
    "ball": Pen((0.05, 0.09), ((30, 40, 140), (25, 25, 30), (170, 25, 35))),
    "fine": Pen((0.025, 0.05), ((20, 20, 25), (35, 55, 150))),
    "marker": Pen((0.1, 0.2), ((15, 15, 15), (190, 30, 40), (20, 60, 170))),
    "pencil": Pen((0.04, 0.08), ((90, 90, 95), (115, 115, 118)), (0.55, 0.8), 0.35),
}
CHALKS = {
    "chalk": Pen((0.05, 0.14), ((235, 235, 230), (240, 225, 150), (235, 185, 190)), (0.7, 0.95), 0.45),
    "gel": Pen((0.03, 0.08), ((245, 245, 245), (210, 210, 215), (230, 200, 90))),
}
PAPERS = ((240, 240, 238), (185, 185, 182), (238, 222, 150), (244, 236, 214))
BOARDS = ((25, 25, 28), (30, 55, 45), (45, 50, 60), (60, 35, 30))
DESKS = ((95, 60, 35), (160, 115, 75), (35, 35, 38), (205, 200, 195), (120, 125, 130), (250, 250, 250))


def place_ink(ink: Grey, height: int, width: int, rng: Generator) -> Grey:
    """Return a sheet [height, width] with the ink at a random place, and with a margin where there is room for one."""
    sheet = np.zeros((height, width))
    top = int(rng.integers(0, max(1, height - ink.shape[0] + 1)) * 0.8 + 0.1 * max(0, height - ink.shape[0]))
    left = int(rng.integers(0, max(1, width - ink.shape[1] + 1)) * 0.8 + 0.1 * max(0, width - ink.shape[1]))
    visible = ink[: height - top, : width - left]
    sheet[top : top + visible.shape[0], left : left + visible.shape[1]] = visible
    return sheet


def rule_paper(height: int, width: int, step: float, rng: Generator) -> Grey:
    """Return the printed lines of lined or squared paper, 0..1."""
    lines, thick = np.zeros((height, width)), max(1, round(step / 25))
    for row in np.arange(rng.uniform(0, step), height, step).astype(int):
        lines[row : row + thick] = 1
    if rng.random() < 0.5:
        for column in np.arange(rng.uniform(0, step), width, step).astype(int):
            lines[:, column : column + thick] = 1
    return lines


def find_light(height: int, width: int, rng: Generator) -> Grey:
    """Return an illumination around 1: a gradient, sometimes with the edge of a shadow, sometimes with a vignette."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    shade = 1 + rng.uniform(0, 0.35) * along
    if rng.random() < 0.4:
        edge = (along - rng.uniform(-0.5, 0.5)) / rng.uniform(0.02, 0.3)
        shade *= 1 - rng.uniform(0.25, 0.6) / (1 + np.exp(-edge.clip(-30, 30)))
    if rng.random() < 0.4:
        shade *= 1 - rng.uniform(0.1, 0.45) * (x**2 + y**2) / 2
    return np.asarray(shade)


def show_desk(sheet: Grey, ink: Grey, rng: Generator) -> Grey:
    """Return a sheet [H, W, 3] that ends before one side of the picture. Beyond its slanting edge there is a desk."""
    height, width = ink.shape
    rows, columns = np.nonzero(ink > 0.1) if (ink > 0.1).any() else np.array([[height // 2], [width // 2]])
    gaps = (rows.min(), height - 1 - rows.max(), columns.min(), width - 1 - columns.max())
    side = int(np.argmax(gaps))
    y, x = np.mgrid[:height, :width]
    depth = (y, height - 1 - y, x, width - 1 - x)[side]
    along = (x / width, y / height)[side // 2] - 0.5
    edge = gaps[side] * (rng.uniform(0.15, 0.7) + rng.uniform(-0.2, 0.2) * along)
    beyond = np.clip(edge - depth, 0, 1)[..., None]
    return np.asarray(sheet * (1 - beyond) + np.array(DESKS[rng.integers(len(DESKS))], float) * beyond)


def find_perspective(width: int, height: int, amount: float, rng: Generator) -> list[float]:
    """Return the coefficients of a view at an angle: the corners move by up to ``amount`` of the side."""
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    moved = corners + rng.uniform(-amount, amount, (4, 2)) * (width, height)
    rows = []
    for (x, y), (u, v) in zip(corners, moved, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    return [float(one) for one in np.linalg.solve(np.array(rows), moved.ravel())]


def warp_image(image: Image.Image, view: list[float]) -> Image.Image:
    """Return the image seen at an angle. The mean of its corners fills what is beyond them."""
    corners = np.asarray(image)[[0, -1, 0, -1], [0, 0, -1, -1]].mean(0)
    fill = tuple(int(v) for v in corners) if corners.ndim else int(corners)
    return image.transform(image.size, Image.Transform.PERSPECTIVE, view, Image.Resampling.BICUBIC, fillcolor=fill)


def cover_sheet(ink_of: Ink, height: int, width: int, rng: Generator) -> tuple[Grey, Grey]:
    """Return a sheet of paper [H, W, 3] with a figure on it, and the figure's ink [H, W].

    The sheet is sometimes lined, sometimes dark, and sometimes beside a desk.
    """
    size = int(min(height, width) * rng.uniform(0.25, 0.85))
    dark = rng.random() < 0.12
    pens, papers = (CHALKS, BOARDS) if dark else (PENS, PAPERS)
    pen = pens[str(rng.choice(list(pens)))]
    ink = place_ink(ink_of(size, rng.uniform(*pen.width)), height, width, rng)
    sheet = np.ones((height, width, 3)) * papers[rng.integers(len(papers))] * rng.uniform(0.8, 1.05)
    if not dark and rng.random() < 0.4:
        lines = rule_paper(height, width, size * rng.uniform(0.35, 1.3), rng)[..., None] * rng.uniform(0.25, 0.6)
        sheet = sheet * (1 - lines) + np.array([(150, 175, 215), (170, 170, 175)][rng.integers(2)], float) * lines
    cover = ink * rng.uniform(*pen.cover) * (1 - pen.grain * rng.random(ink.shape))
    sheet = sheet * (1 - cover[..., None]) + np.array(pen.colours[rng.integers(len(pen.colours))]) * cover[..., None]
    sheet = sheet * (1 + 0.02 * ndimage.gaussian_filter(rng.normal(0, 3, ink.shape), 2))[..., None]
    return (show_desk(sheet, ink, rng) if rng.random() < 0.2 else sheet), ink


def expose_sheet(sheet: Grey, ink: Grey, rng: Generator) -> Plate:
    """Return the sheet [H, W, 3] as a camera sees it: lit unevenly, at an angle, blurred, and with noise."""
    height, width = ink.shape
    sheet = sheet * (find_light(height, width, rng) * rng.uniform(0.55, 1.1))[..., None]
    view = find_perspective(width, height, 0.05, rng)
    image = warp_image(Image.fromarray(sheet.clip(0, 255).astype(np.uint8)), view)
    blur = rng.uniform(0.3, 1.0 + min(height, width) / 450)
    pixels = ndimage.gaussian_filter(np.asarray(image, float), (blur, blur, 0))
    pixels += rng.normal(0, rng.uniform(1, 9), pixels.shape)
    seen = warp_image(Image.fromarray((ink.clip(0, 1) * 255).astype(np.uint8)), view)
    return Plate(pixels.clip(0, 255).astype(np.uint8), np.asarray(seen, float) / 255)


def photograph(ink_of: Ink, rng: Generator) -> Plate:
    """Return a phone's photo of a figure on paper."""
    height, width = int(rng.integers(180, 900)), int(rng.integers(180, 900))
    return expose_sheet(*cover_sheet(ink_of, height, width, rng), rng)


def encode_jpeg(pixels: NDArray[np.uint8], rng: Generator) -> bytes:
    """Return the bytes of a JPEG of any quality."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(rng.integers(35, 95)))
    return file.getvalue()


def take_photo(ink_of: Ink, rng: Generator) -> bytes:
    """Return a phone's photo of a figure on paper, as JPEG."""
    return encode_jpeg(photograph(ink_of, rng).pixels, rng)


def take_large_photo(ink_of: Ink, rng: Generator) -> bytes:
    """Return a photo of 2 to 12 megapixels, as JPEG. It is a smaller one made larger, with noise of its own."""
    small = Image.fromarray(photograph(ink_of, rng).pixels)
    scale = (1e6 * rng.uniform(2, 12) / (small.width * small.height)) ** 0.5
    large = small.resize((round(small.width * scale), round(small.height * scale)), Image.Resampling.BICUBIC)
    noise = rng.standard_normal((large.height, large.width, 1), np.float32) * np.float32(rng.uniform(1, 9))
    return encode_jpeg((np.asarray(large) + noise).clip(0, 255).astype(np.uint8), rng)
