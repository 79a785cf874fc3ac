"""Simulated photos, scans and drawings of digits: what the preparation of pictures is developed on, and measured with.

    python benchmarks/photos.py measure                     # accuracy of each way of preparing pictures on each part
    python benchmarks/photos.py measure --run RUN --count 500
    python benchmarks/photos.py sheet sheet.png             # look at what is simulated, and at what becomes of it

Digits are the 12,000 validation images, which neither a twin nor the test images share, redrawn with pens of any width, and
handwriting fonts where some are installed (Debian: fonts-sjfonts, fonts-breip, fonts-femkeklaver, fonts-rufscript).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from seesum.mnist import load_mnist
from seesum.recipe import Recipe
from seesum.task import split_images

Grey = NDArray[np.float64]
HANDWRITING = ("breip", "steve", "delphine", "rufscript", "kristi")


class Shown(NamedTuple):
    """A picture and what it shows."""

    picture: Image.Image | bytes
    digit: int


def thin(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Skeleton of strokes (Zhang & Suen 1984, Comm. ACM 27)."""
    image = np.pad(mask, 1)
    changed = True
    while changed:
        changed = False
        for phase in (0, 1):
            p = [
                np.roll(image, shift, (0, 1))
                for shift in ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
            ]
            count = sum(one.astype(np.int8) for one in p)
            turns = sum((~p[k] & p[(k + 1) % 8]).astype(np.int8) for k in range(8))
            first = (
                ~(p[0] & p[2] & p[4]) & ~(p[2] & p[4] & p[6]) if phase == 0 else ~(p[0] & p[2] & p[6]) & ~(p[0] & p[4] & p[6])
            )
            gone = image & (count >= 2) & (count <= 6) & (turns == 1) & first
            if gone.any():
                image, changed = image & ~gone, True
    return image[1:-1, 1:-1]


def redraw(image: NDArray[np.uint8], size: int, width: float | None, rng: Generator) -> Grey:
    """A digit of MNIST as ink 0..1 at ``size`` pixels, with its own strokes or with a pen of ``width`` (share of the size)."""
    smooth = np.asarray(Image.fromarray(image).resize((112, 112), Image.Resampling.BICUBIC), np.float64)
    smooth = ndimage.gaussian_filter(smooth, 1.5)
    if width is None:
        ink = np.clip((smooth - 70) / 60, 0, 1)
    else:
        away = ndimage.distance_transform_edt(~thin(smooth > 100))
        radius = width * 112 * 20 / 28 / 2 * (1 + 0.15 * ndimage.gaussian_filter(rng.normal(0, 8, away.shape), 8))
        ink = np.clip(radius - away + 0.5, 0, 1)
    rows, columns = np.nonzero(ink > 0.1)
    ink = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = size / max(ink.shape)
    shape = (max(2, round(ink.shape[1] * scale)), max(2, round(ink.shape[0] * scale)))
    return np.asarray(Image.fromarray((ink * 255).astype(np.uint8)).resize(shape, Image.Resampling.LANCZOS), np.float64) / 255


def write_glyph(font: Path, digit: int, size: int) -> Grey:
    """A digit of a font as ink 0..1, ``size`` pixels high."""
    face = ImageFont.truetype(str(font), max(12, round(size * 1.3)))
    left, top, right, bottom = face.getbbox(str(digit))
    image = Image.new("L", (max(2, round(right - left) + 2), max(2, round(bottom - top) + 2)))
    ImageDraw.Draw(image).text((1 - left, 1 - top), str(digit), 255, face)
    return np.asarray(image, np.float64) / 255


def find_fonts() -> list[Path]:
    """Handwriting fonts that are installed."""
    files = [path for path in Path("/usr/share/fonts").rglob("*") if path.suffix.lower() in (".ttf", ".otf")]
    return sorted(path for path in files if any(word in str(path).lower() for word in HANDWRITING))


def place(ink: Grey, height: int, width: int, rng: Generator) -> Grey:
    """Ink somewhere on a sheet [height, width], with a margin where there is room for one."""
    sheet = np.zeros((height, width))
    top = int(rng.integers(0, max(1, height - ink.shape[0] + 1)) * 0.8 + 0.1 * max(0, height - ink.shape[0]))
    left = int(rng.integers(0, max(1, width - ink.shape[1] + 1)) * 0.8 + 0.1 * max(0, width - ink.shape[1]))
    part = ink[: height - top, : width - left]
    sheet[top : top + part.shape[0], left : left + part.shape[1]] = part
    return sheet


def rule(height: int, width: int, step: float, squared: bool, rng: Generator) -> Grey:
    """Printed lines 0..1 of lined or squared paper."""
    lines, offset, thick = np.zeros((height, width)), rng.uniform(0, step), max(1, round(step / 25))
    for row in np.arange(offset, height, step).astype(int):
        lines[row : row + thick] = 1
    if squared:
        for column in np.arange(rng.uniform(0, step), width, step).astype(int):
            lines[:, column : column + thick] = 1
    return lines


def light(height: int, width: int, rng: Generator) -> Grey:
    """Illumination about 1: a gradient, sometimes the edge of a shadow, sometimes a vignette."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    shade = 1 + rng.uniform(0, 0.35) * along
    if rng.random() < 0.4:
        edge = (along - rng.uniform(-0.5, 0.5)) / rng.uniform(0.02, 0.3)
        shade *= 1 - rng.uniform(0.25, 0.6) / (1 + np.exp(-edge.clip(-30, 30)))
    if rng.random() < 0.4:
        shade *= 1 - rng.uniform(0.1, 0.45) * (x**2 + y**2) / 2
    return shade


def warp(image: Image.Image, amount: float, rng: Generator) -> Image.Image:
    """Seen aslant: the corners move by up to ``amount`` of the side."""
    width, height = image.size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    moved = corners + rng.uniform(-amount, amount, (4, 2)) * (width, height)
    rows = []
    for (x, y), (u, v) in zip(corners, moved, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    solved = np.linalg.solve(np.array(rows), moved.ravel())
    fill = tuple(int(v) for v in np.asarray(image.convert("RGB"))[[0, -1, 0, -1], [0, 0, -1, -1]].mean(0))
    return image.convert("RGB").transform(
        image.size, Image.Transform.PERSPECTIVE, solved.tolist(), Image.Resampling.BICUBIC, fillcolor=fill
    )


def take_photo(ink_of: Callable[[int, float | None], Grey], rng: Generator) -> bytes:
    """A phone's photo of a digit on paper, as JPEG."""
    height, width = int(rng.integers(180, 900)), int(rng.integers(180, 900))
    size = int(min(height, width) * rng.uniform(0.25, 0.85))
    pen = rng.choice(["ball", "fine", "marker", "pencil"])
    thickness = {
        "ball": rng.uniform(0.05, 0.09),
        "fine": rng.uniform(0.025, 0.05),
        "marker": rng.uniform(0.1, 0.2),
        "pencil": rng.uniform(0.04, 0.08),
    }[pen]
    ink = place(ink_of(size, thickness), height, width, rng)
    papers = {"white": (240, 240, 238), "grey": (185, 185, 182), "yellow": (238, 222, 150), "cream": (244, 236, 214)}
    paper = np.array(papers[rng.choice(list(papers))], float) * rng.uniform(0.8, 1.05)
    colours = {
        "ball": [(30, 40, 140), (25, 25, 30), (170, 25, 35)],
        "fine": [(20, 20, 25), (35, 55, 150)],
        "marker": [(15, 15, 15), (190, 30, 40), (20, 60, 170)],
        "pencil": [(90, 90, 95), (115, 115, 118)],
    }[pen]
    colour = np.array(colours[rng.integers(len(colours))], float)
    sheet = np.ones((height, width, 3)) * paper
    kind = rng.choice(["plain", "lined", "squared"], p=[0.6, 0.2, 0.2])
    if kind != "plain":
        lines = rule(height, width, size * rng.uniform(0.35, 1.3), kind == "squared", rng)[..., None] * rng.uniform(0.25, 0.6)
        sheet = sheet * (1 - lines) + np.array([(150, 175, 215), (170, 170, 175)][rng.integers(2)], float) * lines
    cover = ink * (rng.uniform(0.85, 1) if pen != "pencil" else rng.uniform(0.55, 0.8) * (1 - 0.35 * rng.random(ink.shape)))
    sheet = sheet * (1 - cover[..., None]) + colour * cover[..., None]
    sheet = sheet * (1 + 0.02 * ndimage.gaussian_filter(rng.normal(0, 3, ink.shape), 2))[..., None]
    sheet = sheet * (light(height, width, rng) * rng.uniform(0.55, 1.1))[..., None]
    image = warp(Image.fromarray(sheet.clip(0, 255).astype(np.uint8)), 0.05, rng)
    pixels = ndimage.gaussian_filter(np.asarray(image, float), (*[rng.uniform(0.3, 1.0 + size / 250)] * 2, 0))
    pixels += rng.normal(0, rng.uniform(1, 9), pixels.shape)
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=int(rng.integers(35, 95)))
    return file.getvalue()


def make_scan(ink_of: Callable[[int, float | None], Grey], rng: Generator) -> Image.Image:
    """A cut-out of a scanned page: grey, even light, little noise, 20 to 300 pixels."""
    size = int(rng.integers(16, 220))
    margin = int(size * rng.uniform(0.05, 0.8)) + 2
    ink = ink_of(size, None if rng.random() < 0.5 else rng.uniform(0.06, 0.14))
    sheet = place(ink, ink.shape[0] + margin, ink.shape[1] + margin, rng)
    paper, dark = rng.uniform(200, 255), rng.uniform(0, 110)
    pixels = ndimage.gaussian_filter(paper + (dark - paper) * sheet, rng.uniform(0.2, 0.8)) + rng.normal(
        0, rng.uniform(0, 5), sheet.shape
    )
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def make_drawing(ink_of: Callable[[int, float | None], Grey], rng: Generator) -> Image.Image:
    """Drawn with a mouse: lines of a pixel or fat brushes, both polarities, sometimes on a transparent background."""
    side = int(rng.choice([64, 100, 200, 280, 400, 600]))
    size = int(side * rng.uniform(0.3, 0.92))
    width = rng.choice([1.2 / size, rng.uniform(0.02, 0.06), rng.uniform(0.06, 0.14), rng.uniform(0.14, 0.26)])
    ink = place(ink_of(size, max(width, 1.2 / size)), side, side, rng)
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


PARTS: dict[str, Callable[[Callable[[int, float | None], Grey], Generator], Any]] = {
    "photos": take_photo,
    "scans": make_scan,
    "drawings": make_drawing,
}


def simulate(part: str, count: int, seed: int = 0, fonts: bool = False) -> list[Shown]:
    """Pictures of one part; of validation images, or of handwriting fonts."""
    rng = np.random.default_rng([seed, list(PARTS).index(part), fonts])
    found, faces = split_images(load_mnist(), Recipe(system="", split="validate")).parts["validation"], find_fonts()
    pictures = []
    for row in rng.choice(len(found.digits), count, replace=count > len(found.digits)):
        if fonts:
            digit, face = int(rng.integers(10)), faces[rng.integers(len(faces))]
            picture = PARTS[part](lambda size, _, face=face, digit=digit: write_glyph(face, digit, size), rng)
        else:
            digit, image = int(found.digits[row]), found.images[row]
            picture = PARTS[part](lambda size, width, image=image: redraw(image, size, width, rng), rng)
        pictures.append(Shown(picture, digit))
    return pictures
