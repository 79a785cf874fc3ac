"""The report of a run: its pictures, and one self-contained HTML page that explains it."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seesum import pictures
from seesum.adders import TableAdder
from seesum.checkpoint import Run
from seesum.files import write_atomically
from seesum.losses import LOSSES
from seesum.metrics import Forecast, bound_share, count_confusion, detail_forecast, format_share, pick_winners
from seesum.mnist import Part
from seesum.network import Network, describe_layers
from seesum.recipe import join_names
from seesum.studies import describe_settings
from seesum.systems import find_system
from seesum.task import ADDENDS, OPERATIONS, STRATEGIES, Splits, draw_addends, sample_splits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN_SAMPLES = 10
STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8882}
body{font:16px/1.55 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{line-height:1.2}h2{margin-top:2.2rem;border-bottom:1px solid var(--line)}
table{border-collapse:collapse;margin:.8rem 0}td,th{padding:.25rem .8rem;border-bottom:1px solid var(--line);text-align:left}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
img{max-width:100%;background:#fff;border-radius:6px}
.pair{display:flex;flex-wrap:wrap;gap:1rem}.pair img{flex:1 1 20rem;min-width:0}
code,pre{background:var(--soft);border-radius:4px;padding:.1rem .3rem}pre{padding:.8rem;overflow:auto}
.big{font-size:1.5rem;font-weight:600}
"""


@dataclass(frozen=True)
class Evidence:
    """What a report is made from: a finished run, its images, its network and what that says of them."""

    run: Run
    splits: Splits
    part: Part
    """The images it was evaluated on."""
    network: Network
    forecast: Forecast
    """Of ``part``."""


def write_report(evidence: Evidence) -> Path:
    """Draw the run's pictures and write ``report.html`` beside them; gives its path.

    The page holds everything: no other file and no network is needed to read it.
    """
    directory = evidence.run.directory
    figures = draw_pictures(evidence)
    for name, figure in figures.items():
        pictures.save_figure(figure, directory / f"{name}.png")
    images = {name: (directory / f"{name}.png").read_bytes() for name in figures}
    path = directory / "report.html"
    write_atomically(path, _compose(evidence, images))
    return path


def draw_pictures(evidence: Evidence) -> dict[str, Figure]:
    """The pictures of a run by name: curves, samples, confusion matrices, mistakes, and the table if it learned one."""
    operation = OPERATIONS[evidence.run.recipe.operation]
    answers = pick_winners(evidence.forecast, evidence.part.digits, operation)
    samples = sample_splits(evidence.splits, evidence.run.recipe, SHOWN_SAMPLES)
    figures = {
        "curves": pictures.draw_curves(evidence.run),
        "samples": pictures.draw_samples(samples, evidence.splits.sizes, operation),
        "confusion-digit": pictures.draw_confusion(
            count_confusion(answers.digit, answers.true_digit, 10), "digit: images x addends"
        ),
        "confusion-sum": pictures.draw_confusion(
            count_confusion(answers.sum, answers.true_sum, operation.answers), "sum: images x addends", operation.lowest
        ),
        "predictions": draw_predictions(evidence),
        "mistakes": draw_mistakes(evidence),
    }
    if isinstance(evidence.network.adder, TableAdder):
        table = evidence.network.adder.tabulate().detach().numpy()
        figures["table"] = pictures.draw_table(table, operation)
    return figures


def draw_predictions(evidence: Evidence, count: int = 15) -> Figure:
    """Answers to random images with random addends, beside the targets where they differ."""
    operation, rng = OPERATIONS[evidence.run.recipe.operation], np.random.default_rng(evidence.run.recipe.seed)
    answers = pick_winners(evidence.forecast, evidence.part.digits, operation)
    rows = rng.choice(len(evidence.part.digits), min(count, len(evidence.part.digits)), replace=False)
    addends = draw_addends(len(rows), rng)
    captions, wrong = [], []
    for i, a in zip(rows, addends, strict=True):
        said = (int(answers.digit[i, a]), int(answers.sum[i, a]) + operation.lowest)
        truth = (int(answers.true_digit[i, 0]), int(answers.true_sum[i, a]) + operation.lowest)
        wrong.append(said != truth)
        captions.append(pictures.caption_answer(operation, int(a), said, truth))
    return pictures.draw_grid(evidence.part.images[rows], captions, wrong)


def draw_mistakes(evidence: Evidence, most: int = 20) -> Figure:
    """The images answered wrong with the greatest confidence, each with the addend for which that was worst."""
    operation = OPERATIONS[evidence.run.recipe.operation]
    answers = pick_winners(evidence.forecast, evidence.part.digits, operation)
    wrong = (answers.digit != answers.true_digit) | (answers.sum != answers.true_sum)
    confidence = evidence.forecast.confidence * wrong
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
            f"({evidence.forecast.digit_p[i, a].max():.0%}, {evidence.forecast.sum_p[i, a].max():.0%})"
        )
    title = f"{int(wrong.any(1).sum())} of {len(wrong):,} images answered wrong with some addend; the surest mistakes first"
    return pictures.draw_grid(evidence.part.images[order], captions, columns=5, title=title)


def _compose(evidence: Evidence, images: dict[str, bytes]) -> str:
    run = evidence.run
    metrics = run.metrics
    sections = [
        ("Results", _results(evidence, metrics)),
        ("The task", _task(evidence, images)),
        ("The network", _network(evidence)),
        ("Training", _training(evidence, images)),
        ("Answers and mistakes", _mistakes(images)),
        ("The learned table", _table(images)),
        ("Where this comes from", _provenance(run)),
    ]
    body = "".join(f"<h2>{title}</h2>{content}" for title, content in sections if content)
    title = f"{run.recipe.system}, seed {run.recipe.seed}: a digit and a sum"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{_text(title)}</title><style>{STYLE}</style><h1>{_text(title)}</h1>{body}</html>\n"
    )


def _results(evidence: Evidence, metrics: dict[str, Any]) -> str:
    images = metrics["images"]
    rows = []
    for output in ("digit", "sum", "both"):
        share = metrics[f"{output}_accuracy"]
        low, high = bound_share(share, images)
        rows.append((output, f"{share:.2%}", f"{low:.2%} to {high:.2%}"))
    detail = detail_forecast(evidence.forecast, evidence.part.digits, OPERATIONS[evidence.run.recipe.operation])
    listed = {
        name: [
            (row[name.removeprefix("per_")], *(format_share(row[f"{output}_accuracy"]) for output in ("digit", "sum")))
            for row in values
        ]
        for name, values in detail.items()
    }
    return (
        f"<p class=big>digit {metrics['digit_accuracy']:.2%}, sum {metrics['sum_accuracy']:.2%}, after "
        f"{metrics['train_seconds']:.1f} seconds of training</p>"
        f"<p>Measured on all {images:,} {metrics['evaluated_on']} images with all ten addends each: {metrics['pairs']:,} "
        f"pairs, so that no luck in the draw of addends is left. Intervals are 95 % Wilson intervals that count images, "
        f"not pairs, since the ten pairs of an image are right or wrong together.</p>"
        f"{_rows(('output', 'accuracy', 'interval'), rows)}"
        f"<p>The sum agrees with the network's own digit on {metrics['consistency']:.2%} of the pairs. Mean negative "
        f"log-likelihood: digit {metrics['digit_loss']:.4f}, sum {metrics['sum_loss']:.4f} nats. Expected calibration "
        f"error: digit {metrics['digit_ece']:.2%}, sum {metrics['sum_ece']:.2%}.</p>"
        f"<div class=pair>{_rows(('digit', 'digit right', 'sum right'), listed['per_digit'])}"
        f"{_rows(('addend', 'digit right', 'sum right'), listed['per_addend'])}</div>"
    )


def _task(evidence: Evidence, images: dict[str, bytes]) -> str:
    recipe, splits = evidence.run.recipe, evidence.splits
    operation = OPERATIONS[recipe.operation]
    validation = f", {len(splits.validation.digits):,} to choose by" if splits.validation else ""
    return (
        f"<p>Two inputs: the picture of a handwritten digit, and a number from 0 to 9, the addend. Two outputs: the digit "
        f"in the picture, and digit {_text(operation.symbol)} addend.</p>"
        f"<p><b>How data is represented.</b> An image is 28x28 grey levels, 0 for paper and 255 for ink, and goes in as "
        f"(x/255 - {recipe.mean}) / {recipe.std}. The addend is a whole number, used as a one-hot vector of length "
        f"{ADDENDS}. The digit is one of 10 classes, the answer one of {operation.answers}, from {operation.lowest} to "
        f"{operation.lowest + operation.answers - 1}.</p>"
        f"<p><b>How data is generated.</b> Images and digits are MNIST's: {len(splits.train.digits):,} to train on"
        f"{validation}, {len(splits.test.digits):,} to test on. Training addends are "
        f"{_text(STRATEGIES[recipe.addends].meaning)}; the answer follows from digit and addend. Evaluation takes every "
        f"image with every addend.</p>{_image(images, 'samples', 'samples of each split')}"
    )


def _network(evidence: Evidence) -> str:
    recipe = evidence.run.recipe
    layers = describe_layers(evidence.network)
    rows = [(layer.name, layer.kind, "\u00a0x\u00a0".join(map(str, layer.shape)), f"{layer.parameters:,}") for layer in layers]
    adder = (type(evidence.network.adder).__doc__ or "").split("\n\n")
    explained = "".join(f"<p>{_code(_text(' '.join(part.split())))}</p>" for part in adder)
    return (
        f"<p>{_text(find_system(recipe.system).summary)}; {evidence.run.metrics['parameters']:,} trainable parameters.</p>"
        f"{_rows(('layer', 'kind', 'output', 'parameters'), rows)}"
        f"<p><b>How the two inputs are combined:</b> by the adder <code>{_text(recipe.adder)}</code>.</p>{explained}"
    )


def _training(evidence: Evidence, images: dict[str, bytes]) -> str:
    recipe = evidence.run.recipe
    smoothing = (
        f" The digit's target is smoothed: {recipe.label_smoothing:.0%} of it is spread over all ten digits, so that the "
        f"network does not grow surer than one pass over the data warrants."
        if recipe.label_smoothing and not recipe.teachers
        else ""
    )
    teachers = (
        f" What is learned is not the label but what networks say that were trained first "
        f"({_text(join_names(recipe.teachers))}): "
        f"of every batch {min(recipe.asked, len(recipe.teachers))} of them, drawn anew, are asked, and the mean of their "
        f"probabilities is the target."
        if recipe.teachers
        else ""
    )
    rows = [(name, str(value)) for name, value in recipe.to_dict().items()]
    return (
        f"<p><b>Which loss, and why.</b> Both outputs are choices among classes, so each has the negative log-likelihood "
        f"of the right class (cross-entropy), the proper score for a probability: it is least when the probabilities are "
        f"true. {LOSSES[recipe.loss].reason}{smoothing}{teachers}</p>"
        f"{_image(images, 'curves', 'loss and accuracy of both outputs over training')}"
        f"<details><summary>The recipe, whole</summary>{_rows(('field', 'value'), rows)}</details>"
    )


def _mistakes(images: dict[str, bytes]) -> str:
    confusions = "".join(
        _image(images, f"confusion-{output}", f"confusion matrix of the {output}") for output in ("digit", "sum")
    )
    return (
        f"<p>Answers to images drawn at random; where one is wrong, the target is below it in red.</p>"
        f"{_image(images, 'predictions', 'answers to random images')}"
        f"<p>The surest mistakes: each image with the truth, what the network said (digit, then sum) and how sure it was "
        f"of either.</p>"
        f"{_image(images, 'mistakes', 'the surest mistakes')}"
        f"<p>Colours show the mistakes; the diagonal holds the right answers.</p><div class=pair>{confusions}</div>"
    )


def _table(images: dict[str, bytes]) -> str:
    if "table" not in images:
        return ""
    return (
        f"<p>What the adder has learned from samples: the likeliest answer to each pair of digit and addend, shaded by its "
        f"probability; red marks one that is not the true one.</p>{_image(images, 'table', 'the learned table')}"
    )


def _provenance(run: Run) -> str:
    info = run.info
    facts = {**info["versions"], **info["hardware"], "commit": info["commit"] or "none (installed package)"}
    facts |= {
        "started": info["started"],
        "seed": run.recipe.seed,
        "settings changed": describe_settings(run.recipe) or "none",
    }
    hashes = [(name, digest) for name, digest in info["data"]["sha256"].items()]
    return (
        f"<p>The command that makes it again:</p><pre>{_text(info['command'])}</pre>"
        f"{_rows(('fact', 'value'), list(facts.items()))}{_rows(('data file', 'SHA-256'), hashes)}"
        f"<p>MNIST: Yann LeCun, Corinna Cortes and Christopher J. C. Burges, CC BY-SA 3.0.</p>"
    )


def _rows(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    head = "".join(f"<th>{_text(name)}" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{_text(value)}" for value in row) for row in rows)
    return f"<table><tr>{head}{body}</table>"


def _image(images: dict[str, bytes], name: str, alt: str) -> str:
    return f'<p><img alt="{_text(alt)}" src="data:image/png;base64,{base64.b64encode(images[name]).decode()}">'


def _code(text: str) -> str:
    return re.sub(r"``(.+?)``", r"<code>\1</code>", text)


def _text(value: object) -> str:
    return html.escape(str(value))
