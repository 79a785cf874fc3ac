"""The page of a report, as HTML: one file that explains a run and holds all its pictures."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seesum.base.errors import join_names
from seesum.data.idx import LabelledImages
from seesum.data.operations import ADDENDS, OPERATIONS, Operation
from seesum.data.samples import ADDEND_STRATEGIES
from seesum.data.splits import Splits
from seesum.measuring.metrics import (
    PredictedClasses,
    Probabilities,
    compute_breakdown,
    format_percent,
    predict_classes,
    wilson_interval,
)
from seesum.networks.network import Network, describe_layers
from seesum.networks.systems import find_system
from seesum.runs.run import Run
from seesum.studies.seeds import describe_settings
from seesum.training.losses import LOSSES

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
class ReportData:
    """What a report is made from: a finished run, its images, its network and what that says of them."""

    run: Run
    splits: Splits
    labelled: LabelledImages
    """The images it was evaluated on."""
    network: Network
    probabilities: Probabilities
    """Of ``labelled``."""

    @property
    def operation(self) -> Operation:
        """The operation of the run."""
        return OPERATIONS[self.run.recipe.operation]

    @cached_property
    def classes(self) -> PredictedClasses:
        """The answers of the network to ``labelled`` with every addend, beside the truth."""
        return predict_classes(self.probabilities, self.labelled.digits, self.operation)


def compose_page(data: ReportData, images: dict[str, bytes]) -> str:
    run = data.run
    metrics = run.metrics
    sections = [
        ("Results", _results(data, metrics)),
        ("The task", _task(data, images)),
        ("The network", _network(data)),
        ("Training", _training(data, images)),
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


def _results(data: ReportData, metrics: dict[str, Any]) -> str:
    images = metrics["images"]
    rows = []
    for output in ("digit", "sum", "both"):
        share = metrics[f"{output}_accuracy"]
        low, high = wilson_interval(share, images)
        rows.append((output, f"{share:.2%}", f"{low:.2%} to {high:.2%}"))
    detail = compute_breakdown(data.probabilities, data.labelled.digits, data.operation)
    listed = {
        name: [
            (row[name.removeprefix("per_")], *(format_percent(row[f"{output}_accuracy"]) for output in ("digit", "sum")))
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


def _task(data: ReportData, images: dict[str, bytes]) -> str:
    recipe, splits = data.run.recipe, data.splits
    operation = OPERATIONS[recipe.operation]
    validation = f", {len(splits.validation.digits):,} to choose by" if splits.validation else ""
    return (
        f"<p>Two inputs: the picture of a handwritten digit, and a number from 0 to 9, the addend. Two outputs: the digit "
        f"in the picture, and digit {_text(operation.symbol)} addend.</p>"
        f"<p><b>How data is represented.</b> An image is 28x28 grey levels, 0 for paper and 255 for ink, and goes in as "
        f"(x/255 - {recipe.mean}) / {recipe.std}. The addend is a whole number, used as a one-hot vector of length "
        f"{ADDENDS}. The digit is one of 10 classes, the answer one of {operation.num_classes}, from {operation.lowest} to "
        f"{operation.lowest + operation.num_classes - 1}.</p>"
        f"<p><b>How data is generated.</b> Images and digits are MNIST's: {len(splits.train.digits):,} to train on"
        f"{validation}, {len(splits.test.digits):,} to test on. Training addends are "
        f"{_text(ADDEND_STRATEGIES[recipe.addends].meaning)}; the answer follows from digit and addend. Evaluation takes every "
        f"image with every addend.</p>{_image(images, 'samples', 'samples of each split')}"
    )


def _network(data: ReportData) -> str:
    recipe = data.run.recipe
    layers = describe_layers(data.network)
    rows = [(layer.name, layer.kind, "\u00a0x\u00a0".join(map(str, layer.shape)), f"{layer.parameters:,}") for layer in layers]
    adder = (type(data.network.adder).__doc__ or "").split("\n\n")
    explained = "".join(f"<p>{_code(_text(' '.join(part.split())))}</p>" for part in adder)
    return (
        f"<p>{_text(find_system(recipe.system).summary)}; {data.run.metrics['parameters']:,} trainable parameters.</p>"
        f"{_rows(('layer', 'kind', 'output', 'parameters'), rows)}"
        f"<p><b>How the two inputs are combined:</b> by the adder <code>{_text(recipe.adder)}</code>.</p>{explained}"
    )


def _training(data: ReportData, images: dict[str, bytes]) -> str:
    recipe = data.run.recipe
    smoothing = (
        f" The digit's target is smoothed: {recipe.label_smoothing:.0%} of it is spread over all ten digits, so that the "
        f"network does not grow surer than one pass over the data warrants."
        if recipe.label_smoothing and not recipe.teachers
        else ""
    )
    teachers = (
        f" What is learned is not the label but what networks say that were trained first "
        f"({_text(join_names(recipe.teachers))}): "
        f"of every batch {min(recipe.teachers_per_batch, len(recipe.teachers))} of them, drawn anew, are asked, and the mean of their "
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
