"""The figure of a run: curves of its training, and answers to some of its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.base.errors import InputError
from seesum.base.recipe import Recipe
from seesum.base.style import LIGHT, OUTPUTS, TITLE, WIDTH, format_value, house_style, make_figure, mix_ink
from seesum.data.idx import Images, LabelledImages
from seesum.data.operations import draw_addends, find_operation
from seesum.measuring.evaluation import predict_every_addend
from seesum.measuring.metrics import predict_classes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

    from seesum.networks.network import Network

Rows = Sequence[Mapping[str, float]]
FEW_EPOCHS = 3
"""Up to this many epochs, training curves have a point for each step. With more, they have a point for each epoch."""
SMOOTHED_STEPS = 20
"""Steps over which such curves are smoothed."""
SHOWN_EXAMPLES = 8
"""Images in the figure of a run."""


class Examples(NamedTuple):
    """Images with their answers."""

    images: Images
    """[N, 28, 28]."""
    captions: list[str]
    wrong: list[bool]
    name: str
    """The split of the images."""


def answer_examples(network: Network, recipe: Recipe, labelled: LabelledImages, name: str) -> Examples:
    """Answer some of the images, chosen by the seed of the recipe, each with a random addend."""
    import torch

    operation, rng = find_operation(recipe.operation), np.random.default_rng(recipe.seed)
    rows = rng.choice(len(labelled.digits), min(SHOWN_EXAMPLES, len(labelled.digits)), replace=False)
    addends = draw_addends(len(rows), rng)
    probabilities = predict_every_addend(network, labelled.images[rows], recipe, torch.device("cpu"))
    predicted = predict_classes(probabilities, labelled.digits[rows], operation)
    captions, wrong = [], []
    for row, addend in enumerate(addends.tolist()):
        digit, answer = int(predicted.digit[row, addend]), int(predicted.sum[row, addend])
        captions.append(f"{operation.write(digit, addend)}\n= {format_value(operation.values[answer])}")
        wrong.append((digit, answer) != (predicted.true_digit[row, 0], predicted.true_sum[row, addend]))
    return Examples(labelled.images[rows], captions, wrong, name)


@house_style()
def draw_training(name: str, history: Rows, steps: Rows, examples: Examples | None = None) -> Figure:
    """Draw loss and accuracy of both outputs during a training, and below them answers to some images.

    There is a curve for every split that was evaluated: a bare line for training, filled marks for validation, open marks
    for test. Only reproductions evaluate the test images after every epoch. With up to ``FEW_EPOCHS`` epochs, the training
    curves have a point for each step and are smoothed over ``SMOOTHED_STEPS`` steps. Wrong answers are red.

    Args:
        name: the run, for the message.
        history: the rows of ``history.csv``.
        steps: the rows of ``steps.csv``.
        examples: the images below; None for the curves alone.

    Raises:
        InputError: there are no rows.
    """
    if not history or not steps:
        raise InputError(f"{name} has no history.csv or no steps.csv, so there are no curves to plot; train it again")
    if examples is None:
        figure = make_figure(WIDTH, 3.4)
        _fill_curves(figure, history, steps)
        return figure
    figure = make_figure(WIDTH, 5.3)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(3.4, 1.9)).flat
    _fill_curves(above, history, steps)
    for index, panel in enumerate(below.subplots(1, SHOWN_EXAMPLES)):
        panel.axis("off")
        if index < len(examples.captions):
            panel.imshow(examples.images[index], cmap=mix_ink(), vmin=0, vmax=255)
            colour = LIGHT["alarm" if examples.wrong[index] else "text"]
            panel.set_title(examples.captions[index], color=colour)
    below.suptitle(f"Answers to {examples.name} images", **TITLE)
    return figure


def _fill_curves(figure: FigureBase, history: Rows, steps: Rows) -> None:
    """Draw three panels of curves and their legend into a figure or a part of it."""
    from matplotlib.ticker import LogLocator

    panels = figure.subplots(1, 3)
    curves = [
        (panels[0], ("digit_loss", "sum_loss"), "Loss (nats)", 1),
        (panels[1], ("digit_accuracy", "sum_accuracy"), "Right (%)", 100),
        (panels[2], ("both_accuracy",), "Both right (%)", 100),
    ]
    for panel, names, title, factor in curves:
        for name in names:
            _draw_curve(panel, name, factor, history, steps)
        panel.set_title(title, **TITLE)
        panel.set_xlabel("Epoch")
    panels[0].set_yscale("log")
    panels[0].minorticks_off()
    panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panels[0].yaxis.set_major_formatter(lambda value, _: format_value(value))
    for panel in panels[1:]:
        panel.set_ylim(top=100.4)
    lines = [line for panel in panels[1:] for line in panel.lines]
    figure.legend(handles=lines, loc="outside lower center", ncols=len(OUTPUTS))


def _draw_curve(panel: Axes, name: str, factor: int, history: Rows, steps: Rows) -> None:
    """Draw one metric: of training, and of every split that was evaluated after each epoch."""
    output = name.partition("_")[0]
    look, label = OUTPUTS[output], output.capitalize()
    if len(history) <= FEW_EPOCHS:
        x = np.array([row["step"] for row in steps]) * len(history) / len(steps)
        y = _smooth(np.array([row[name] for row in steps]), SMOOTHED_STEPS)
    else:
        x, y = np.array([row["epoch"] for row in history]), np.array([row[name] for row in history])
    panel.plot(x, factor * y, color=look.colour, linestyle=look.dash, label=f"{label}, train")
    for split, face in (("validation", look.colour), ("test", LIGHT["card"])):
        if f"{split}_{name}" in history[0]:
            epochs = [row["epoch"] for row in history]
            values = [factor * row[f"{split}_{name}"] for row in history]
            marks: dict[str, Any] = {"marker": look.marker, "mfc": face, "color": look.colour, "linestyle": look.dash}
            panel.plot(epochs, values, label=f"{label}, {split}", linewidth=0.8, **marks)


def _smooth(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return the mean over the last ``width`` values at each place; there are fewer values at the start."""
    totals = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    smoothed: NDArray[np.float64] = (totals[ends] - totals[starts]) / (ends - starts)
    return smoothed
