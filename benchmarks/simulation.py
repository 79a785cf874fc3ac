"""Simulate photos, scans, drawings and small pictures of digits, and pictures that hold no digit.

A seed decides sizes, pens, papers, light and the rest, at random over wide ranges. Nothing here was fitted to real photos.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from PIL import Image
from scipy import ndimage

from inks import DOUBTFUL, Grey, Ink, find_fonts, find_validation, keeps_shape, redraw_digit, write_glyph
from seesum.base.errors import InputError

Colour = tuple[int, int, int]


class Shown(NamedTuple):
    """A picture and the digit that it shows."""

    picture: Image.Image | bytes
    digit: int
    """The digit, or -1 if there is none."""


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


def warp_image(image: Image.Image, amount: float, rng: Generator) -> Image.Image:
    """Return the image seen at an angle: its corners move by up to ``amount`` of the side."""
    width, height = image.size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    moved = corners + rng.uniform(-amount, amount, (4, 2)) * (width, height)
    rows = []
    for (x, y), (u, v) in zip(corners, moved, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    coefficients = np.linalg.solve(np.array(rows), moved.ravel())
    fill = tuple(int(v) for v in np.asarray(image)[[0, -1, 0, -1], [0, 0, -1, -1]].mean(0))
    perspective = Image.Transform.PERSPECTIVE
    return image.transform(image.size, perspective, coefficients.tolist(), Image.Resampling.BICUBIC, fillcolor=fill)


def cover_sheet(ink_of: Ink, height: int, width: int, rng: Generator) -> Grey:
    """Return a sheet of paper [H, W, 3] with a figure on it. It is sometimes lined, sometimes dark, sometimes beside a desk."""
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
    return show_desk(sheet, ink, rng) if rng.random() < 0.2 else sheet


def take_photo(ink_of: Ink, rng: Generator) -> bytes:
    """Return a phone's photo of a figure on paper, as JPEG."""
    height, width = int(rng.integers(180, 900)), int(rng.integers(180, 900))
    sheet = cover_sheet(ink_of, height, width, rng)
    sheet = sheet * (find_light(height, width, rng) * rng.uniform(0.55, 1.1))[..., None]
    image = warp_image(Image.fromarray(sheet.clip(0, 255).astype(np.uint8)), 0.05, rng)
    blur = rng.uniform(0.3, 1.0 + min(height, width) / 450)
    pixels = ndimage.gaussian_filter(np.asarray(image, float), (blur, blur, 0))
    pixels += rng.normal(0, rng.uniform(1, 9), pixels.shape)
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=int(rng.integers(35, 95)))
    return file.getvalue()


def make_scan(ink_of: Ink, rng: Generator) -> Image.Image:
    """Return a cut-out of a scanned page: grey, even light, little noise, 20 to 300 pixels."""
    size = int(rng.integers(16, 220))
    margin = int(size * rng.uniform(0.05, 0.8)) + 2
    ink = ink_of(size, None if rng.random() < 0.5 else rng.uniform(0.06, 0.14))
    sheet = place_ink(ink, ink.shape[0] + margin, ink.shape[1] + margin, rng)
    paper, dark = rng.uniform(200, 255), rng.uniform(0, 110)
    pixels = ndimage.gaussian_filter(paper + (dark - paper) * sheet, rng.uniform(0.2, 0.8))
    pixels += rng.normal(0, rng.uniform(0, 5), sheet.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def make_drawing(ink_of: Ink, rng: Generator) -> Image.Image:
    """Return a mouse drawing: thin lines or fat brushes, both polarities, sometimes on a transparent background.

    The thinnest lines are about a pixel wide.
    """
    side = int(rng.choice([64, 100, 200, 280, 400, 600]))
    size = int(side * rng.uniform(0.3, 0.92))
    width = rng.choice([1.2 / size, rng.uniform(0.02, 0.06), rng.uniform(0.06, 0.14), rng.uniform(0.14, 0.26)])
    ink = place_ink(ink_of(size, max(width, 1.2 / size)), side, side, rng)
    if rng.random() < 0.5:
        ink = (ink > 0.5).astype(float)
    style = rng.choice(["dark", "bright", "transparent", "coloured"])
    alpha = (ink * 255).astype(np.uint8)
    if style == "transparent":
        return Image.merge("RGBA", [Image.new("L", (side, side))] * 3 + [Image.fromarray(alpha)])
    if style == "coloured":
        paper, pen = rng.integers(190, 256, 3), rng.integers(0, 120, 3)
        if rng.random() < 0.4:
            paper, pen = pen, paper
        return Image.fromarray((paper + (pen - paper.astype(float)) * ink[..., None]).clip(0, 255).astype(np.uint8))
    return Image.fromarray(255 - alpha if style == "dark" else alpha)


def make_small(ink_of: Ink, rng: Generator) -> Image.Image:
    """Return a picture like those of other collections: 8x8 in 17 grey levels like UCI's, or 16x16 like USPS's.

    The figure fills a tight box. It is dark on bright or bright on dark.
    """
    ink = ink_of(64, None if rng.random() < 0.5 else rng.uniform(0.08, 0.16))
    side = int(rng.choice([8, 16]))
    if rng.random() < 0.7:  # the rest is stretched to fill the square
        ink = np.pad(ink, [((64 - length) // 2,) * 2 for length in ink.shape])
    alpha = np.asarray(Image.fromarray((ink * 255).astype(np.uint8)).resize((side, side), Image.Resampling.BOX))
    if side == 8:
        sixteenths = np.round(alpha / 255 * 16)
        alpha = (sixteenths * (1 if rng.random() < 0.3 else 15.9375)).astype(np.uint8)
    return Image.fromarray(alpha.max() - alpha if rng.random() < 0.5 else alpha)


KINDS: dict[str, Callable[[Ink, Generator], Image.Image | bytes]] = {
    "photos": take_photo,
    "scans": make_scan,
    "drawings": make_drawing,
    "small": make_small,
}


def simulate(kind: str, count: int, seed: int = 0, fonts: bool = False) -> list[Shown]:
    """Return simulated pictures of one kind, made from validation images or from handwriting fonts.

    Raises:
        InputError: fonts are wanted, but none is installed.
    """
    rng = np.random.default_rng([seed, list(KINDS).index(kind), fonts])
    validation, font_files = find_validation(), find_fonts()
    if fonts and not font_files:
        raise InputError("no handwriting font is installed; install Debian's fonts-breip, fonts-kristi or fonts-sjfonts")
    pictures: list[Shown] = []
    while len(pictures) < count:
        row, digit = rng.integers(len(validation.digits)), int(rng.integers(10))
        if fonts:
            ink_of = write_glyph(font_files[rng.integers(len(font_files))], str(digit))
        elif keeps_shape(validation.images[row]):
            ink_of, digit = redraw_digit(validation.images[row], rng), int(validation.digits[row])
        else:
            continue
        pictures.append(Shown(KINDS[kind](ink_of, rng), digit))
    return pictures


def simulate_doubtful(kind: str, count: int, seed: int = 0) -> list[Shown]:
    """Return photos, scans and drawings that hold no digit, or several digits."""
    rng = np.random.default_rng([seed, list(DOUBTFUL).index(kind)])
    makers = (take_photo, make_scan, make_drawing)
    return [Shown(makers[rng.integers(len(makers))](DOUBTFUL[kind](rng), rng), -1) for _ in range(count)]
