"""Charts that compare many runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.base.style import LIGHT, OUTPUTS, SERIES, TITLE, WIDTH, Look, format_value, house_style, make_figure
from seesum.data.operations import find_operation
from seesum.networks.systems import find_system
from seesum.showing.labels import Label, write_labels
from seesum.showing.plots import fill_table
from seesum.studies.comparisons import HELD_OUT, SHARES, name_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

LONG_NAME = 38
"""Longer names are cut in the legend of a chart."""


@house_style()
def draw_published(rows: Sequence[dict[str, Any]]) -> Figure:
    """Draw published figures (open) and reproduced ones (filled, with standard deviation), with a panel for each system.

    ``rows`` are those of ``published.csv``. The epochs on the x axis are in the order of the rows.
    """
    test_rows = [row for row in rows if row["on"] == "test" and row["output"] in OUTPUTS]
    systems = dict.fromkeys(row["system"] for row in rows)
    shown = {system: [row for row in test_rows if row["system"] == system] for system in systems}
    epochs = {system: list(dict.fromkeys(str(row["epoch"]) for row in own)) for system, own in shown.items()}
    across = min(3, len(shown))
    lines = math.ceil(len(shown) / across)
    counts = [max(4, len(names)) for names in epochs.values()]
    figure = make_figure(max(5.5, WIDTH * across / 3), 0.9 + 2.7 * lines)
    panels = figure.subplots(
        lines, across, squeeze=False, sharey=True, width_ratios=[max(counts[column::across]) for column in range(across)]
    )
    for panel, system in itertools.zip_longest(panels.flat, shown):
        if system is None:
            panel.axis("off")
        else:
            _draw_system(panel, shown[system], epochs[system])
            panel.set_title(system, **TITLE)
    ticks = [0.5, 1, 2, 5, 10, 20, 50, 100]
    panels[0, 0].set_yscale("log")
    panels[0, 0].set_yticks(ticks, [format_value(tick) for tick in ticks])
    panels[0, 0].invert_yaxis()
    for panel in panels.flat:
        panel.minorticks_off()
    figure.supylabel("Wrong on the test images (%), fewer upwards", fontsize="medium")
    handles = [
        _make_mark(look, face, f"{output.capitalize()}, {source}")
        for output, look in OUTPUTS.items()
        for face, source in (("none", "published"), (look.colour, "reproduced"))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(OUTPUTS))
    return figure


def _draw_system(panel: Axes, rows: Sequence[dict[str, Any]], epochs: list[str]) -> None:
    """Draw the published and the reproduced figures of one system."""
    for offset, (output, look) in zip((-0.25, 0.0, 0.25), OUTPUTS.items(), strict=True):
        points = [row for row in rows if row["output"] == output]
        x = [epochs.index(str(row["epoch"])) + offset for row in points]
        published = [100 - float(row["published"] or "nan") for row in points]
        reproduced = [100 - float(row["reproduced_mean"]) for row in points]
        std = [float(row["reproduced_std"]) for row in points]
        panel.plot(x, published, look.marker, mfc="none", color=look.colour, markersize=8)
        panel.errorbar(x, reproduced, std, fmt=look.marker, color=look.colour, markersize=4)
    panel.set(xlabel="Epoch", xlim=(-0.6, len(epochs) - 0.4))
    panel.set_xticks(range(len(epochs)), epochs)


def _make_mark(look: Look, face: str, label: str) -> Line2D:
    """Return a mark for a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle="none", color=look.colour, marker=look.marker, mfc=face, label=label)


@house_style()
def draw_comparison(
    rows: Sequence[dict[str, Any]], traces: dict[str, list[NDArray[np.float64]]], images: int | None = None
) -> Figure:
    """Draw the results of each adder in six panels.

    Args:
        rows: rows of ``adders.csv``.
        traces: for each adder, one array for each run with all images: the training accuracy of the sum at every step.
            Without traces, the chart shows after how many steps it reached 90 %, which is in the rows.
        images: the number of images that the comparison used; None for all.
    """
    figure = make_figure(WIDTH, 10.8)
    (accuracy, learning), (few_images, held_out), (calibration, cost) = figure.subplots(3, 2)
    looks = dict(zip(dict.fromkeys(row["adder"] for row in rows), itertools.cycle(SERIES), strict=False))
    cells = _Cells({(row["adder"], row["condition"]): row for row in rows}, looks, images)
    _draw_accuracy(accuracy, cells)
    if traces:
        _draw_learning(learning, traces, looks)
    else:
        steps = {adder: cells.value(adder, cells.whole, "steps_to_90_percent") for adder in looks}
        _draw_bars(learning, steps, looks, "{:.0f}")
        learning.set_title("Steps until the sum is learned", **TITLE)
        learning.set_xlabel("Steps until 90 % of the sums are right")
    _draw_few_images(few_images, cells)
    figure.legend(handles=few_images.lines, loc="outside lower center", ncols=4)
    held_out_accuracy = {adder: 100 * cells.value(adder, next(iter(HELD_OUT)), "held_out_sum_accuracy_mean") for adder in looks}
    _draw_bars(held_out, held_out_accuracy, looks, "{:.1f}")
    held_out.set_title("Pairs never seen in training", **TITLE)
    held_out.set(xlabel="Sum right (%) on these pairs", xlim=(0, 115), xticks=range(0, 101, 20))
    ece = {adder: 100 * cells.value(adder, cells.whole, "sum_ece_mean") for adder in looks}
    _draw_bars(calibration, ece, looks, "{:.2f}")
    calibration.set_title("Calibration of the sum", **TITLE)
    calibration.set_xlabel("Calibration error (percentage points)")
    _draw_cost(cost, cells)
    return figure


class _Cells(NamedTuple):
    """The rows of ``adders.csv`` by adder and condition, and the look of each adder."""

    rows: dict[tuple[str, str], dict[str, Any]]
    looks: dict[str, Look]
    images: int | None

    @property
    def whole(self) -> str:
        """The condition with all images that the comparison used."""
        return name_share(100, self.images)

    def value(self, adder: str, condition: str, name: str) -> float:
        """Return a figure of an adder in a condition; not a number where the row has none."""
        return float(self.rows[adder, condition][name] or "nan")


def _draw_accuracy(panel: Axes, cells: _Cells) -> None:
    for index, (adder, look) in enumerate(cells.looks.items()):
        for name, size in (("digit_accuracy", 9), ("sum_accuracy", 4)):
            mean, std = (100 * cells.value(adder, cells.whole, f"{name}_{kind}") for kind in ("mean", "std"))
            face = "none" if name == "digit_accuracy" else look.colour
            bar = [[min(std, 0.9 * (100 - mean))], [std]]  # the bar must end above zero on a logarithmic axis
            panel.errorbar(100 - mean, index, xerr=bar, fmt="o", markersize=size, mfc=face, color=look.colour)
    panel.set_xscale("log")
    panel.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    panel.minorticks_off()
    panel.set_yticks(range(len(cells.looks)), list(cells.looks))
    panel.invert_yaxis()
    panel.set_title(f"{cells.whole.capitalize()}: digit (ring) and sum (dot)", **TITLE)
    panel.set_xlabel("Wrong (%, mean and std over seeds)")


def _draw_learning(panel: Axes, traces: dict[str, list[NDArray[np.float64]]], looks: dict[str, Look]) -> None:
    for adder, runs in traces.items():
        mean_trace = 100 * np.mean([run[: min(map(len, runs))] for run in runs], 0)
        look = looks[adder]
        style: dict[str, Any] = {"color": look.colour, "linestyle": look.dash, "marker": look.marker, "markevery": 0.15}
        panel.plot(np.arange(1, len(mean_trace) + 1), mean_trace, **style)
    panel.set_title("How fast the sum is learned", **TITLE)
    panel.set(xlabel="Step (128 images each)", ylabel="Sum right (%)", ylim=(0, 101))


def _draw_few_images(panel: Axes, cells: _Cells) -> None:
    from matplotlib.ticker import LogLocator

    shares = {name_share(share, cells.images): share for share in sorted(SHARES)}
    images = "the images" if cells.images is None else cells.whole
    for adder, look in cells.looks.items():
        wrong = [100 - 100 * cells.value(adder, condition, "sum_accuracy_mean") for condition in shares]
        style: dict[str, Any] = {"color": look.colour, "linestyle": look.dash, "marker": look.marker}
        panel.plot(list(shares.values()), wrong, label=adder, **style)
    panel.set_title("Fewer images, same number of steps", **TITLE)
    panel.set(xlabel=f"Share of {images} (%)", ylabel="Sum wrong (%)")
    panel.set(xscale="log", yscale="log")
    panel.set_xticks(list(shares.values()), [str(share) for share in shares.values()])
    panel.minorticks_off()
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.yaxis.set_major_formatter(lambda number, _: format_value(number))


def _draw_bars(panel: Axes, values: dict[str, float], looks: dict[str, Look], style: str) -> None:
    panel.barh(list(values), list(values.values()), color=[looks[adder].colour for adder in values])
    for index, value in enumerate(values.values()):
        if math.isnan(value):
            panel.text(0, index, " never", va="center")
        else:
            panel.text(value, index, f" {style.format(value)}", va="center")
    panel.grid(visible=False, axis="y")
    panel.invert_yaxis()
    panel.margins(x=0.2)


def _draw_cost(panel: Axes, cells: _Cells) -> None:
    labels = []
    for adder, look in cells.looks.items():
        parameters = cells.value(adder, cells.whole, "adder_parameters")
        microseconds = cells.value(adder, cells.whole, "adder_microseconds")
        panel.plot(parameters, microseconds, look.marker, color=look.colour, markersize=7)
        labels.append(Label(adder, parameters, microseconds))
    panel.set_xscale("symlog", linthresh=100)
    ticks = [0, 100, 1000, 10_000, 100_000]
    panel.set_xticks(ticks, [format_value(tick) for tick in ticks])
    panel.minorticks_off()
    panel.set_title("Cost of an adder", **TITLE)
    panel.set(xlabel="Parameters", ylabel="Microseconds for 128 images", ylim=(0, 1.15 * max(label.y for label in labels)))
    panel.set_xlim(-40, 4 * max(100, *(label.x for label in labels)))
    write_labels(panel, labels)


@house_style()
def draw_tables(tables: dict[str, NDArray[np.float32]]) -> Figure:
    """Draw the learned tables [10, 10, S] of several operations; wrong cells have a red frame."""
    across = min(3, len(tables))
    lines = math.ceil(len(tables) / across)
    figure = make_figure(max(4.5, WIDTH * across / 3), 2.9 * lines + 0.3)
    panels = figure.subplots(lines, across, squeeze=False).flat
    for panel, name in itertools.zip_longest(panels, tables):
        if name is None:
            panel.axis("off")
        else:
            operation = find_operation(name)
            fill_table(panel, tables[name], operation, 8)
            panel.set_title(operation.name.replace("-", " ").capitalize() or operation.label, **TITLE)
    figure.supxlabel("The most probable answer in each cell (fainter: less probable)", fontsize="medium")
    return figure


@house_style()
def draw_frontier(rows: Sequence[Mapping[str, Any]], public: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the share of wrong digits on the test images against the number of parameters.

    The chart shows our systems, the rebuilt published systems, and figures that others report.

    Args:
        rows: rows of ``systems.csv``, one for each system.
        public: rows of ``public.csv``: figures that others report, most of them picked on the test images.
    """
    figure = make_figure(WIDTH, 6.8)
    panel = figure.subplots()
    ours, rebuilt, reported = SERIES[0], SERIES[1], Look(LIGHT["quiet"], "x", "none")
    labels = []
    for row in rows:
        look = rebuilt if find_system(row["system"]).published else ours
        size, wrong = int(row["parameters"]), 100 - 100 * float(row["digit_accuracy_mean"])
        std = 100 * float(row["digit_accuracy_std"])
        panel.errorbar(size, wrong, std, fmt=look.marker, color=look.colour, markersize=7)
        labels.append(Label(f"{row['system']}, n = {row['n']}", size, wrong, std, look.colour))
    names = {"Systems of seesum": ours, "Published systems, rebuilt": rebuilt, "Figures that others report": reported}
    for letter, row in zip(ascii_uppercase, public, strict=False):
        size, wrong = int(row["parameters"]), 100 - 100 * float(row["digit_accuracy"])
        panel.plot(size, wrong, reported.marker, color=reported.colour, markersize=8)
        labels.append(Label(letter, size, wrong, colour=reported.colour))
        name = row["name"] if len(row["name"]) <= LONG_NAME else f"{row['name'][: LONG_NAME - 1]}…"
        names[f"{letter}: {name}, {row['how_chosen']}"] = reported._replace(marker="none")
    panel.set(
        xscale="log",
        yscale="log",
        xlim=(400, 1.2e7),
        xlabel="Parameters",
        ylabel="Wrong digits on the test images (%), fewer upwards",
    )
    panel.xaxis.set_major_formatter(lambda number, _: format_value(number))
    ticks = [0.2, 0.3, 0.5, 0.7, 1.0]
    panel.set_yticks(ticks, [format_value(tick) for tick in ticks])
    panel.minorticks_off()
    panel.invert_yaxis()
    panel.set_title("Wrong digits and number of parameters", **TITLE)
    handles = [_make_mark(look, look.colour, name) for name, look in names.items()]
    figure.legend(handles=handles, loc="outside lower center")
    write_labels(panel, labels)
    return figure
