"""Texts beside the points of a chart, placed so that they do not cover each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from seesum.base.style import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDES = (((7, 0), "left", "center"), ((-7, 0), "right", "center"), ((0, 10), "center", "bottom"), ((0, -10), "center", "top"))
"""Where a text can be beside its point: the offset in points, and how the text is aligned."""


class Label(NamedTuple):
    """A text beside a point, which may have an error bar."""

    text: str
    x: float
    y: float
    error: float = 0
    """Half the length of the error bar."""
    colour: str = LIGHT["text"]


def write_labels(panel: Axes, labels: Sequence[Label]) -> None:
    """Write each text on the first side of its point where it covers no other text, point or error bar.

    Call this when the figure has everything else, because the layout must be known. A text that fits on no side is on the
    first one.
    """
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

    assert isinstance(panel.figure, Figure)
    panel.figure.draw_without_rendering()
    covered = []
    for label in labels:
        ends = panel.transData.transform([(label.x, label.y - label.error), (label.x, label.y + label.error)])
        covered.append(Bbox([ends.min(0) - 4, ends.max(0) + 4]))
    for label in labels:
        text = panel.annotate(label.text, (label.x, label.y), (0, 0), textcoords="offset points", color=label.colour)
        text.set_in_layout(False)
        for offset, horizontal, vertical in (*SIDES, SIDES[0]):
            text.xyann = offset
            text.set(ha=horizontal, va=vertical)
            box = text.get_window_extent()
            inside = panel.bbox.x0 <= box.x0 and box.x1 <= panel.bbox.x1
            if inside and not any(box.overlaps(other) for other in covered):
                break
        covered.append(box)
