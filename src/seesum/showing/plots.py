"""Plots and grids of one run. Each function returns a matplotlib ``Figure``, and ``save_figure`` writes it.

pyplot is not used, because it keeps global state.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.base.files import PICTURE_ENDINGS, write_atomically
from seesum.base.style import (
    LARGE,
    LIGHT,
    LONG_LABEL,
    TITLE,
    WIDTH,
    encode_figure,
    format_value,
    house_style,
    make_figure,
    mix_ink,
)
from seesum.data.idx import Digits, Images
from seesum.data.operations import ADDENDS, Operation
from seesum.data.samples import Samples
from seesum.reading.answer import draw_bars

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN_SAMPLES = 8
"""Number of samples of each split in the picture of samples."""
ACROSS = 6
"""Number of panels side by side in the steps of a picture."""


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure to a file in the format of its ending, and return its path."""
    write_atomically(path, encode_figure(figure, PICTURE_ENDINGS[path.suffix.lower()]))
    return path


@house_style()
def draw_confusion(counts: Digits, title: str, values: Sequence[int] = range(10)) -> Figure:
    """Draw a confusion matrix [classes, classes].

    Rows are true classes, columns are predicted classes. Only mistakes are coloured. ``values`` has the value of each class.
    """
    from matplotlib.colors import LinearSegmentedColormap

    classes = len(counts)
    figure = make_figure(*(5.2, 4.8) if classes <= 10 else (WIDTH, 8.2))
    panel = figure.subplots()
    mistakes = counts.astype(np.float64)
    np.fill_diagonal(mistakes, 0)
    # the paler half of the colours, on which text can be read, also in the dark report with its inverted pictures
    colours = LinearSegmentedColormap.from_list("mistakes", [LIGHT["card"], LIGHT["alarm"]])
    panel.imshow(mistakes, cmap=colours, vmax=max(1.0, mistakes.max() * 2.2))
    if classes <= 20:
        for row, column in np.argwhere(counts > 0):
            weight = "bold" if row == column else "normal"
            panel.text(column, row, f"{counts[row, column]}", ha="center", va="center", fontsize=8, fontweight=weight)
    ticks = range(0, classes, 1 if classes <= 20 else 9)
    labels = [format_value(values[tick]) for tick in ticks]
    panel.set_xticks(ticks, labels, rotation=90 if max(map(len, labels)) > LONG_LABEL else 0)
    panel.set_yticks(ticks, labels)
    panel.set(xlabel="Predicted", ylabel="True")
    panel.grid(visible=False)
    panel.set_title(title, **TITLE)
    return figure


@house_style()
def draw_grid(images: Images, captions: Sequence[str], wrong: Sequence[bool] = (), title: str = "") -> Figure:
    """Draw images [N, 28, 28] with captions. Wrong answers have a red frame and a red caption."""
    columns = 5
    rows = max(1, math.ceil(len(images) / columns))
    breaks = max((caption.count("\n") for caption in captions), default=0)
    figure = make_figure(WIDTH, (1.95 + 0.15 * max(0, breaks - 2)) * rows + 0.3 * bool(title))
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel in panels.flat:
        panel.axis("off")
    for index, (panel, image, caption) in enumerate(zip(panels.flat, images, captions, strict=False)):
        panel.imshow(image, cmap=mix_ink(), vmin=0, vmax=255)
        heading = panel.set_title(caption)
        if len(wrong) and wrong[index]:
            heading.set_color(LIGHT["alarm"])
            panel.axis("on")
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set(visible=True, color=LIGHT["alarm"], linewidth=2)
    if title:
        figure.suptitle(title, **TITLE)
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


@house_style(**LARGE)
def draw_explanations(explanations: Sequence[Explanation], operation: Operation) -> Figure:
    """Draw for each picture its preparation steps, the 28x28 image, the saliency, and both outputs as bars.

    The panels of a picture fill as many lines as they need. The bars are at the end of the last line.
    """
    names = list(dict.fromkeys(name for explanation in explanations for name in explanation.steps))
    lines = math.ceil((len(names) + 5) / ACROSS)
    figure = make_figure(WIDTH, 1.85 * lines * len(explanations))
    grid = figure.add_gridspec(lines * len(explanations), ACROSS)
    for index, explanation in enumerate(explanations):
        places = [grid[index * lines + place // ACROSS, place % ACROSS] for place in range(len(names) + 2)]
        panels = [figure.add_subplot(place) for place in places]
        for panel, name in zip(panels, [*names, "28x28", "saliency"], strict=True):
            panel.axis("off")
            if name in explanation.steps:
                plane = np.asarray(explanation.steps[name], np.float32)
                panel.imshow(plane / max(float(plane.max()), 1e-6), cmap="gray", vmin=0, vmax=1)
            if name in explanation.steps or panel in panels[-2:]:
                panel.set_title(name[:1].upper() + name[1:])
        panels[-2].imshow(explanation.image, cmap="gray", vmin=0, vmax=255)
        _draw_saliency(panels[-1], explanation)
        last = (index + 1) * lines - 1
        digit_panel, sum_panel = figure.add_subplot(grid[last, -3]), figure.add_subplot(grid[last, -2:])
        draw_bars(digit_panel, explanation.digit_probabilities, range(10), "digit")
        draw_bars(sum_panel, explanation.sum_probabilities, operation.values, "sum")
        digit_panel.set_title(explanation.caption)
    return figure


def _draw_saliency(panel: Axes, explanation: Explanation) -> None:
    """Draw the image in pale ink, and over it, in the colour of the sum, how much each pixel counts."""
    from matplotlib.colors import to_rgba

    panel.imshow(explanation.image, cmap=mix_ink(), vmin=0, vmax=600)
    overlay = np.full((*explanation.saliency.shape, 4), to_rgba(LIGHT["sum"]))
    overlay[..., 3] = 0.8 * explanation.saliency
    panel.imshow(overlay)


def caption_answer(
    operation: Operation, addend: int, predicted: tuple[int, int], truth: tuple[int, int] | None, width: int = 28
) -> str:
    """Return the caption of an answer (digit, sum), such as ``5 + 7 = 12``.

    If the truth is known and differs, the next line shows it. Longer lines than ``width`` characters are broken.
    """
    lines = []
    for start, (digit, value) in (("", predicted), ("Truth: ", truth or predicted)):
        left, right = f"{start}{operation.write(digit, addend)}", f"= {format_value(value)}"
        broken = [*textwrap.wrap(left, width, break_long_words=False, break_on_hyphens=False), right]
        lines.append(f"{left} {right}" if len(left) + len(right) < width else "\n".join(broken))
    return lines[0] if truth in (None, predicted) else "\n".join(lines)


@house_style()
def draw_samples(splits: dict[str, Samples], sizes: dict[str, int], operation: Operation) -> Figure:
    """Draw a row of samples for each split, with their addends and answers. ``sizes`` has the number of images by split."""
    columns = max(len(samples) for samples in splits.values())
    captions = {name: _caption_samples(samples, operation) for name, samples in splits.items()}
    breaks = max(caption.count("\n") for row in captions.values() for caption in row)
    figure = make_figure(WIDTH * columns / SHOWN_SAMPLES, (1.4 + 0.17 * breaks) * len(splits))
    rows = figure.subplots(len(splits), columns, squeeze=False)
    for row, (name, samples) in zip(rows, splits.items(), strict=True):
        for index, panel in enumerate(row):
            panel.set(xticks=[], yticks=[])
            panel.set_frame_on(False)
            if index < len(samples):
                panel.imshow(samples.images[index], cmap=mix_ink(), vmin=0, vmax=255)
                panel.set_title(captions[name][index])
        row[0].set_ylabel(f"{name.capitalize()}\n{sizes[name]:,}")
    return figure


def _caption_samples(samples: Samples, operation: Operation) -> list[str]:
    rows = zip(samples.digits.tolist(), samples.addends.tolist(), samples.answers.tolist(), strict=True)
    return [caption_answer(operation, addend, (digit, operation.values[k]), None, width=13) for digit, addend, k in rows]


@house_style()
def draw_table(table: NDArray[np.float32], operation: Operation) -> Figure:
    """Draw a learned table [10, 10, S]: the most probable answer for each digit and addend, and its probability."""
    figure = make_figure(5.6, 5.6)
    panel = figure.subplots()
    fill_table(panel, table, operation)
    panel.set_title("The learned table (fainter: less probable)", **TITLE)
    return figure


def fill_table(panel: Axes, table: NDArray[np.float32], operation: Operation, size: float = 10) -> None:
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
    truth, values = operation.tabulate(), [format_value(value) for value in operation.values]
    size *= min(1.0, LONG_LABEL / max(len(values[k]) for k in answer.flat))
    for digit in range(10):
        for addend in range(ADDENDS):
            panel.text(addend, digit, values[answer[digit, addend]], ha="center", va="center", fontsize=size)
            if answer[digit, addend] != truth[digit, addend]:
                corner = (addend - 0.46, digit - 0.46)
                panel.add_patch(Rectangle(corner, 0.92, 0.92, fill=False, edgecolor=LIGHT["alarm"], linewidth=1.6))
    panel.set(xticks=range(ADDENDS), yticks=range(10), xlabel="Addend", ylabel="Digit")
    panel.grid(visible=False)
