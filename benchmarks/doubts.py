"""Simulate pictures that hold no digit, or several digits: no answer to them may be sure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw
from scipy import ndimage

from flat import make_drawing, make_scan
from inks import Grey, Ink, draw_digit, find_fonts, find_validation, resize_ink, write_glyph
from paper import BOARDS, DESKS, PAPERS, encode_jpeg, expose_sheet, rule_paper, take_photo

LETTERS = "AEFHKMNRWaehkmw"
"""Letters that look like no digit."""
LEGIBLE = 10
"""Smallest height of a digit in a column, in pixels."""


def _draw_blank(_: Generator) -> Ink:
    return lambda size, _: np.zeros((size, size))


def _draw_letter(rng: Generator) -> Ink:
    fonts: list[Path | None] = [*find_fonts()] or [None]
    return write_glyph(fonts[rng.integers(len(fonts))], LETTERS[rng.integers(len(LETTERS))])


def _draw_face(rng: Generator) -> Ink:
    def draw(size: int, width: float | None) -> Grey:
        image, line = Image.new("L", (4 * size, 4 * size)), max(4, round(4 * size * (width or 0.1)))
        pen, shift = ImageDraw.Draw(image), rng.uniform(-0.1, 0.1, 6) * size
        pen.ellipse((line, line, 4 * size - line, 4 * size - line), outline=255, width=line)
        for x, up in ((1.3 * size + shift[0], shift[1]), (2.7 * size + shift[2], shift[3])):
            pen.ellipse((x - line, 1.5 * size + up - line, x + line, 1.5 * size + up + line), fill=255)
        pen.arc((1.1 * size, 1.6 * size + shift[4], 2.9 * size, 3.1 * size + shift[5]), 20, 160, fill=255, width=line)
        return np.asarray(image.resize((size, size), Image.Resampling.BOX), np.float64) / 255

    return draw


def _draw_texture(rng: Generator) -> Ink:
    def draw(size: int, _: float | None) -> Grey:
        field = ndimage.gaussian_filter(rng.normal(0, 1, (size, size)), rng.uniform(0.01, 0.12, 2) * size)
        return np.asarray(field > np.quantile(field, rng.uniform(0.5, 0.9)), float)

    return draw


def _draw_several(rng: Generator) -> Ink:
    validation = find_validation()
    rows = rng.choice(len(validation.digits), int(rng.integers(2, 5)), replace=False)

    def draw(size: int, width: float | None) -> Grey:
        inks = [draw_digit(validation.images[row], 80, width, rng) for row in rows]
        tall = max(len(ink) for ink in inks)
        padded = [np.pad(ink, ((0, tall - len(ink)), (0, int(rng.integers(8, 30))))) for ink in inks]
        return resize_ink(np.hstack(padded), size)

    return draw


def draw_column(rng: Generator) -> Ink:
    """Return the ink of 2 to 9 digits one above another, of fewer where they would be too small."""
    validation = find_validation()
    rows = rng.choice(len(validation.digits), int(rng.integers(2, 10)), replace=False)

    def draw(size: int, width: float | None) -> Grey:
        shown = rows[: max(2, size // LEGIBLE)]
        pen = None if width is None else min(0.2, width * len(shown))
        inks = [draw_digit(validation.images[row], 80, pen, rng) for row in shown]
        wide = max(ink.shape[1] for ink in inks) + 16
        places = [int(rng.integers(0, wide - ink.shape[1] + 1)) for ink in inks]
        below = [int(rng.integers(8, 40)) for _ in inks]
        sides = [(left, wide - ink.shape[1] - left) for ink, left in zip(inks, places, strict=True)]
        padded = [np.pad(ink, ((0, gap), side)) for ink, gap, side in zip(inks, below, sides, strict=True)]
        return resize_ink(np.vstack(padded)[: -below[-1]], size)

    return draw


def _show_figure(draw_figure: Callable[[Generator], Ink]) -> Callable[[Generator], Image.Image | bytes]:
    makers = (take_photo, make_scan, make_drawing)

    def show(rng: Generator) -> Image.Image | bytes:
        maker = makers[rng.integers(len(makers))]
        return maker(draw_figure(rng), rng)

    return show


def _cover_half(height: int, width: int, softness: float, rng: Generator) -> Grey:
    """Return a plane 0..1 [H, W] that is 1 beyond a straight edge in any direction."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle) - rng.uniform(-0.6, 0.9)
    return np.asarray(np.clip(along / softness + 0.5, 0, 1))


def _cast_shadow(height: int, width: int, rng: Generator) -> Grey:
    """Return a plane 0..1 [H, W] with the shadow of a pen: a long soft wedge that comes in from one side."""
    y, x = np.mgrid[: 1 : height * 1j, : 1 : width * 1j]
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.6)
    along = (x - rng.uniform(0.3, 0.7)) * np.cos(angle) + (y - rng.uniform(0.3, 0.7)) * np.sin(angle)
    across = (y - 0.5) * np.cos(angle) - (x - 0.5) * np.sin(angle)
    thick = rng.uniform(0.02, 0.1) * (1 + rng.uniform(0, 2) * (along + reach))
    shadow = (np.abs(across) < thick) & (along > -reach)
    return np.asarray(ndimage.gaussian_filter(shadow.astype(float), rng.uniform(0.005, 0.03) * max(height, width)))


def show_desk_alone(rng: Generator) -> bytes:
    """Return a photo without a figure: edges of a desk, of pages and of shadows, a pen's shadow, or ruled lines alone.

    Half of the photos are cut to a part of the scene.
    """
    height, width = int(rng.integers(180, 900)), int(rng.integers(180, 900))
    dark = rng.random() < 0.12
    papers = BOARDS if dark else PAPERS
    sheet = np.ones((height, width, 3)) * papers[rng.integers(len(papers))] * rng.uniform(0.8, 1.05)
    ruled, edges, shadows, pen = rng.random(4) < (0.4, 0.6, 0.4, 0.3)
    if ruled or not (edges or shadows or pen):
        lines = rule_paper(height, width, min(height, width) * rng.uniform(0.08, 0.5), rng)[..., None]
        lines = lines * rng.uniform(0.25, 0.6)
        sheet = sheet * (1 - lines) + np.array([(150, 175, 215), (170, 170, 175)][rng.integers(2)], float) * lines
    if edges:  # two edges make a corner
        for _ in range(int(rng.integers(1, 3))):
            beyond = _cover_half(height, width, 0.01, rng)[..., None]
            colours = DESKS if rng.random() < 0.7 else papers
            sheet = sheet * (1 - beyond) + np.array(colours[rng.integers(len(colours))]) * rng.uniform(0.8, 1) * beyond
    if shadows:
        sheet = sheet * (1 - rng.uniform(0.2, 0.6) * _cover_half(height, width, rng.uniform(0.01, 0.2), rng))[..., None]
    if pen:
        sheet = sheet * (1 - rng.uniform(0.2, 0.6) * _cast_shadow(height, width, rng))[..., None]
    pixels = expose_sheet(sheet, np.zeros((height, width)), rng).pixels
    if rng.random() < 0.5:
        tall, wide = (int(length * rng.uniform(0.15, 0.7)) for length in (height, width))
        top, left = int(rng.integers(height - tall)), int(rng.integers(width - wide))
        pixels = np.ascontiguousarray(pixels[top : top + tall, left : left + wide])
    return encode_jpeg(pixels, rng)


DOUBTFUL: dict[str, Callable[[Generator], Image.Image | bytes]] = {
    "blank": _show_figure(_draw_blank),
    "letters": _show_figure(_draw_letter),
    "faces": _show_figure(_draw_face),
    "textures": _show_figure(_draw_texture),
    "several digits": _show_figure(_draw_several),
    "a column of digits": _show_figure(draw_column),
    "desks and shadows": show_desk_alone,
}
"""Makers of pictures. The place of a kind is part of its seed, so new kinds come last."""
