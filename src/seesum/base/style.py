"""The look of all pictures: the colours and fonts of the page to draw on, sizes, lines and grids.

Every function that draws or writes a figure is decorated with ``@house_style()``. Nothing else sets colours or sizes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

LIGHT = {
    "paper": "#f7f4ec",
    "card": "#fffdf8",
    "line": "#dcd6c8",
    "rule": "#e9e3d4",
    "edge": "#8d8676",
    "text": "#22211d",
    "quiet": "#5f5a4e",
    "digit": "#224bb8",
    "addend": "#0b6b5d",
    "sum": "#b23a0e",
    "alarm": "#a3260f",
}
DARK = {
    "paper": "#101a17",
    "card": "#16231f",
    "line": "#2d3f39",
    "rule": "#1d2d28",
    "edge": "#7d938b",
    "text": "#f0efe6",
    "quiet": "#a9b8b1",
    "digit": "#94b8ff",
    "addend": "#6fdcc4",
    "sum": "#ffb083",
    "alarm": "#ff9d8a",
}
"""The colours of the page, by their names in ``server/page.html``. A test compares them."""
SERIF = ("Iowan Old Style", "Palatino Linotype", "Palatino", "Book Antiqua", "URW Palladio L", "Georgia", "STIXGeneral")
SANS = ("Segoe UI", "Roboto", "Noto Sans", "Helvetica Neue", "DejaVu Sans")
"""The fonts of the page that matplotlib can find by name, and one that comes with matplotlib."""
WIDTH = 8.4
"""Width of the widest pictures in inches. A column of text on a screen, of some 760 pixels, shows it with letters of 11."""

DPI, SHOWN_DPI = 140, 90
"""Pixels of an inch in a file, and where notebooks and reports show it. So it is sharp on screens with small pixels."""


class Look(NamedTuple):
    """How a series of values is drawn. Marker and dash tell series apart where colours cannot be seen."""

    colour: str
    marker: str
    dash: Any


OUTPUTS = {
    "digit": Look(LIGHT["digit"], "o", "solid"),
    "sum": Look(LIGHT["sum"], "s", "dashed"),
    "both": Look(LIGHT["addend"], "D", "dashdot"),
}
SERIES = (
    Look(LIGHT["digit"], "o", "solid"),
    Look(LIGHT["sum"], "s", "dashed"),
    Look(LIGHT["addend"], "^", "dashdot"),
    Look("#6691ec", "D", (0, (6, 1))),
    Look("#d47c39", "v", "dotted"),
    Look("#34a48c", "P", (0, (3, 1, 1, 1, 1, 1))),
    Look(LIGHT["text"], "X", (0, (1, 1))),
)
"""The looks of things that are compared, in their order."""
ON_ANY_PAGE = {"digit": SERIES[3].colour, "sum": SERIES[4].colour}
"""The colours of both outputs in a notebook, where the page may be light or dark."""
LONG_LABEL = 5
"""Labels of ticks with more characters stand upright, and those in the cells of a table become smaller."""
TITLE: dict[str, Any] = {"fontfamily": ["serif", "DejaVu Sans"], "fontsize": 12, "fontweight": "bold"}
"""How the title of a panel or figure is written. Captions of images have the style's own size."""
LARGE: dict[str, float] = {"axes.titlesize": 13, "axes.labelsize": 12, "xtick.labelsize": 11}
"""Sizes for the steps of a picture: many small panels side by side, which a phone shows too."""
STYLE: dict[str, Any] = {
    "font.family": ["sans-serif", "DejaVu Sans"],
    "font.sans-serif": SANS,
    "font.serif": SERIF,
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlepad": 4,
    "axes.titley": 1.0,  # else titles are placed by measuring all ticks, which takes a third of the time of a report
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "figure.facecolor": LIGHT["card"],  # opaque, so that pictures can be read on dark pages too
    "savefig.facecolor": LIGHT["card"],
    "axes.facecolor": LIGHT["card"],
    "text.color": LIGHT["text"],
    "axes.labelcolor": LIGHT["text"],
    "axes.edgecolor": LIGHT["edge"],
    "xtick.color": LIGHT["edge"],
    "ytick.color": LIGHT["edge"],
    "xtick.labelcolor": LIGHT["text"],
    "ytick.labelcolor": LIGHT["text"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LIGHT["rule"],
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "errorbar.capsize": 3,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
    "savefig.dpi": DPI,
    "svg.hashsalt": "seesum",  # without it, the names of an SVG's parts are random
}


@contextmanager
def house_style(**sizes: float) -> Iterator[None]:
    """Draw in this style, whatever the caller's matplotlib settings are, and put these back at the end.

    ``sizes`` replace some of the style, such as ``LARGE``.
    """
    from matplotlib import style

    with style.context(["default", STYLE | sizes]):
        yield


def make_figure(width: float, height: float) -> Figure:
    """Return an empty figure of the given size in inches, outside the global state of pyplot. A notebook shows it."""
    return _load_figure()(figsize=(width, height), layout="constrained")


@cache
def _load_figure() -> type[Figure]:
    """Import matplotlib, and return a kind of figure that a notebook shows without ``%matplotlib inline``."""
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
            """Return the PNG, and the size at which a notebook shows it: fewer pixels than it has, so that it is sharp."""
            width, height = (round(SHOWN_DPI * float(inches)) for inches in self.get_size_inches())
            return encode_figure(self), {"width": width, "height": height}

    return ShownFigure


@house_style()
def encode_figure(figure: Figure, kind: str = "png") -> bytes:
    """Return a figure as the bytes of a file: png, svg, pdf or jpeg. The same figure always gives the same bytes."""
    # what a file says of the program and the time of day
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    data = io.BytesIO()
    figure.savefig(data, format=kind, metadata=metadata)
    return data.getvalue()


def mix_ink(colour: str = LIGHT["text"]) -> Colormap:
    """Return the colours of an image with bright ink on black, shown as ink of a colour on paper."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("ink", [LIGHT["card"], colour])


def format_share(share: float) -> str:
    """Write a probability as a percentage. It is rounded down, since 100 % would be too much."""
    return f"{math.floor(1000 * share) / 10:.1f} %"


def format_value(value: float) -> str:
    """Write a number as figures show it, with a real minus sign and commas."""
    return f"{value:,.10g}".replace("-", "−")
