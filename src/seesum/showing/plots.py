"""Plots and grids of one run. Each function returns a matplotlib ``Figure``, and ``save_figure`` writes it.

pyplot is not used, because it keeps global state.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.base.errors import InputError
from seesum.base.files import PICTURE_ENDINGS, write_atomically
from seesum.data.idx import Digits, Images
from seesum.data.operations import ADDENDS, Operation
from seesum.data.samples import Samples
from seesum.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"digit": "#1f6feb", "sum": "#d9480f", "both": "#2b8a3e"}
WRONG_COLOUR = "#c92a2a"
SHOWN_SAMPLES = 10
"""Number of samples of each split in the picture of samples."""
FEW_EPOCHS = 3
"""Up to this many epochs, training curves have a point for each step. With more, they have a point for each epoch."""


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure to a file in the format of its ending, and return its path."""
    write_atomically(path, encode_figure(figure, PICTURE_ENDINGS[path.suffix.lower()]))
    return path


def encode_figure(figure: Figure, kind: str = "png") -> bytes:
    """Return a figure as the bytes of a file: png, svg, pdf or jpeg. The same figure always gives the same bytes."""
    from matplotlib import rc_context

    # what a file says of the program and the time of day
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    data = io.BytesIO()
    with rc_context({"svg.hashsalt": "seesum"}):  # the names of an SVG's parts are random without it
        figure.savefig(data, format=kind, dpi=110, metadata=metadata)
    return data.getvalue()


def draw_curves(run: Run) -> Figure:
    """Draw loss and accuracy of both outputs during training, and the share of samples with both right.

    There is a curve for every split that was evaluated: solid for training, dashed for validation, dotted for test.
    Only reproductions evaluate the test images after every epoch. With up to ``FEW_EPOCHS`` epochs, the training
    curves have a point for each step and are smoothed over 20 steps.

    Raises:
        InputError: ``history.csv`` or ``steps.csv`` is missing.
    """
    history, steps = run.read_rows("history.csv"), run.read_rows("steps.csv")
    if not history or not steps:
        raise InputError(f"{run.directory} has no history.csv or no steps.csv, so there are no curves to plot; train it again")
    by_step = len(history) <= FEW_EPOCHS
    figure = make_figure(14, 4)
    panels = figure.subplots(1, 3)
    curves = [
        (panels[0], ("digit_loss", "sum_loss"), "negative log-likelihood (nats)", 1),
        (panels[1], ("digit_accuracy", "sum_accuracy"), "accuracy (%)", 100),
        (panels[2], ("both_accuracy",), "digit and sum both right (%)", 100),
    ]
    for panel, names, label, factor in curves:
        for name in names:
            output = name.partition("_")[0]
            if by_step:
                x = np.array([row["step"] for row in steps]) * len(history) / len(steps)
                y = _smooth(np.array([row[name] for row in steps]), 20)
            else:
                x, y = np.array([row["epoch"] for row in history]), np.array([row[name] for row in history])
            panel.plot(x, factor * y, color=COLOURS[output], label=f"{output}, train", linewidth=1.6)
            for split, style in (("validation", "--o"), ("test", ":s")):
                if f"{split}_{name}" in history[0]:
                    epochs = [row["epoch"] for row in history]
                    values = [factor * row[f"{split}_{name}"] for row in history]
                    panel.plot(epochs, values, style, color=COLOURS[output], label=f"{output}, {split}", markersize=3)
        panel.set(xlabel="epoch", ylabel=label)
        panel.grid(alpha=0.25)
        panel.legend(frameon=False, fontsize=9)
    panels[0].set_yscale("log")
    for panel in panels[1:]:
        panel.set_ylim(top=100.4)
    return figure


def draw_confusion(counts: Digits, title: str, lowest: int = 0) -> Figure:
    """Draw a confusion matrix [classes, classes].

    Rows are true classes, columns are predicted classes. Only mistakes are coloured.
    """
    classes = len(counts)
    figure = make_figure(*(5.2, 4.8) if classes <= 10 else (8.2, 7.6))
    panel = figure.subplots()
    mistakes = counts.astype(np.float64)
    np.fill_diagonal(mistakes, 0)
    panel.imshow(mistakes, cmap="OrRd", vmax=max(1.0, mistakes.max() * 1.3))
    if classes <= 20:
        for row, column in np.argwhere(counts > 0):
            weight = "bold" if row == column else "normal"
            panel.text(column, row, f"{counts[row, column]}", ha="center", va="center", fontsize=7, fontweight=weight)
    ticks = range(0, classes, 1 if classes <= 20 else 9)
    panel.set_xticks(ticks, [str(tick + lowest) for tick in ticks])
    panel.set_yticks(ticks, [str(tick + lowest) for tick in ticks])
    panel.set(xlabel="answer", ylabel="truth", title=title)
    return figure


def draw_grid(images: Images, captions: Sequence[str], wrong: Sequence[bool] = (), columns: int = 5, title: str = "") -> Figure:
    """Draw images [N, 28, 28] with captions. Wrong answers have a red frame and a red caption."""
    rows = max(1, math.ceil(len(images) / columns))
    figure = make_figure(1.75 * columns, 1.95 * rows + 0.3 * bool(title))
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel in panels.flat:
        panel.axis("off")
    for index, (panel, image, caption) in enumerate(zip(panels.flat, images, captions, strict=False)):
        is_wrong = bool(len(wrong)) and bool(wrong[index])
        panel.imshow(image, cmap="gray_r", vmin=0, vmax=255)
        panel.set_title(caption, fontsize=10, color=WRONG_COLOUR if is_wrong else "black", pad=3)
        if is_wrong:
            panel.axis("on")
            panel.set(xticks=[], yticks=[])
            for spine in panel.spines.values():
                spine.set(color=WRONG_COLOUR, linewidth=2)
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


class Explanation(NamedTuple):
    """The steps from one picture to its answer, as ``draw_explanations`` shows them."""

    steps: Mapping[str, NDArray[Any]]
    """Result of each preparation step, by its name: grey levels [H, W] or colours [H, W, 3]."""
    image: NDArray[np.uint8]
    """[28, 28], the input of the network."""
    saliency: NDArray[np.float32]
    """[28, 28], 0 to 1: how much each pixel counts for the answer."""
    caption: str
    digit_probabilities: NDArray[np.float32]
    """[10], of the digits."""
    sum_probabilities: NDArray[np.float32]
    """[S], of the answer classes."""


def draw_explanations(explanations: Sequence[Explanation], operation: Operation) -> Figure:
    """Draw a row for each picture: its preparation steps, the 28x28 image, the saliency, and both outputs as bars."""
    names = list(dict.fromkeys(name for explanation in explanations for name in explanation.steps))
    columns = len(names) + 4
    figure = make_figure(1.7 * columns + 1.6, 2.1 * len(explanations))
    widths = [1.0] * (columns - 2) + [1.2, 1.9]
    rows = figure.subplots(len(explanations), columns, squeeze=False, width_ratios=widths)
    for row, explanation in zip(rows, explanations, strict=True):
        for panel, name in zip(row, names, strict=False):
            panel.axis("off")
            if name in explanation.steps:
                plane = np.asarray(explanation.steps[name], np.float32)
                panel.imshow(plane / max(float(plane.max()), 1e-6), cmap="gray", vmin=0, vmax=1)
                panel.set_title(name, fontsize=10, pad=3)
        image_panel, saliency_panel, digit_panel, sum_panel = row[len(names) :]
        for panel, title in ((image_panel, "28x28"), (saliency_panel, "saliency")):
            panel.axis("off")
            panel.imshow(explanation.image, cmap="gray", vmin=0, vmax=255)
            panel.set_title(title, fontsize=10, pad=3)
        saliency_panel.imshow(explanation.saliency, cmap="inferno", alpha=0.75, vmin=0, vmax=1)
        bars = (
            (digit_panel, explanation.digit_probabilities, 0, "digit"),
            (sum_panel, explanation.sum_probabilities, operation.lowest, "sum"),
        )
        for panel, probabilities, lowest, name in bars:
            values = np.arange(len(probabilities)) + lowest
            panel.bar(values, probabilities, color=COLOURS[name])
            panel.set(ylim=(0, 1), yticks=[], xlabel=name)
            panel.set_xticks(values[:: 1 if len(values) <= 20 else 9])
            panel.tick_params(labelsize=7)
            panel.set_frame_on(False)
        digit_panel.set_title(explanation.caption, fontsize=11, pad=3)
        sum_panel.set_title(
            f"p(digit) {explanation.digit_probabilities.max():.1%}, p(sum) {explanation.sum_probabilities.max():.1%}",
            fontsize=9,
            pad=3,
        )
    return figure


def caption_answer(operation: Operation, addend: int, said: tuple[int, int], truth: tuple[int, int] | None) -> str:
    """Return the caption of an answer (digit, sum), such as ``5 + 7 = 12``.

    If the truth is known and differs, the second line shows it.
    """
    lines = [f"{digit} {operation.symbol} {addend} = {value}" for digit, value in (said, *([truth] if truth else []))]
    return lines[0] if truth in (None, said) else f"{lines[0]}\ntruth: {lines[1]}"


def draw_samples(splits: dict[str, Samples], sizes: dict[str, int], operation: Operation) -> Figure:
    """Draw a row of samples for each split, with their addends and answers. ``sizes`` has the number of images by split."""
    columns = max(len(samples) for samples in splits.values())
    figure = make_figure(1.3 * columns, 1.75 * len(splits))
    rows = figure.subplots(len(splits), columns, squeeze=False)
    for row, (name, samples) in zip(rows, splits.items(), strict=True):
        for index, panel in enumerate(row):
            panel.set(xticks=[], yticks=[])
            panel.set_frame_on(False)
            if index < len(samples):
                panel.imshow(samples.images[index], cmap="gray_r", vmin=0, vmax=255)
                value = int(samples.answers[index]) + operation.lowest
                question = f"{samples.digits[index]} {operation.symbol} {samples.addends[index]}"
                panel.set_title(f"{question} = {value}", fontsize=10, pad=3)
        row[0].set_ylabel(f"{name}\n{sizes[name]:,}", fontsize=10)
    return figure


def draw_table(table: NDArray[np.float32], operation: Operation) -> Figure:
    """Draw a learned table [10, 10, S]: the most probable answer for each digit and addend, and its probability."""
    figure = make_figure(5.6, 5.6)
    panel = figure.subplots()
    fill_table(panel, table, operation)
    panel.set_title("The learned table (paler cells: less sure)")
    return figure


def fill_table(panel: Axes, table: NDArray[np.float32], operation: Operation) -> None:
    """Draw a table [10, 10, S] into a panel.

    Each cell shows its most probable answer. Equal answers have one colour, so that addition shows its diagonals and
    multiplication its hyperbolas. The colour fades to white as the probability falls. Wrong answers have a red frame.
    """
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    probability, answer = table.max(2), table.argmax(2)
    pure = colormaps["turbo"](0.08 + 0.84 * answer / max(1, operation.num_classes - 1))[..., :3]
    # at three fifths of their strength, black text can be read on all colours
    colours = 1 - 0.6 * probability[..., None] * (1 - pure)
    panel.imshow(colours, vmin=0, vmax=1)
    truth = operation.tabulate()
    for digit in range(10):
        for addend in range(ADDENDS):
            text = str(answer[digit, addend] + operation.lowest)
            panel.text(addend, digit, text, ha="center", va="center", color="black", fontsize=9)
            if answer[digit, addend] != truth[digit, addend]:
                corner = (addend - 0.46, digit - 0.46)
                panel.add_patch(Rectangle(corner, 0.92, 0.92, fill=False, edgecolor=WRONG_COLOUR, linewidth=1.6))
    panel.set(xticks=range(ADDENDS), yticks=range(10), xlabel="addend", ylabel="digit")


def make_figure(width: float, height: float) -> Figure:
    """Return an empty figure of the given size in inches, outside the global state of pyplot."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _smooth(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return the mean over the last ``width`` values at each place; there are fewer values at the start."""
    totals = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    smoothed: NDArray[np.float64] = (totals[ends] - totals[starts]) / (ends - starts)
    return smoothed
