"""Render glyphs as synthetic images in the style of MNIST: digits, and figures that are not digits. numpy only.

A glyph has a few points. Its curve is a fixed linear map of them, so a thousand images of one glyph are one matrix product. All
curves are then slanted, rotated, fitted and inked together. One core renders some thousands of images a second.
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
"""Number of points along an inked curve. On most digits they are half a pixel apart."""
THIN, THICK = 2.0, 4.4
"""Smallest and largest width of the pen, in pixels.

They reach from a little thinner than the strokes in prepared pictures to as thick.
"""
CHUNK = 16
"""Number of images inked together. With 16, their 3 MB of distances fit the cache: 12,000 images a second instead of 3,500
with 500."""

Points = NDArray[np.float32]
"""float32 [..., 2]: x to the right and y downwards."""


def render_digits(count: int, rng: Generator) -> LabelledImages:
    """Render ``count`` digits. All ten digits are equally likely, and so are all glyphs of a digit."""
    digits = rng.integers(0, 10, count, dtype=np.int64)
    return LabelledImages(render_traces(_trace_digits(digits, TRACE, rng), rng), digits)


def render_non_digits(count: int, rng: Generator) -> Images:
    """Render ``count`` images uint8 [count, 28, 28] that show no digit, or more than one."""
    kinds: list[tuple[float, Callable[[int, Generator], Images]]] = [
        (0.42, lambda n, rng: render_traces(vary_handwriting(_trace_others(n, rng), rng), rng)),
        (0.14, lambda n, rng: render_traces(_trace_scribbles(n, rng), rng)),
        (0.22, lambda n, rng: render_traces(_trace_several_digits(n, rng), rng)),
        (0.12, render_blots),
        (0.10, render_reversed),
    ]
    sizes = rng.multinomial(count, [share for share, _ in kinds])
    return np.concatenate([render(int(size), rng) for size, (_, render) in zip(sizes, kinds, strict=True)])


def trace_glyph(glyph: str, count: int, points: int, rng: Generator) -> Points:
    """Return ``count`` curves [count, points, 2] of a glyph, each with its points moved a little.

    Coordinates are hundredths of the glyph's height. The ends of a stroke move farther than its bends, because people stop
    early, go on too long, and leave gaps.
    """
    controls, ends, curve = _read_glyph(glyph, points)
    wander = np.where(ends, 4.0, 2.6)[:, None].astype(np.float32) * rng.uniform(0.4, 1.6, (count, 1, 1)).astype(np.float32)
    moved = controls + wander * rng.standard_normal((count, *controls.shape), np.float32)
    return np.asarray(curve @ moved, np.float32)


@cache
def _read_glyph(glyph: str, points: int) -> tuple[Points, NDArray[np.bool_], NDArray[np.float32]]:
    """Parse a glyph.

    Returns:
        The control points [P, 2], a mask [P] of those that end a stroke, and the matrix [points, P] that maps control points
        to the curve. The curve is the spline of Catmull and Rom (1974), with corners at the points that are marked with ``!``.
    """
    strokes = [[word.rstrip("!") for word in stroke.split()] for stroke in glyph.split(";")]
    sharp = [[word.endswith("!") for word in stroke.split()] for stroke in glyph.split(";")]
    controls = np.array([[float(v) for v in word.split(",")] for stroke in strokes for word in stroke], np.float32)
    ends, spans, first = np.zeros(len(controls), np.bool_), [], 0
    for corners in sharp:
        last = first + len(corners) - 1
        ends[[first, last]] = True
        turns = [first, *(first + index for index, corner in enumerate(corners) if corner), last]
        for start, stop in pairwise(turns):
            spans += [(max(start, p - 1), p, p + 1, min(stop, p + 2)) for p in range(start, stop)]
        first = last + 1
    lengths = np.array([np.hypot(*(controls[c] - controls[b])) for _, b, c, _ in spans])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    along = np.linspace(0, starts[-1], points)
    span = np.clip(np.searchsorted(starts, along, side="right") - 1, 0, len(spans) - 1)
    t = (along - starts[span]) / lengths[span]
    weights = 0.5 * np.stack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3], 1)
    curve = np.zeros((points, len(controls)), np.float32)
    for point, neighbours in enumerate(np.array(spans)[span]):
        np.add.at(curve[point], neighbours, weights[point])
    return controls, ends, curve


def _trace_digits(digits: NDArray[np.int64], points: int, rng: Generator) -> Points:
    """Return curves [N, points, 2] of digits [N], each with its own glyph and handwriting."""
    traces = np.empty((len(digits), points, 2), np.float32)
    for digit, glyphs in DIGITS.items():
        rows = np.flatnonzero(digits == digit)
        choices = rng.integers(0, len(glyphs), len(rows))
        for index, glyph in enumerate(glyphs):
            chosen = rows[choices == index]
            traces[chosen] = trace_glyph(glyph, len(chosen), points, rng)
    return vary_handwriting(traces, rng)


def _trace_others(count: int, rng: Generator) -> Points:
    """Return curves [count, TRACE, 2] of figures that are not digits."""
    choices = rng.integers(0, len(OTHERS), count)
    traces = np.empty((count, TRACE, 2), np.float32)
    for index, glyph in enumerate(OTHERS):
        traces[choices == index] = trace_glyph(glyph, int((choices == index).sum()), TRACE, rng)
    return traces


def _trace_several_digits(count: int, rng: Generator) -> Points:
    """Return curves [count, M, 2] of two or three digits side by side, some of them touching."""
    numbers, left = 2 + (rng.random(count) < 0.25), np.zeros(count)
    third = TRACE // 3
    traces: list[Points] = []
    for place in range(3):
        trace = _trace_digits(rng.integers(0, 10, count), third, rng) * rng.uniform(0.85, 1.1, (count, 1, 1))
        trace[:, :, 0] += (left - trace[:, :, 0].min(1))[:, None]
        left = trace[:, :, 0].max(1) + rng.uniform(4, 28, count)
        # with only two digits, the second is traced twice, so all curves have the same number of points
        traces.append(np.where((numbers > place)[:, None, None], trace, traces[-1] if traces else trace).astype(np.float32))
    return np.concatenate(traces, 1)


def _trace_scribbles(count: int, rng: Generator) -> Points:
    """Return curves [count, TRACE, 2] through nine random points. With so many points, they hardly ever look like a digit."""
    _, _, curve = _read_glyph("0,0 1,0 2,0 3,0 4,0 5,0 6,0 7,0 8,0", TRACE)
    return np.asarray(curve @ rng.uniform(0, 100, (count, 9, 2)).astype(np.float32), np.float32)


def vary_handwriting(traces: Points, rng: Generator) -> Points:
    """Change each of the curves [N, M, 2] as if by its own writer: width, slant, rotation and tremor."""
    count, points = traces.shape[:2]

    def normal(deviation: float) -> NDArray[np.float32]:
        return (deviation * rng.standard_normal((count, 1), np.float32)).astype(np.float32)

    tremor = rng.standard_normal((count, 12, 2), np.float32) * rng.exponential(1.0, (count, 1, 1)).clip(0, 3).astype(np.float32)
    x, y = (traces + _interpolate(12, points) @ tremor - 50).transpose(2, 0, 1)
    x = x * np.exp(normal(0.18)) - normal(0.16) * y
    angle = normal(0.09)
    return np.stack([np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y], 2)


def render_traces(traces: Points, rng: Generator) -> Images:
    """Render curves [N, M, 2] of any size as images uint8 [N, 28, 28].

    Each curve is fitted into 20x20 pixels, with the centre of mass at (14, 14). Each has its own pen: the width, the softness
    of the edges, and the pressure along the curve are random.
    """
    count, points = traces.shape[:2]
    images = np.zeros((count, SIDE, SIDE), np.uint8)
    radius = rng.uniform(THIN / 2, THICK / 2, (count, 1)).astype(np.float32)
    edge_width = rng.choice(np.array([0.6, 1.0, 1.0, 1.6], np.float32), (count, 1))
    pressure = 1 + 0.12 * rng.standard_normal((count, 5), np.float32).clip(-2, 2)
    widths = radius * (pressure @ _interpolate(5, points).T)
    lowest, highest = traces.min(1, keepdims=True), traces.max(1, keepdims=True)
    size = (highest - lowest).max(2, keepdims=True)
    pixels = (traces - (lowest + highest) / 2) * ((BOX - 2 * radius[:, :, None]) / np.maximum(size, 1e-3)) + (BOX - 1) / 2
    grid = np.arange(BOX, dtype=np.float32)[:, None]
    for start in range(0, count, CHUNK):
        rows = slice(start, start + CHUNK)
        x, y = pixels[rows, :, 0][:, None], pixels[rows, :, 1][:, None]
        width = widths[rows][:, None]
        across, down = ((grid - x) / width) ** 2, ((grid - y) / width) ** 2
        distance = np.sqrt((down[:, :, None] + across[:, None]).min(3))
        ink = ((1 - distance) * (radius / edge_width)[rows][:, :, None] + 0.5).clip(0, 1)
        _centre(ink, images[rows])
    return images


def render_blots(count: int, rng: Generator) -> Images:
    """Render blots: images uint8 [count, 28, 28] of coarse to fine noise, with all its grey levels or only its peaks."""
    resolutions = rng.integers(2, BOX + 1, count)
    planes = np.empty((count, BOX, BOX), np.float32)
    for knots in range(2, BOX + 1):
        rows, joined = np.flatnonzero(resolutions == knots), _interpolate(knots, BOX)
        planes[rows] = joined @ rng.standard_normal((len(rows), knots, knots), np.float32) @ joined.T
    steep = rng.choice(np.array([0.3, 1.0, 4.0], np.float32), (count, 1, 1))
    ink = (steep * (planes - rng.uniform(-0.8, 0.8, (count, 1, 1)).astype(np.float32)) + 0.5).clip(0, 1)
    images = np.zeros((count, SIDE, SIDE), np.uint8)
    _centre(ink, images)
    return images


def render_reversed(count: int, rng: Generator) -> Images:
    """Render images uint8 [count, 28, 28] in which paper is taken for ink: a bright patch, often with a digit cut out."""
    digits = render_digits(count, rng).images[:, 4:24, 4:24].astype(np.float32) / 255
    ink = np.ones((count, BOX, BOX), np.float32)
    sides = rng.integers(8, BOX + 1, count)
    for side in range(10, BOX - 1):  # patches of other sides stay whole
        rows, margin = np.flatnonzero(sides == side), (BOX - side) // 2
        inner = slice(margin, margin + side)
        ink[rows, inner, inner] -= _interpolate(BOX, side) @ digits[rows] @ _interpolate(BOX, side).T
    for one, (left, right, top, bottom) in zip(ink, rng.integers(0, 5, (count, 4)), strict=True):
        one[:top], one[BOX - bottom :], one[:, :left], one[:, BOX - right :] = 0, 0, 0, 0
    images = np.zeros((count, SIDE, SIDE), np.uint8)
    _centre(ink.clip(0, 1), images)
    return images


def _interpolate(knots: int, places: int) -> NDArray[np.float32]:
    """Return the matrix [places, knots] that interpolates ``knots`` evenly spaced values linearly at ``places`` places."""
    place = np.linspace(0, knots - 1, places, dtype=np.float32)[:, None]
    return np.asarray(np.clip(1 - np.abs(place - np.arange(knots)), 0, 1), np.float32)


def _centre(ink: NDArray[np.float32], images: Images) -> None:
    """Copy ink 0..1 [N, 20, 20] into black images [N, 28, 28], with the centre of mass at (14, 14) to the nearest pixel."""
    grid = np.arange(BOX)
    mass = np.maximum(ink.sum((1, 2)), 1e-6)
    tops = np.rint(SIDE / 2 - (ink.sum(2) @ grid) / mass).clip(0, SIDE - BOX).astype(int)
    lefts = np.rint(SIDE / 2 - (ink.sum(1) @ grid) / mass).clip(0, SIDE - BOX).astype(int)
    levels = np.rint(255 * ink / np.maximum(ink.max((1, 2), keepdims=True), 1e-6)).astype(np.uint8)
    for image, one, top, left in zip(images, levels, tops, lefts, strict=True):
        image[top : top + BOX, left : left + BOX] = one
