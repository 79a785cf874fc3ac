"""Prepare a drawing, given as the strokes of its pen, as the 28x28 image that a network expects. No torch.

The ink of a drawing is known, so no digit is searched and no paper removed. The strokes are inked on a bench of the size to
which ``cutout.py`` brings a digit in a picture. From there on all steps are those of ``preprocessing.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from seesum.data.idx import BOX
from seesum.reading.candidates import measure_thinness
from seesum.reading.cutout import BENCH, Area, join_strokes
from seesum.reading.decoding import Plane
from seesum.reading.location import LIKENESS
from seesum.reading.opencv import cv2
from seesum.reading.pictures import PictureError
from seesum.reading.preprocessing import Prepared, centre_by_mass, fit_into_box
from seesum.reading.segmentation import Box, find_box
from seesum.reading.widths import normalise_stroke_width

Drawing = Sequence[Sequence[Sequence[float]] | NDArray[Any]]
"""Strokes in their order. A stroke is a list of points [x, y] or [x, y, width], or an array [N, 2] or
[N, 3]: x to the right, y downwards, and the width of the pen, all in one unit. The pen goes straight from point to point."""
Trace = NDArray[np.float64]
"""A stroke as an array [N, 3]."""

MOST_STROKES, MOST_POINTS = 500, 10_000
"""Bounds for a drawing. A digit has one to three strokes, and some hundred points."""
FARTHEST, THINNEST = 1e6, 1e-6
"""No number may be farther from 0, and no width may be smaller."""
USUAL_WIDTH = 3 / BOX
"""The pen's width as a share of the drawing's longer side where points have no width. MNIST's strokes have it."""
RIM = 4
"""Pixels of paper around the ink on the bench."""
CLOSE = 0.85
"""A digit that fills less than this share of the bench is inked once more at its own size."""


def prepare_strokes(strokes: Drawing) -> Prepared:
    """Prepare a drawing for a network. The number of digits follows from its separate shapes; the largest one is shown.

    Raises:
        PictureError: it is not a list of strokes, or is outside the bounds.
    """
    traces = _check_strokes(strokes)
    area, digits = _find_area(traces), 1
    for _ in range(2):
        ink, box = ink_traces(traces, area)
        mask = ink > 0.5
        found = join_strokes(ink, mask, mask, gap=2)
        digits = max(digits, found.digits)
        closer = area.fit_to_ink(found.mask, box)
        if closer.size > CLOSE * area.size:
            break
        area = closer
    evened = normalise_stroke_width(found.ink, found.mask)
    blot = measure_thinness(found.mask[find_box(found.mask)]) < LIKENESS
    steps = {"ink": found.ink, "digit": found.mask, "strokes": evened}
    return Prepared(centre_by_mass(fit_into_box(evened)), 0 if blot else digits, steps)


def ink_traces(traces: Sequence[Trace], area: Area) -> tuple[Plane, Box]:
    """Ink strokes on the bench. The longer side of the area becomes ``BENCH`` pixels, with ``RIM`` pixels of paper around it.

    Every pixel has the ink of the nearest point of a stroke, so the time hardly depends on the number of points.

    Returns:
        The ink [H, W], 0 to 1, and the area's box in it.
    """
    scale = BENCH / area.size
    height, width = (max(1, round(length * scale)) for length in (area.bottom - area.top, area.right - area.left))
    lines = Image.new("F", (width + 2 * RIM, height + 2 * RIM))
    pen = ImageDraw.Draw(lines)
    for trace in traces:
        pixels = np.floor((trace[:, :2] - (area.left, area.top)) * scale).astype(int) + RIM
        widths = np.maximum(trace[:, 2] * scale, 1.0).tolist()
        points = [(x, y) for x, y in pixels.tolist()]
        pen.point(points[0], widths[0])
        for start, stop, wide in zip(points, points[1:], widths[1:], strict=False):
            pen.line((start, stop), wide)
    middle = np.asarray(lines)
    away, nearest = cv2.distanceTransformWithLabels(
        (middle == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # every pixel of a line has a label of its own, and the others have that of the nearest one
    widths = np.zeros(int(nearest.max()) + 1, np.float32)
    widths[nearest[middle > 0]] = middle[middle > 0]
    ink = (widths[nearest] / 2 - away + 0.5).clip(0, 1).astype(np.float32)
    return ink, (slice(RIM, RIM + height), slice(RIM, RIM + width))


def _find_area(traces: Sequence[Trace]) -> Area:
    """Return the area of the ink: of all points, and half the pen's width around them."""
    points = np.concatenate(traces)
    (left, top), (right, bottom) = (
        (points[:, :2] - points[:, 2:] / 2).min(0).tolist(),
        (points[:, :2] + points[:, 2:] / 2).max(0).tolist(),
    )
    return Area(top, bottom, left, right)


def _check_strokes(strokes: Drawing) -> list[Trace]:
    """Return the strokes as arrays [N, 3]. Where points have no width, the pen has MNIST's."""
    if isinstance(strokes, str | bytes | dict) or not isinstance(strokes, Sequence | np.ndarray):
        raise PictureError("a drawing is a list of strokes, and each stroke a list of points [x, y] or [x, y, width]")
    if not 1 <= len(strokes) <= MOST_STROKES:
        raise PictureError(f"the drawing has {len(strokes)} strokes; expected 1 to {MOST_STROKES}")
    traces = [_check_stroke(stroke, number) for number, stroke in enumerate(strokes, 1)]
    count = sum(map(len, traces))
    if count > MOST_POINTS:
        raise PictureError(f"the drawing has {count:,} points; expected at most {MOST_POINTS:,}, so leave out some of them")
    if any(trace.shape[1] == 2 for trace in traces):
        points = np.concatenate([trace[:, :2] for trace in traces])
        wide = USUAL_WIDTH * float(np.ptp(points, axis=0).max()) or 1.0
        traces = [np.pad(one, ((0, 0), (0, 1)), constant_values=wide) if one.shape[1] == 2 else one for one in traces]
    return traces


def _check_stroke(stroke: object, number: int) -> Trace:
    try:
        trace = np.asarray(stroke)
    except ValueError:
        trace = np.empty(0, object)
    if trace.dtype.kind not in "iuf" or trace.ndim != 2 or not len(trace) or trace.shape[1] not in (2, 3):
        raise PictureError(f"stroke {number} is not a list of points; expected points [x, y] or [x, y, width], all alike")
    if not np.abs(trace).max() <= FARTHEST:
        raise PictureError(f"stroke {number} has a number that is not finite, or beyond {FARTHEST:,.0f}; give smaller ones")
    if trace.shape[1] == 3 and trace[:, 2].min() < THINNEST:
        raise PictureError(f"stroke {number} has a width below {THINNEST:f}; give the width of the pen in the unit of x and y")
    return trace.astype(np.float64)
