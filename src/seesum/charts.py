"""Plots that set many runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seesum.pictures import COLOURS, fill_table, make_figure
from seesum.systems import find_system
from seesum.task import OPERATIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_published(rows: Sequence[dict[str, Any]]) -> Figure:
    """Published (hollow) against reproduced (filled, with its standard deviation), a panel per system.

    ``rows`` are those of ``published.csv``. Points by epoch are joined; ``best`` and ``last`` stand at the right edge.
    """
    systems = list(dict.fromkeys(row["system"] for row in rows))
    figure = make_figure(3.4 * len(systems), 4)
    panels = figure.subplots(1, len(systems), squeeze=False, sharey=True)[0]
    for panel, system in zip(panels, systems, strict=True):
        mine = [row for row in rows if row["system"] == system and row["on"] == "test" and row["output"] in COLOURS]
        places = list(dict.fromkeys(str(row["epoch"]) for row in mine))
        for offset, (output, colour) in zip((-0.2, 0.0, 0.2), COLOURS.items(), strict=True):
            some = [row for row in mine if row["output"] == output]
            x = [places.index(str(row["epoch"])) + offset for row in some]
            published = [100 - float(row["published"] or "nan") for row in some]
            errors = [100 - float(row["reproduced_mean"]) for row in some]
            spread = [float(row["reproduced_std"]) for row in some]
            panel.plot(x, published, "o", mfc="none", color=colour, markersize=9)
            panel.errorbar(x, errors, spread, fmt="o", color=colour, markersize=4, capsize=3, label=output if some else None)
        panel.set_yscale("log")
        panel.set(title=system, xticks=range(len(places)), xlabel="epoch", xlim=(-0.6, len(places) - 0.4))
        panel.set_xticklabels(places, fontsize=8)
        panel.grid(alpha=0.25)
    ticks = [0.5, 1, 2, 5, 10, 20, 50, 100]
    panels[0].set_yticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    panels[0].minorticks_off()
    panels[0].invert_yaxis()
    panels[0].legend(frameon=False, fontsize=9, loc="lower right")
    panels[0].set_ylabel("wrong on the test images (%)")
    figure.suptitle("published (rings) and reproduced (dots, with their standard deviation over seeds); higher is better")
    return figure


def draw_comparison(rows: Sequence[dict[str, Any]], traces: dict[str, list[NDArray[np.float64]]]) -> Figure:
    """What each adder reaches, as small multiples.

    Args:
        rows: of ``adders.csv``.
        traces: for each adder, the accuracy of the sum by step of each of its runs with all images.
    """
    adders = list(traces)
    cells = {(row["adder"], row["condition"]): row for row in rows}
    colours = {adder: f"C{index}" for index, adder in enumerate(adders)}
    figure = make_figure(14, 8)
    (accuracy, learning, images), (held_out, calibration, cost) = figure.subplots(2, 3)

    def value(adder: str, condition: str, name: str) -> float:
        return float(cells[adder, condition][name])

    def bars(panel: Axes, values: dict[str, float], style: str, title: str, label: str) -> None:
        panel.barh(adders, [values[adder] for adder in adders], color=[colours[adder] for adder in adders])
        for index, adder in enumerate(adders):
            panel.text(values[adder], index, f" {style.format(values[adder])}", va="center", fontsize=8)
        panel.invert_yaxis()
        panel.margins(x=0.2)
        panel.set(title=title, xlabel=label)

    for index, adder in enumerate(adders):
        for name, size in (("digit_accuracy", 10), ("sum_accuracy", 5)):
            mean, std = (100 * value(adder, "all images", f"{name}_{kind}") for kind in ("mean", "std"))
            face = "none" if name == "digit_accuracy" else colours[adder]
            reach = [[min(std, 0.9 * (100 - mean))], [std]]  # a logarithmic axis has no room for zero
            style = {"fmt": "o", "markersize": size, "mfc": face, "color": colours[adder], "capsize": 3}
            accuracy.errorbar(100 - mean, index, xerr=reach, **style)
    accuracy.set_xscale("log")
    accuracy.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    accuracy.minorticks_off()
    accuracy.set_yticks(range(len(adders)), adders)
    accuracy.invert_yaxis()
    accuracy.set(title="all images: digit (ring) and sum (dot)", xlabel="wrong (%), mean and std over seeds; left is better")

    for adder, runs in traces.items():
        mean_trace = 100 * np.mean([run[: min(map(len, runs))] for run in runs], 0)
        learning.plot(np.arange(1, len(mean_trace) + 1), mean_trace, color=colours[adder], label=adder)
    learning.set(title="how soon the sum is learned", xlabel="step (128 images each)", ylabel="sum right (%)", ylim=(0, 101))
    learning.legend(frameon=False, fontsize=8)

    shares = {"1 % of the images": 1, "10 % of the images": 10, "all images": 100}
    for adder in adders:
        wrong = [100 - 100 * value(adder, condition, "sum_accuracy_mean") for condition in shares]
        images.plot(list(shares.values()), wrong, "-o", color=colours[adder], markersize=4)
    images.set(title="fewer images, as many steps", xlabel="share of the images (%)", ylabel="sum wrong (%)")
    images.set(xscale="log", yscale="log")
    images.set_xticks(list(shares.values()), [str(share) for share in shares.values()])
    images.yaxis.set_major_formatter(lambda number, _: f"{number:g}")

    unseen = {adder: 100 * value(adder, "10 pairs held out", "held_out_sum_accuracy_mean") for adder in adders}
    bars(held_out, unseen, "{:.1f}", "pairs never seen in training", "sum right (%) on exactly those pairs")
    ece = {adder: 100 * value(adder, "all images", "sum_ece_mean") for adder in adders}
    bars(calibration, ece, "{:.2f}", "calibration of the sum", "expected calibration error (points); less is better")

    for adder in adders:
        parameters = value(adder, "all images", "adder_parameters")
        microseconds = value(adder, "all images", "adder_microseconds")
        cost.plot(parameters, microseconds, "o", color=colours[adder], markersize=7)
        cost.annotate(f"  {adder}", (parameters, microseconds), fontsize=8, va="center")
    cost.set_xscale("symlog", linthresh=100)
    cost.set(title="what an adder costs", xlabel="parameters", ylabel="microseconds a batch of 128, both ways", ylim=(0, None))
    cost.margins(x=0.3)
    for panel in figure.axes:
        panel.grid(alpha=0.2)
    return figure


def draw_tables(tables: dict[str, NDArray[np.float32]]) -> Figure:
    """Learned tables [10, 10, S] of several operations side by side; wrong cells are red."""
    figure = make_figure(4.2 * len(tables), 4.9)
    for panel, (name, table) in zip(figure.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True):
        fill_table(panel, table, OPERATIONS[name])
        panel.set_title(name)
    figure.suptitle("the table adder, taught five operations by samples alone: the likeliest answer of each cell", y=1.04)
    return figure


def draw_frontier(rows: Sequence[Mapping[str, Any]], public: Sequence[Mapping[str, Any]]) -> Figure:
    """Wrong digits on the test images against the number of parameters: ours, rebuilt systems, public figures.

    Args:
        rows: of ``systems.csv``, one for each system.
        public: of ``public.csv``: figures that others report, most of them picked on the test images.
    """
    figure = make_figure(9, 5.5)
    panel = figure.subplots()
    for row in rows:
        ours = not find_system(row["system"]).published
        size, wrong = int(row["parameters"]), 100 - 100 * float(row["digit_accuracy_mean"])
        colour = COLOURS["digit"] if ours else "0.55"
        spread = 100 * float(row["digit_accuracy_std"])
        panel.errorbar(size, wrong, spread, fmt="o", color=colour, capsize=4, markersize=9 if ours else 6)
        panel.annotate(f"{row['system']}\nn = {row['n']}", (size, wrong), (9, -3), textcoords="offset points", color=colour)
    for row in public:
        size, wrong = int(row["parameters"]), 100 - 100 * float(row["digit_accuracy"])
        panel.plot(size, wrong, "x", color="0.3", markersize=8)
        panel.annotate(row["how_chosen"], (size, wrong), (6, 6), textcoords="offset points", color="0.3", fontsize=7)
    panel.set(xscale="log", yscale="log", xlim=(400, 4e7), xlabel="parameters", ylabel="wrong digits on the test images (%)")
    ticks = [0.2, 0.3, 0.5, 0.7, 1.0]
    panel.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    panel.minorticks_off()
    panel.invert_yaxis()
    panel.grid(alpha=0.25)
    panel.set_title("ours and rebuilt systems (dots: mean and standard deviation over seeds), public figures (crosses)")
    return figure
