"""Charts that compare many runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.data.operations import OPERATIONS
from seesum.networks.systems import find_system
from seesum.showing.plots import COLOURS, fill_table, make_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_published(rows: Sequence[dict[str, Any]]) -> Figure:
    """Draw published figures (rings) and reproduced ones (dots with standard deviation), with a panel for each system.

    ``rows`` are those of ``published.csv``. The epochs on the x axis are in the order of the rows.
    """
    systems = list(dict.fromkeys(row["system"] for row in rows))
    figure = make_figure(3.4 * len(systems), 4)
    panels = figure.subplots(1, len(systems), squeeze=False, sharey=True)[0]
    for panel, system in zip(panels, systems, strict=True):
        shown = [row for row in rows if row["system"] == system and row["on"] == "test" and row["output"] in COLOURS]
        epochs = list(dict.fromkeys(str(row["epoch"]) for row in shown))
        for offset, (output, colour) in zip((-0.2, 0.0, 0.2), COLOURS.items(), strict=True):
            points = [row for row in shown if row["output"] == output]
            x = [epochs.index(str(row["epoch"])) + offset for row in points]
            published = [100 - float(row["published"] or "nan") for row in points]
            reproduced = [100 - float(row["reproduced_mean"]) for row in points]
            std = [float(row["reproduced_std"]) for row in points]
            label = output if points else None
            panel.plot(x, published, "o", mfc="none", color=colour, markersize=9)
            panel.errorbar(x, reproduced, std, fmt="o", color=colour, markersize=4, capsize=3, label=label)
        panel.set_yscale("log")
        panel.set(title=system, xticks=range(len(epochs)), xlabel="epoch", xlim=(-0.6, len(epochs) - 0.4))
        panel.set_xticklabels(epochs, fontsize=8)
        panel.grid(alpha=0.25)
    ticks = [0.5, 1, 2, 5, 10, 20, 50, 100]
    panels[0].set_yticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    panels[0].minorticks_off()
    panels[0].invert_yaxis()
    panels[0].legend(frameon=False, fontsize=9, loc="lower right")
    panels[0].set_ylabel("wrong on the test images (%)")
    figure.suptitle("published (rings) and reproduced (dots with standard deviation over seeds); higher is better")
    return figure


def draw_comparison(rows: Sequence[dict[str, Any]], traces: dict[str, list[NDArray[np.float64]]]) -> Figure:
    """Draw the results of each adder in six panels.

    Args:
        rows: rows of ``adders.csv``.
        traces: for each adder, one array for each run with all images: the training accuracy of the sum at every step.
    """
    figure = make_figure(14, 8)
    (accuracy, learning, images), (held_out, calibration, cost) = figure.subplots(2, 3)
    colours = {adder: f"C{index}" for index, adder in enumerate(traces)}
    cells = _Cells({(row["adder"], row["condition"]): row for row in rows}, colours)
    _draw_accuracy(accuracy, cells)
    _draw_learning(learning, traces, colours)
    _draw_few_images(images, cells)
    held_out_accuracy = {
        adder: 100 * cells.value(adder, "10 pairs held out", "held_out_sum_accuracy_mean") for adder in colours
    }
    _draw_bars(held_out, held_out_accuracy, colours, "{:.1f}")
    held_out.set(title="pairs never seen in training", xlabel="sum right (%) on these pairs")
    ece = {adder: 100 * cells.value(adder, "all images", "sum_ece_mean") for adder in colours}
    _draw_bars(calibration, ece, colours, "{:.2f}")
    calibration.set(title="calibration of the sum", xlabel="expected calibration error (percentage points); lower is better")
    _draw_cost(cost, cells)
    for panel in figure.axes:
        panel.grid(alpha=0.2)
    return figure


class _Cells(NamedTuple):
    """The rows of ``adders.csv`` by adder and condition, and a colour for each adder."""

    rows: dict[tuple[str, str], dict[str, Any]]
    colours: dict[str, str]

    def value(self, adder: str, condition: str, name: str) -> float:
        return float(self.rows[adder, condition][name])


def _draw_accuracy(panel: Axes, cells: _Cells) -> None:
    for index, (adder, colour) in enumerate(cells.colours.items()):
        for name, size in (("digit_accuracy", 10), ("sum_accuracy", 5)):
            mean, std = (100 * cells.value(adder, "all images", f"{name}_{kind}") for kind in ("mean", "std"))
            face = "none" if name == "digit_accuracy" else colour
            bar = [[min(std, 0.9 * (100 - mean))], [std]]  # the bar must end above zero on a logarithmic axis
            style: dict[str, Any] = {"fmt": "o", "markersize": size, "mfc": face, "color": colour, "capsize": 3}
            panel.errorbar(100 - mean, index, xerr=bar, **style)
    panel.set_xscale("log")
    panel.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    panel.minorticks_off()
    panel.set_yticks(range(len(cells.colours)), list(cells.colours))
    panel.invert_yaxis()
    panel.set(title="all images: digit (ring) and sum (dot)", xlabel="wrong (%), mean and std over seeds; left is better")


def _draw_learning(panel: Axes, traces: dict[str, list[NDArray[np.float64]]], colours: dict[str, str]) -> None:
    for adder, runs in traces.items():
        mean_trace = 100 * np.mean([run[: min(map(len, runs))] for run in runs], 0)
        panel.plot(np.arange(1, len(mean_trace) + 1), mean_trace, color=colours[adder], label=adder)
    panel.set(title="how fast the sum is learned", xlabel="step (128 images each)", ylabel="sum right (%)", ylim=(0, 101))
    panel.legend(frameon=False, fontsize=8)


def _draw_few_images(panel: Axes, cells: _Cells) -> None:
    shares = {"1 % of the images": 1, "10 % of the images": 10, "all images": 100}
    for adder, colour in cells.colours.items():
        wrong = [100 - 100 * cells.value(adder, condition, "sum_accuracy_mean") for condition in shares]
        panel.plot(list(shares.values()), wrong, "-o", color=colour, markersize=4)
    panel.set(title="fewer images, same number of steps", xlabel="share of the images (%)", ylabel="sum wrong (%)")
    panel.set(xscale="log", yscale="log")
    panel.set_xticks(list(shares.values()), [str(share) for share in shares.values()])
    panel.yaxis.set_major_formatter(lambda number, _: f"{number:g}")


def _draw_bars(panel: Axes, values: dict[str, float], colours: dict[str, str], style: str) -> None:
    panel.barh(list(values), list(values.values()), color=[colours[adder] for adder in values])
    for index, value in enumerate(values.values()):
        panel.text(value, index, f" {style.format(value)}", va="center", fontsize=8)
    panel.invert_yaxis()
    panel.margins(x=0.2)


def _draw_cost(panel: Axes, cells: _Cells) -> None:
    for adder, colour in cells.colours.items():
        parameters = cells.value(adder, "all images", "adder_parameters")
        microseconds = cells.value(adder, "all images", "adder_microseconds")
        panel.plot(parameters, microseconds, "o", color=colour, markersize=7)
        panel.annotate(f"  {adder}", (parameters, microseconds), fontsize=8, va="center")
    panel.set_xscale("symlog", linthresh=100)
    panel.set(title="cost of an adder", xlabel="parameters", ylim=(0, None))
    panel.set_ylabel("microseconds per batch of 128 (forward + backward)")
    panel.margins(x=0.3)


def draw_tables(tables: dict[str, NDArray[np.float32]]) -> Figure:
    """Draw the learned tables [10, 10, S] of several operations side by side; wrong cells have a red frame."""
    figure = make_figure(4.2 * len(tables), 4.9)
    for panel, (name, table) in zip(figure.subplots(1, len(tables), squeeze=False)[0], tables.items(), strict=True):
        fill_table(panel, table, OPERATIONS[name])
        panel.set_title(name)
    title = "the adder table learned each operation from samples alone: the most probable answer of each cell"
    figure.suptitle(title)
    return figure


def draw_frontier(rows: Sequence[Mapping[str, Any]], public: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the share of wrong digits on the test images against the number of parameters.

    The chart shows our systems, the rebuilt published systems, and figures that others report.

    Args:
        rows: rows of ``systems.csv``, one for each system.
        public: rows of ``public.csv``: figures that others report, most of them picked on the test images.
    """
    figure = make_figure(9, 5.5)
    panel = figure.subplots()
    for row in rows:
        ours = not find_system(row["system"]).published
        size, wrong = int(row["parameters"]), 100 - 100 * float(row["digit_accuracy_mean"])
        colour = COLOURS["digit"] if ours else "0.55"
        std = 100 * float(row["digit_accuracy_std"])
        panel.errorbar(size, wrong, std, fmt="o", color=colour, capsize=4, markersize=9 if ours else 6)
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
    panel.set_title("dots: our systems (blue) and rebuilt ones (grey), mean and std over seeds; crosses: public figures")
    return figure
