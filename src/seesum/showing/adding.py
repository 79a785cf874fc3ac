"""Two pictures for beginners: how probabilities are added, and how right digit and sum are with each adder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seesum.base.style import LIGHT, OUTPUTS, TITLE, WIDTH, house_style, make_figure, mix_ink
from seesum.reading.answer import Answer
from seesum.studies.comparisons import name_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN_SHARES = {100: "All images", 1: "1 % of the images"}
"""Which conditions of a comparison have a panel, and its title."""
DIGITS_AT, ARROWS_AT = 2.3, (1.95, 1.12)
"""Heights of the base line of the digits, and of both ends of the arrows. The sums are at 0, and a bar of 100 % is 1 high."""
LEAST_SHOWN = 0.02
"""Bars of at least this probability have it written above them."""


@house_style()
def draw_adder_accuracy(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw how many digits and sums are right with each adder: a panel for all images, and one for 1 % of them.

    The adders are sorted by the sums that are right, first with few images. ``rows`` are those of ``adders.csv``.
    """
    from matplotlib.lines import Line2D

    cells = {(row["adder"], row["condition"]): row for row in rows}
    few, whole = name_share(1), name_share(100)
    adders = sorted(
        {row["adder"] for row in rows}, key=lambda adder: [_read_percent(cells[adder, name], "sum") for name in (few, whole)]
    )
    figure = make_figure(WIDTH, 4.0)
    panels = figure.subplots(1, 2, sharey=True)
    for panel, (share, title) in zip(panels, SHOWN_SHARES.items(), strict=True):
        _draw_dots(panel, [cells[adder, name_share(share)] for adder in adders])
        panel.set_title(title, **TITLE)
    panels[0].set_yticks(range(len(adders)), adders)
    marks = [
        Line2D([], [], linestyle="none", color=look.colour, marker=look.marker)
        for look in map(OUTPUTS.get, ("digit", "sum"))
        if look
    ]
    figure.legend(marks, ["Digits right", "Sums right"], loc="outside lower center", ncols=2)
    return figure


def _draw_dots(panel: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw the two accuracies of each row as dots that a line connects, and write them beside the panel."""
    for height, row in enumerate(rows):
        shares = {output: _read_percent(row, output) for output in ("digit", "sum")}
        panel.plot(list(shares.values()), [height, height], color=LIGHT["line"], linewidth=4, zorder=1)
        for (output, share), size, place in zip(shares.items(), (9, 5), (107, 124), strict=True):
            look = OUTPUTS[output]
            panel.plot(share, height, look.marker, color=look.colour, markersize=size)
            panel.text(place, height, f"{share:.1f}", color=look.colour, ha="left", va="center")
    panel.set(xlim=(0, 142), xlabel="Right (%)")
    panel.set_xticks(range(0, 101, 20))
    panel.spines["bottom"].set_bounds(0, 100)
    panel.grid(visible=False, axis="y")


def _read_percent(row: Mapping[str, Any], output: str) -> float:
    return 100 * float(row[f"{output}_accuracy_mean"])


@house_style()
def draw_adding(answer: Answer) -> Figure:
    """Draw how the probabilities of the digits become those of the sums: each one moves by the addend to its sum.

    The answer must be one of addition.
    """
    figure = make_figure(WIDTH, 4.4)
    picture, panel = figure.subplots(1, 2, width_ratios=(1, 4.6))
    picture.imshow(answer.image, cmap=mix_ink(OUTPUTS["digit"].colour), vmin=0, vmax=255)
    picture.set(xticks=[], yticks=[], xlabel="The picture", anchor=(0.5, 0.78))
    picture.spines[:].set(visible=True, color=LIGHT["line"])
    picture.grid(visible=False)
    panel.axis("off")
    panel.set(xlim=(-0.6, 19.4), ylim=(-0.42, DIGITS_AT + 1.15))
    _draw_ruler(panel, DIGITS_AT, answer.digit_probabilities.tolist(), "digit", "Digit")
    _draw_ruler(panel, 0, answer.sum_probabilities.tolist(), "sum", "Sum")
    for digit, probability in enumerate(answer.digit_probabilities.tolist()):
        _draw_arrow(panel, digit, digit + answer.addend, probability)
    panel.text(
        14,
        DIGITS_AT + 0.42,
        f"+ {answer.addend}",
        color=LIGHT["addend"],
        ha="center",
        fontsize=24,
        fontfamily=TITLE["fontfamily"],
    )
    panel.text(14, DIGITS_AT + 0.12, f"{answer.addend} places to the right", color=LIGHT["quiet"], ha="center")
    figure.suptitle("Each digit's probability moves to its sum", **TITLE)
    figure.supxlabel("The adder exact is given these arrows. The adder table learns them from examples.", fontsize="medium")
    return figure


def _draw_ruler(panel: Axes, base: float, probabilities: list[float], output: str, title: str) -> None:
    """Draw the bars of one output over a line with its values."""
    colour = OUTPUTS[output].colour
    panel.bar(range(len(probabilities)), probabilities, 0.7, base, color=colour)
    panel.plot([-0.5, len(probabilities) - 0.5], [base, base], color=LIGHT["edge"], linewidth=1)
    for value, probability in enumerate(probabilities):
        shown = probability >= LEAST_SHOWN
        weight = "bold" if shown else "normal"
        panel.text(value, base - 0.07, str(value), ha="center", va="top", fontweight=weight)
        if shown:
            panel.text(
                value, base + probability + 0.04, f"{100 * probability:.0f} %", ha="center", color=colour, fontweight="bold"
            )
    place = (len(probabilities) - 0.3, base) if output == "digit" else (-0.5, base + 0.12)
    panel.text(*place, title, color=colour, fontsize=12, fontstyle="italic", fontfamily=TITLE["fontfamily"])


def _draw_arrow(panel: Axes, start: float, end: float, probability: float) -> None:
    """Draw an arrow from a digit to its sum, which is wide where the probability is high and changes its colour."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap

    way = np.linspace(0, 1, 60)
    x = start + (end - start) * (3 * way**2 - 2 * way**3)  # upright at both ends
    y = ARROWS_AT[0] + (ARROWS_AT[1] - ARROWS_AT[0]) * way
    points = np.stack([x, y], 1)
    colours = LinearSegmentedColormap.from_list("way", [OUTPUTS["digit"].colour, OUTPUTS["sum"].colour])
    width = 0.6 + 14 * probability
    lines = LineCollection([*np.stack([points[:-1], points[1:]], 1)], cmap=colours, linewidth=width, capstyle="round")
    lines.set_array(way[:-1])
    lines.set_alpha(1 if probability >= LEAST_SHOWN else 0.45)
    panel.add_collection(lines)
    head = 6 + 14 * probability
    panel.plot(end, ARROWS_AT[1] - 0.02, "v", color=OUTPUTS["sum"].colour, markersize=head if probability >= LEAST_SHOWN else 3)
