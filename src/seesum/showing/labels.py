"""Texts beside the points of a chart, placed so that they cover neither each other nor a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.base.style import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

REACHES = (8, 14, 22, 34, 48, 64)
"""How far a text can be from its point, in points of print."""
DIRECTIONS = (0, 180, 90, 270, 35, 145, 325, 215)
"""Where a text can be, seen from its point: in degrees, anticlockwise from the right. The first ones are liked best."""
NEAR = 14
"""A text that is further away gets a line to its point."""
MARKER, SPACE = 4.5, 2.5
"""Half the size of a marker, and the space around a text, in points of print."""


class Label(NamedTuple):
    """A text beside a point, which may have an error bar."""

    text: str
    x: float
    y: float
    error: float = 0
    """Half the length of the error bar."""
    colour: str = LIGHT["text"]


def write_labels(panel: Axes, labels: Sequence[Label]) -> list[Annotation]:
    """Write each text at the nearest place where it covers no other text, no point and no error bar, and return the texts.

    Call this when the figure has everything else, because the layout must be known. Crowded points come first, because they
    have fewer places. A text that fits nowhere is where it covers least.
    """
    from matplotlib.figure import Figure

    assert isinstance(panel.figure, Figure)
    panel.figure.draw_without_rendering()
    marks = find_marks(panel, labels)
    covered = list(marks)
    pixels = panel.figure.dpi / 72
    crowds = [sum(mark.padded(60 * pixels).overlaps(other) for other in marks) for mark in marks]
    texts = [_write_label(panel, label) for label in labels]
    for index in sorted(range(len(labels)), key=lambda index: -crowds[index]):
        size, mark = np.array(find_box(texts[index]).size), marks[index]
        others = [box for box in covered if box is not mark]
        ways = [(reach, angle) for reach in REACHES for angle in DIRECTIONS]
        places = []
        for reach, angle in ways:
            boxes = _list_boxes(mark, size, reach * pixels, angle, SPACE * pixels, lined=reach > NEAR)
            inside = panel.bbox.count_contains(boxes[0].corners()) == len(boxes[0].corners())
            covers = sum(_measure_overlap(box, other) for box in boxes for other in others)
            places.append((covers + _measure_overlap(boxes[0], mark) if inside else math.inf, boxes))
            if not places[-1][0]:
                break
        best = min(range(len(places)), key=lambda place: places[place][0])
        covered += places[best][1]
        _move_label(texts[index], mark, places[best][1][0], lined=ways[best][0] > NEAR)
    return texts


def find_marks(panel: Axes, labels: Sequence[Label]) -> list[Bbox]:
    """Return where the markers with their error bars are, in pixels of the figure, once its layout is known."""
    from matplotlib.transforms import Bbox

    marks = []
    for label in labels:
        ends = panel.transData.transform([(label.x, label.y - label.error), (label.x, label.y + label.error)])
        marks.append(Bbox([ends.min(0), ends.max(0)]).padded(MARKER * panel.figure.dpi / 72))
    return marks


def find_box(text: Annotation) -> Bbox:
    """Return where a text is, without its line."""
    from matplotlib.text import Text

    text.get_window_extent()  # it moves the text to where it belongs, but the box that it returns is that of text and line
    return Text.get_window_extent(text)


def _write_label(panel: Axes, label: Label) -> Annotation:
    """Write a text at its point, with a line that is hidden."""
    line = {"arrowstyle": "-", "color": label.colour, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 4}
    text = panel.annotate(
        label.text, (label.x, label.y), (0, 0), textcoords="offset points", color=label.colour, arrowprops=line, ha="center"
    )
    text.set(va="center", in_layout=False)
    return text


def _list_boxes(mark: Bbox, size: NDArray[np.float64], reach: float, angle: float, space: float, *, lined: bool) -> list[Bbox]:
    """Return what a text beside a marker covers, in pixels: its own box with some space, and boxes along its line."""
    from matplotlib.transforms import Bbox

    start = mark.get_points().mean(0)
    way = np.array([math.cos(math.radians(angle)), math.sin(math.radians(angle))]) * (reach + size / 2)
    box = Bbox([start + way - size / 2, start + way + size / 2]).padded(space)
    line = [Bbox([start + way * part - 1, start + way * part + 1]) for part in np.linspace(0, 1, 20)] if lined else []
    return [box, *(point for point in line if not point.overlaps(box))]


def _move_label(text: Annotation, mark: Bbox, box: Bbox, *, lined: bool) -> None:
    """Move a text to a box, with a line to its marker or without."""
    assert text.figure is not None
    assert text.arrow_patch is not None
    across, up = (box.get_points().mean(0) - mark.get_points().mean(0)) * 72 / text.figure.dpi
    text.xyann = (float(across), float(up))
    text.arrow_patch.set_visible(lined)


def _measure_overlap(one: Bbox, other: Bbox) -> float:
    """Return the area that two boxes share."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return float(max(0.0, width) * max(0.0, height))
