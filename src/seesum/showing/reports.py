"""Make the report of a run: its pictures, and one self-contained HTML page that explains it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seesum.base.files import write_atomically
from seesum.base.style import format_share
from seesum.data.operations import draw_addends
from seesum.data.splits import Splits, preview_samples
from seesum.measuring.metrics import PredictedClasses, confusion_matrix
from seesum.networks.tables import TableAdder
from seesum.reading.reader import Reader
from seesum.runs.curves import draw_training
from seesum.runs.run import Run, refuse_shipped
from seesum.showing import plots
from seesum.showing.report_page import ReportData, compose_page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE = "report.html"
"""Name of the report in a run directory."""


def report_run(run: Run, splits: Splits) -> Path:
    """Draw the pictures of a finished run, write its ``report.html``, and return the path of the page.

    Args:
        run: the finished run.
        splits: the images of the run.

    Raises:
        InputError: the run was shipped with the package, or its weights are damaged.
    """
    refuse_shipped(run)
    labelled, _ = splits.evaluation_images(test=run.metrics["evaluated_on"] == "test")
    network = run.load_network()
    probabilities = Reader(network, run.recipe).predict_every_addend(labelled.images)
    return write_report(ReportData(run, splits, labelled, network, probabilities))


def write_report(data: ReportData) -> Path:
    """Draw the pictures of a run, write ``report.html`` beside them, and return the path of the page.

    The page contains everything. It can be read without other files and without a network connection.
    """
    directory = data.run.directory
    figures = draw_pictures(data)
    for name, figure in figures.items():
        plots.save_figure(figure, directory / f"{name}.png")
    images = {name: (directory / f"{name}.png").read_bytes() for name in figures}
    path = directory / PAGE
    write_atomically(path, compose_page(data, images))
    return path


def draw_pictures(data: ReportData) -> dict[str, Figure]:
    """Draw the pictures of a run, and return them by name.

    They show curves, samples, confusion matrices, predictions, mistakes, and the table if the run learned one.
    """
    operation = data.operation
    answers = data.classes
    history, steps = data.run.read_rows("history.csv"), data.run.read_rows("steps.csv")
    samples = preview_samples(data.splits, data.run.recipe, plots.SHOWN_SAMPLES)
    figures = {
        "curves": draw_training(str(data.run.directory), history, steps),
        "samples": plots.draw_samples(samples, data.splits.sizes, operation),
        "confusion-digit": draw_digit_confusion(answers),
        "confusion-sum": plots.draw_confusion(
            confusion_matrix(answers.sum, answers.true_sum, operation.num_classes), "Sum (number of pairs)", operation.values
        ),
        "predictions": draw_predictions(data),
        "mistakes": draw_mistakes(data),
    }
    if isinstance(data.network.adder, TableAdder):
        table = data.network.adder.tabulate().detach().numpy()
        figures["table"] = plots.draw_table(table, operation)
    return figures


def draw_digit_confusion(answers: PredictedClasses) -> Figure:
    """Draw the digit's confusion matrix. It counts images, or pairs where an image's digit depends on the addend."""
    digit, counted = answers.digit, "pairs"
    if (digit == digit[:, :1]).all():
        digit, counted = digit[:, :1], "images"
    return plots.draw_confusion(confusion_matrix(digit, answers.true_digit, 10), f"Digit (number of {counted})")


def draw_predictions(data: ReportData, count: int = 15) -> Figure:
    """Draw answers to random images with random addends. The captions of wrong answers also show the truth."""
    operation, rng = data.operation, np.random.default_rng(data.run.recipe.seed)
    answers = data.classes
    rows = rng.choice(len(data.labelled.digits), min(count, len(data.labelled.digits)), replace=False)
    addends = draw_addends(len(rows), rng)
    captions, wrong = [], []
    for i, a in zip(rows, addends, strict=True):
        predicted = (int(answers.digit[i, a]), operation.values[answers.sum[i, a]])
        truth = (int(answers.true_digit[i, 0]), operation.values[answers.true_sum[i, a]])
        wrong.append(predicted != truth)
        captions.append(plots.caption_answer(operation, int(a), predicted, truth))
    return plots.draw_grid(data.labelled.images[rows], captions, wrong)


def draw_mistakes(data: ReportData, most: int = 20) -> Figure:
    """Draw the wrong answers with the highest confidence, each with the addend for which the confidence is highest."""
    operation = data.operation
    answers = data.classes
    wrong = (answers.digit != answers.true_digit) | (answers.sum != answers.true_sum)
    confidence = data.probabilities.confidence * wrong
    # most adders are equally confident with every addend; without the random tie-break only addend 0 would be shown
    tie_break = np.random.default_rng(0).uniform(0, 0.005, confidence.shape) * wrong
    worst_addend = (confidence + tie_break).argmax(1)
    worst_confidence = confidence.max(1)
    order = [int(i) for i in np.argsort(-worst_confidence, kind="stable")[:most] if wrong[i].any()]
    captions = []
    for i in order:
        a = int(worst_addend[i])
        predicted = (int(answers.digit[i, a]), operation.values[answers.sum[i, a]])
        truth = (int(answers.true_digit[i, 0]), operation.values[answers.true_sum[i, a]])
        shares = ", ".join(format_share(p[i, a].max()) for p in (data.probabilities.digit_p, data.probabilities.sum_p))
        captions.append(f"{plots.caption_answer(operation, a, predicted, truth)}\n({shares})")
    title = f"Wrong with at least one addend: {int(wrong.any(1).sum()):,} of {len(wrong):,} images"
    return plots.draw_grid(data.labelled.images[order], captions, title=title)
