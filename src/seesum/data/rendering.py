"""Render glyphs with a pen: synthetic images of digits, as MNIST makes them, and of figures that are not digits. numpy only.

A glyph has a few points. Its curve is a fixed linear map of them, so a thousand images of one glyph are one matrix product. All
images are then turned, fitted and inked together. One core renders some thousands of images a second.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from seesum.data.glyphs import DIGITS, OTHERS
from seesum.data.idx import BOX, SIDE, Images, LabelledImages

TRACE = 128
"""Points of the curve that is inked: half a pixel apart on most digits."""
THIN, THICK = 2.0, 4.4
"""Pen widths in pixels. They reach a little beyond the widths that the preparation of pictures leaves."""
CHUNK = 16
"""Images inked together. With 16, 3 MB of distances stay in the cache: 12,000 images a second; with 500 it is 3,500."""

Points = NDArray[np.float32]
"""[..., 2]: x to the right and y downwards."""


def render_digits(count: int, rng: Generator) -> LabelledImages:
    """Render ``count`` digits, each digit and each of its glyphs as likely as the others."""
    digits = rng.integers(0, 10, count, dtype=np.int64)
    return LabelledImages(render_traces(_write(digits, TRACE, rng), rng), digits)


def render_non_digits(count: int, rng: Generator) -> Images:
    """Render ``count`` images uint8 [count, 28, 28] that show no digit, or more than one."""
    kinds: list[tuple[float, Callable[[int, Generator], Images]]] = [
        (0.42, lambda n, rng: render_traces(vary_handwriting(_trace_others(n, rng), rng), rng)),
        (0.14, lambda n, rng: render_traces(_scribble(n, rng), rng)),
        (0.22, lambda n, rng: render_traces(_write_several(n, rng), rng)),
        (0.12, render_blots),
        (0.10, render_reversed),
    ]
    sizes = rng.multinomial(count, [share for share, _ in kinds])
    return np.concatenate([draw(int(size), rng) for size, (_, draw) in zip(sizes, kinds, strict=True)])


def trace_glyph(form: str, count: int, points: int, rng: Generator) -> Points:
    """Trace a glyph ``count`` times, each time with its points moved a little; returns curves [count, points, 2].

    Coordinates are hundredths of the glyph's height. The ends of a stroke move farther than its bends: people stop early, go
    on, and leave gaps.
    """
    controls, ends, curve = _read_glyph(form, points)
    wander = np.where(ends, 4.0, 2.6)[:, None].astype(np.float32) * rng.uniform(0.4, 1.6, (count, 1, 1)).astype(np.float32)
    moved = controls + wander * rng.standard_normal((count, *controls.shape), np.float32)
    return np.asarray(curve @ moved, np.float32)


@cache
def _read_glyph(form: str, points: int) -> tuple[Points, NDArray[np.bool_], NDArray[np.float32]]:
    """Parse a glyph: control points [P, 2], which of them end a stroke [P], and the map [points, P] from them to the curve.

    The curve is a spline after Catmull and Rom (1974), with a corner at each point that is marked as one.
    """
    strokes = [[word.rstrip("!") for word in stroke.split()] for stroke in form.split(";")]
    sharp = [[word.endswith("!") for word in stroke.split()] for stroke in form.split(";")]
    controls = np.array([[float(v) for v in word.split(",")] for stroke in strokes for word in stroke], np.float32)
    ends, spans, first = np.zeros(len(controls), np.bool_), [], 0
    for corners in sharp:
        last = first + len(corners) - 1
        ends[[first, last]] = True
        turns = [first, *(first + place for place, corner in enumerate(corners) if corner), last]
        for start, stop in pairwise(turns):
            spans += [(max(start, p - 1), p, p + 1, min(stop, p + 2)) for p in range(start, stop)]
        first = last + 1
    lengths = np.array([np.hypot(*(controls[c] - controls[b])) for _, b, c, _ in spans])
    reach = np.concatenate([[0], np.cumsum(lengths)])
    along = np.linspace(0, reach[-1], points)
    span = np.clip(np.searchsorted(reach, along, side="right") - 1, 0, len(spans) - 1)
    t = (along - reach[span]) / lengths[span]
    weights = 0.5 * np.stack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3], 1)
    curve = np.zeros((points, len(controls)), np.float32)
    for place, four in enumerate(np.array(spans)[span]):
        np.add.at(curve[place], four, weights[place])
    return controls, ends, curve


def _write(digits: NDArray[np.int64], points: int, rng: Generator) -> Points:
    """Trace digits [N], each with a glyph and a handwriting of its own; returns curves [N, points, 2]."""
    traces = np.empty((len(digits), points, 2), np.float32)
    for digit, forms in DIGITS.items():
        rows = np.flatnonzero(digits == digit)
        which = rng.integers(0, len(forms), len(rows))
        for place, form in enumerate(forms):
            chosen = rows[which == place]
            traces[chosen] = trace_glyph(form, len(chosen), points, rng)
    return vary_handwriting(traces, rng)


def _trace_others(count: int, rng: Generator) -> Points:
    which = rng.integers(0, len(OTHERS), count)
    traces = np.empty((count, TRACE, 2), np.float32)
    for place, form in enumerate(OTHERS):
        traces[which == place] = trace_glyph(form, int((which == place).sum()), TRACE, rng)
    return traces


def _write_several(count: int, rng: Generator) -> Points:
    """Trace two or three digits side by side, sometimes touching."""
    number, left = 2 + (rng.random(count) < 0.25), np.zeros(count)
    third = TRACE // 3
    parts: list[Points] = []
    for place in range(3):
        one = _write(rng.integers(0, 10, count), third, rng) * rng.uniform(0.85, 1.1, (count, 1, 1))
        one[:, :, 0] += (left - one[:, :, 0].min(1))[:, None]
        left = one[:, :, 0].max(1) + rng.uniform(4, 28, count)
        # where there are only two digits, the third lies on the second
        parts.append(np.where((number > place)[:, None, None], one, parts[-1] if parts else one).astype(np.float32))
    return np.concatenate(parts, 1)


def _scribble(count: int, rng: Generator) -> Points:
    """Trace a pen that goes between nine random places. With so many, a digit hardly ever appears by chance."""
    _, _, curve = _read_glyph("0,0 1,0 2,0 3,0 4,0 5,0 6,0 7,0 8,0", TRACE)
    return np.asarray(curve @ rng.uniform(0, 100, (count, 9, 2)).astype(np.float32), np.float32)


def vary_handwriting(traces: Points, rng: Generator) -> Points:
    """Give each of the curves [N, M, 2] a handwriting of its own: width, slant, rotation, and a tremor along the way."""
    count, points = traces.shape[:2]

    def normal(deviation: float) -> NDArray[np.float32]:
        return (deviation * rng.standard_normal((count, 1), np.float32)).astype(np.float32)

    knots = rng.standard_normal((count, 12, 2), np.float32) * rng.exponential(1.0, (count, 1, 1)).clip(0, 3).astype(np.float32)
    x, y = (traces + _join(12, points) @ knots - 50).transpose(2, 0, 1)
    x = x * np.exp(normal(0.18)) - normal(0.16) * y
    angle = normal(0.09)
    return np.stack([np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y], 2)


def render_traces(traces: Points, rng: Generator) -> Images:
    """Ink curves [N, M, 2] of any size: images uint8 [N, 28, 28], fitted into 20x20, with the centre of mass at (14, 14).

    Each has a pen of its own: its width, how soft its edges are, and how its pressure changes along the way.
    """
    count, points = traces.shape[:2]
    images = np.zeros((count, SIDE, SIDE), np.uint8)
    radius = rng.uniform(THIN / 2, THICK / 2, (count, 1)).astype(np.float32)
    edge_width = rng.choice(np.array([0.6, 1.0, 1.0, 1.6], np.float32), (count, 1))
    pressure = 1 + 0.12 * rng.standard_normal((count, 5), np.float32).clip(-2, 2)
    widths = radius * (pressure @ _join(5, points).T)
    least, most = traces.min(1, keepdims=True), traces.max(1, keepdims=True)
    size = (most - least).max(2, keepdims=True)
    pixels = (traces - (least + most) / 2) * ((BOX - 2 * radius[:, :, None]) / np.maximum(size, 1e-3)) + (BOX - 1) / 2
    grid = np.arange(BOX, dtype=np.float32)[:, None]
    for start in range(0, count, CHUNK):
        rows = slice(start, start + CHUNK)
        x, y = pixels[rows, :, 0][:, None], pixels[rows, :, 1][:, None]
        thick = widths[rows][:, None]
        across, down = ((grid - x) / thick) ** 2, ((grid - y) / thick) ** 2
        away = np.sqrt((down[:, :, None] + across[:, None]).min(3))
        ink = ((1 - away) * (radius / edge_width)[rows][:, :, None] + 0.5).clip(0, 1)
        _centre(ink, images[rows])
    return images


def render_blots(count: int, rng: Generator) -> Images:
    """Render noise of every coarseness, as it is or with only its peaks left: uint8 [count, 28, 28]."""
    coarse = rng.integers(2, BOX + 1, count)
    planes = np.empty((count, BOX, BOX), np.float32)
    for knots in range(2, BOX + 1):
        rows, joined = np.flatnonzero(coarse == knots), _join(knots, BOX)
        planes[rows] = joined @ rng.standard_normal((len(rows), knots, knots), np.float32) @ joined.T
    steep = rng.choice(np.array([0.3, 1.0, 4.0], np.float32), (count, 1, 1))
    ink = (steep * (planes - rng.uniform(-0.8, 0.8, (count, 1, 1)).astype(np.float32)) + 0.5).clip(0, 1)
    images = np.zeros((count, SIDE, SIDE), np.uint8)
    _centre(ink, images)
    return images


def render_reversed(count: int, rng: Generator) -> Images:
    """Render what is left when paper is taken for ink: a patch with a digit cut out of it, or without; [count, 28, 28]."""
    digits = render_digits(count, rng).images[:, 4:24, 4:24].astype(np.float32) / 255
    ink = np.ones((count, BOX, BOX), np.float32)
    sides = rng.integers(8, BOX + 1, count)
    for side in range(10, BOX - 1):  # the rest stays whole
        rows, margin = np.flatnonzero(sides == side), (BOX - side) // 2
        inner = slice(margin, margin + side)
        ink[rows, inner, inner] -= _join(BOX, side) @ digits[rows] @ _join(BOX, side).T
    for one, (left, right, top, bottom) in zip(ink, rng.integers(0, 5, (count, 4)), strict=True):
        one[:top], one[BOX - bottom :], one[:, :left], one[:, BOX - right :] = 0, 0, 0, 0
    images = np.zeros((count, SIDE, SIDE), np.uint8)
    _centre(ink.clip(0, 1), images)
    return images


def _join(knots: int, places: int) -> NDArray[np.float32]:
    """Return the matrix [places, knots] that interpolates linearly from ``knots`` values to ``places`` along the same
    length.
    """
    place = np.linspace(0, knots - 1, places, dtype=np.float32)[:, None]
    return np.asarray(np.clip(1 - np.abs(place - np.arange(knots)), 0, 1), np.float32)


def _centre(ink: NDArray[np.float32], images: Images) -> None:
    """Put ink 0..1 [N, 20, 20] into black images [N, 28, 28], with its centre of mass at (14, 14) to the nearest pixel."""
    grid = np.arange(BOX)
    mass = np.maximum(ink.sum((1, 2)), 1e-6)
    tops = np.rint(SIDE / 2 - (ink.sum(2) @ grid) / mass).clip(0, SIDE - BOX).astype(int)
    lefts = np.rint(SIDE / 2 - (ink.sum(1) @ grid) / mass).clip(0, SIDE - BOX).astype(int)
    levels = np.rint(255 * ink / np.maximum(ink.max((1, 2), keepdims=True), 1e-6)).astype(np.uint8)
    for image, one, top, left in zip(images, levels, tops, lefts, strict=True):
        image[top : top + BOX, left : left + BOX] = one
