"""The report of a run: its pictures, and one self-contained HTML page that explains it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seesum.base.files import write_atomically
from seesum.data.operations import draw_addends
from seesum.data.splits import Splits, preview_samples
from seesum.measuring.metrics import (
    confusion_matrix,
)
from seesum.networks.tables import TableAdder
from seesum.reading.reader import Reader
from seesum.runs.run import Run, refuse_shipped
from seesum.showing import plots
from seesum.showing.report_page import ReportData, compose_page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE = "report.html"
"""The file in a run directory."""


def report_run(run: Run, splits: Splits) -> Path:
    """Draw the pictures of a finished run whose images are in memory, and write its ``report.html``; returns its path.

    Raises:
        InputError: the run came with the package, or its weights are damaged.
    """
    refuse_shipped(run)
    labelled, _ = splits.evaluation_images(test=run.metrics["evaluated_on"] == "test")
    network = run.load_network()
    probabilities = Reader(network, run.recipe).predict_every_addend(labelled.images)
    return write_report(ReportData(run, splits, labelled, network, probabilities))


def write_report(data: ReportData) -> Path:
    """Draw the run's pictures and write ``report.html`` beside them; gives its path.

    The page holds everything: no other file and no network is needed to read it.
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
    """The pictures of a run by name: curves, samples, confusion matrices, mistakes, and the table if it learned one."""
    operation = data.operation
    answers = data.classes
    samples = preview_samples(data.splits, data.run.recipe, plots.SHOWN_SAMPLES)
    figures = {
        "curves": plots.draw_curves(data.run),
        "samples": plots.draw_samples(samples, data.splits.sizes, operation),
        "confusion-digit": plots.draw_confusion(
            confusion_matrix(answers.digit, answers.true_digit, 10), "digit: images x addends"
        ),
        "confusion-sum": plots.draw_confusion(
            confusion_matrix(answers.sum, answers.true_sum, operation.num_classes), "sum: images x addends", operation.lowest
        ),
        "predictions": draw_predictions(data),
        "mistakes": draw_mistakes(data),
    }
    if isinstance(data.network.adder, TableAdder):
        table = data.network.adder.tabulate().detach().numpy()
        figures["table"] = plots.draw_table(table, operation)
    return figures


def draw_predictions(data: ReportData, count: int = 15) -> Figure:
    """Answers to random images with random addends, beside the targets where they differ."""
    operation, rng = data.operation, np.random.default_rng(data.run.recipe.seed)
    answers = data.classes
    rows = rng.choice(len(data.labelled.digits), min(count, len(data.labelled.digits)), replace=False)
    addends = draw_addends(len(rows), rng)
    captions, wrong = [], []
    for i, a in zip(rows, addends, strict=True):
        said = (int(answers.digit[i, a]), int(answers.sum[i, a]) + operation.lowest)
        truth = (int(answers.true_digit[i, 0]), int(answers.true_sum[i, a]) + operation.lowest)
        wrong.append(said != truth)
        captions.append(plots.caption_answer(operation, int(a), said, truth))
    return plots.draw_grid(data.labelled.images[rows], captions, wrong)


def draw_mistakes(data: ReportData, most: int = 20) -> Figure:
    """The images answered wrong with the greatest confidence, each with the addend for which that was worst."""
    operation = data.operation
    answers = data.classes
    wrong = (answers.digit != answers.true_digit) | (answers.sum != answers.true_sum)
    confidence = data.probabilities.confidence * wrong
    # most adders are as sure with every addend, and showing addend 0 alone would teach nothing about them
    tie_break = np.random.default_rng(0).uniform(0, 0.005, confidence.shape) * wrong
    worst_addend = (confidence + tie_break).argmax(1)
    worst = confidence.max(1)
    order = [int(i) for i in np.argsort(-worst, kind="stable")[:most] if wrong[i].any()]
    captions = []
    for i in order:
        a = int(worst_addend[i])
        truth, said = int(answers.true_digit[i, 0]), int(answers.digit[i, a])
        sums = (int(answers.true_sum[i, a]) + operation.lowest, int(answers.sum[i, a]) + operation.lowest)
        captions.append(
            f"{truth} {operation.symbol} {a} = {sums[0]}\nsaid {said}, {sums[1]}\n"
            f"({data.probabilities.digit_p[i, a].max():.0%}, {data.probabilities.sum_p[i, a].max():.0%})"
        )
    title = f"{int(wrong.any(1).sum())} of {len(wrong):,} images answered wrong with some addend; the surest mistakes first"
    return plots.draw_grid(data.labelled.images[order], captions, columns=5, title=title)
