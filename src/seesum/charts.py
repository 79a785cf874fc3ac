"""Plots that set many runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seesum.pictures import DIGIT_COLOUR, SUM_COLOUR, make_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_published(rows: Sequence[dict[str, Any]]) -> Figure:
    """Published (hollow) against reproduced (filled, with its standard deviation), a panel per system.

    ``rows`` are those of ``published.csv``. Points by epoch are joined; ``best`` and ``last`` stand at the right edge.
    """
    systems = list(dict.fromkeys(row["system"] for row in rows))
    figure = make_figure(3.3 * len(systems), 3.6)
    panels = figure.subplots(1, len(systems), squeeze=False)[0]
    colours = {"digit": DIGIT_COLOUR, "sum": SUM_COLOUR, "both": "#2b8a3e"}
    for panel, system in zip(panels, systems, strict=True):
        mine = [row for row in rows if row["system"] == system and row["on"] == "test"]
        places = list(dict.fromkeys(str(row["epoch"]) for row in mine))
        for output, colour in colours.items():
            some = [row for row in mine if row["output"] == output]
            x = [places.index(str(row["epoch"])) for row in some]
            published = [100 - float(row["published"]) for row in some]
            errors = [100 - float(row["reproduced_mean"]) for row in some]
            spread = [float(row["reproduced_std"]) for row in some]
            panel.plot(x, published, "o", mfc="none", color=colour, markersize=9)
            panel.errorbar(x, errors, spread, fmt="o", color=colour, markersize=4, capsize=3, label=output if some else None)
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.invert_yaxis()
        panel.set(title=system, xticks=range(len(places)), xlabel="epoch")
        panel.set_xticklabels(places, fontsize=8)
        panel.grid(alpha=0.25)
        panel.legend(frameon=False, fontsize=8)
    panels[0].set_ylabel("wrong on the test images (%)")
    figure.suptitle("published (rings) and reproduced (dots); higher is better")
    return figure
