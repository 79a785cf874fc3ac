"""The HTML page of a report: one file that explains a run and contains all its pictures."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seesum.base.errors import join_names
from seesum.base.markup import format_table
from seesum.base.style import DARK, DPI, LIGHT, SANS, SERIF, SHOWN_DPI
from seesum.data.idx import TURNS, LabelledImages
from seesum.data.operations import ADDENDS, Operation, find_operation
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
from seesum.showing.sums_page import describe_sums, measure_pairs
from seesum.studies.seeds import describe_settings
from seesum.training.losses import LOSSES


def _list_variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


def _list_fonts(names: Sequence[str]) -> str:
    return ",".join(f'"{name}"' for name in names)


STYLE = (
    f"""
:root{{color-scheme:light dark;{_list_variables(LIGHT)}}}
@media(prefers-color-scheme:dark){{:root{{{_list_variables(DARK)}}}}}
body{{font:16px/1.55 system-ui,{_list_fonts(SANS)},sans-serif}}
h1,h2{{font-family:{_list_fonts(SERIF)},serif}}"""
    + """
html{background:var(--paper);color:var(--text)}
body{max-width:62rem;margin:2rem auto;padding:0 1rem}
p{max-width:46rem}
h1{line-height:1.2}h2{margin-top:2.2rem;border-bottom:1px solid var(--line)}
table{border-collapse:collapse;margin:.8rem 0;display:block;max-width:100%;overflow-x:auto}
td{overflow-wrap:anywhere;min-width:2.5rem}td:first-child{white-space:nowrap}
td,th{padding:.25rem .8rem;border-bottom:1px solid var(--line);text-align:left}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
.picture{overflow-x:auto;margin:1rem 0}img{max-width:100%;background:#fff;border-radius:6px;vertical-align:top}
.pair{display:flex;flex-wrap:wrap;gap:1rem}
code,pre{background:var(--rule);border-radius:4px;padding:.1rem .3rem}pre{padding:.8rem;overflow:auto}
.big{font-size:1.5rem;font-weight:600;max-width:none}
@media(max-width:40rem){td,th{padding:.2rem .35rem;font-size:.85rem}}
@media(prefers-color-scheme:dark){img{filter:invert(.88) hue-rotate(180deg)}}
"""
)


@dataclass(frozen=True)
class ReportData:
    """What a report is made from: a finished run, its images, its network, and the probabilities for the images."""

    run: Run
    splits: Splits
    labelled: LabelledImages
    """The images that the run was evaluated on."""
    network: Network
    probabilities: Probabilities
    """The output of the network for ``labelled``, with every addend."""

    @property
    def operation(self) -> Operation:
        """The operation of the run."""
        return find_operation(self.run.recipe.operation)

    @cached_property
    def classes(self) -> PredictedClasses:
        """The predicted and the true classes of ``labelled``, with every addend."""
        return predict_classes(self.probabilities, self.labelled.digits, self.operation)


def compose_page(data: ReportData, images: dict[str, bytes]) -> str:
    """Return the HTML page of a report.

    Args:
        data: the run and its results.
        images: PNG files of the pictures, by name.
    """
    run, metrics = data.run, measure_pairs(data.run)
    sections = [
        ("Learned from sums alone", describe_sums(run)),
        ("Results", _results(data, metrics)),
        ("The task", _task(data, images)),
        ("The network", _network(data)),
        ("Training", _training(data, images)),
        ("Answers and mistakes", _mistakes(images)),
        ("The learned table", _learned_table(images)),
        ("How this run was made", _provenance(run)),
    ]
    body = "".join(f"<h2>{title}</h2>{content}" for title, content in sections if content)
    title = f"{run.recipe.system}, seed {run.recipe.seed}: a digit and a sum"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{_escape(title)}</title><style>{STYLE}</style><h1>{_escape(title)}</h1>{body}</html>\n"
    )


def _results(data: ReportData, metrics: dict[str, Any]) -> str:
    images = metrics["images"]
    rows = []
    for output in ("digit", "sum", "both"):
        share = metrics[f"{output}_accuracy"]
        low, high = wilson_interval(share, images)
        rows.append((output, f"{share:.2%}", f"{low:.2%} to {high:.2%}"))
    breakdown = compute_breakdown(data.probabilities, data.labelled.digits, data.operation)
    tables = {
        name: [
            (row[name.removeprefix("per_")], *(format_percent(row[f"{output}_accuracy"]) for output in ("digit", "sum")))
            for row in values
        ]
        for name, values in breakdown.items()
    }
    return (
        f"<p class=big>Digit {metrics['digit_accuracy']:.2%}, sum {metrics['sum_accuracy']:.2%}, after "
        f"{metrics['train_seconds']:.1f} seconds of training</p>"
        f"<p>Each of the {images:,} {metrics['evaluated_on']} images was combined with all ten addends, which gives "
        f"{metrics['pairs']:,} pairs. The result does not depend on a random choice of addends. The intervals are 95 % "
        f"Wilson intervals. They count images instead of pairs, because the ten pairs of an image are not independent: "
        f"they are mostly right or wrong together.</p>"
        f"{format_table(('output', 'accuracy', 'interval'), rows)}"
        f"<p>On {metrics['consistency']:.2%} of the pairs, the predicted sum follows from the predicted digit and the "
        f"addend. The mean negative log-likelihood is {metrics['digit_loss']:.4f} nats for the digit and "
        f"{metrics['sum_loss']:.4f} nats for the sum. The expected calibration error is {metrics['digit_ece']:.2%} for the "
        f"digit and {metrics['sum_ece']:.2%} for the sum.</p>"
        f"<div class=pair>{format_table(('digit', 'digit right', 'sum right'), tables['per_digit'])}"
        f"{format_table(('addend', 'digit right', 'sum right'), tables['per_addend'])}</div>"
    )


def _task(data: ReportData, images: dict[str, bytes]) -> str:
    recipe, splits = data.run.recipe, data.splits
    operation = data.operation
    validation = f", {len(splits.validation.digits):,} for validation" if splits.validation else ""
    added = {"synthetic digits": recipe.synthetic_digits, "synthetic non-digits": recipe.synthetic_non_digits}
    counts = [f"{count:,} {name}" for name, count in added.items() if count]
    synthetic = f" For each epoch, {join_names(counts)} are added to the training images." if counts else ""
    return (
        f"<p>The network has two inputs: the picture of a handwritten digit, and a number from 0 to 9, the addend. It has "
        f"two outputs: the digit in the picture, and the result of {_escape(operation.write('digit', 'addend'))}. This page "
        f"calls the result the sum.</p>"
        f"<p><b>How data is represented.</b> An image has 28x28 grey levels, from 0 for paper to 255 for ink. The network "
        f"gets (x/255 - {recipe.mean}) / {recipe.std} for each grey level x. The addend is a whole number. The network gets "
        f"it as a one-hot vector of length {ADDENDS}. The digit is one of 10 classes. The answer is one of "
        f"{operation.num_classes} classes: {operation.describe_values()}.</p>"
        f"<p><b>How data is generated.</b> {describe_images(data.run.info['data'])} {len(splits.train.digits):,} of them "
        f"are for training{validation}, {len(splits.test.digits):,} for testing.{synthetic} Addends in training: "
        f"{_escape(ADDEND_STRATEGIES[recipe.addends].meaning)}. The answer follows from the digit and the addend. The "
        f"evaluation uses every image with every addend.</p>{_image(images, 'samples', 'samples of each split')}"
    )


def describe_images(source: dict[str, Any]) -> str:
    """Return a sentence on where the images of a run come from, and how they were turned: ``data`` of its ``run.json``."""
    if source["directory"] is None:
        return "The images and digits are those of MNIST."
    options = [f"<code>--{name}</code>" for name in TURNS if source.get(name)]
    turned = f", turned with {join_names(options)}" if options else ""
    return f"The images and digits were read from the folder <code>{_escape(source['directory'])}</code>{turned}."


def _name_sources(run: Run) -> str:
    """Return a sentence for each thing in the recipe that is not built in, with the place that it came from."""
    given = [one for one in run.info.get("plugins", []) if one["reference"]]
    return "".join(
        f"The {_escape(one['kind'])} {_escape(one['name'])} comes from {_escape(one['reference'])}. " for one in given
    )


def _network(data: ReportData) -> str:
    recipe = data.run.recipe
    layers = describe_layers(data.network)
    rows = [(layer.name, layer.kind, "\u00a0x\u00a0".join(map(str, layer.shape)), f"{layer.parameters:,}") for layer in layers]
    summary = (one := find_system(recipe.system).summary) and f" ({_escape(one)})"
    paragraphs = (type(data.network.adder).__doc__ or "").split("\n\n")
    explanation = "".join(f"<p>{_mark_code(_escape(' '.join(text.split())))}</p>" for text in paragraphs)
    return (
        f"<p>System <code>{_escape(recipe.system)}</code>{summary}. {_name_sources(data.run)}The network has "
        f"{data.run.metrics['parameters']:,} trainable parameters.</p>"
        f"{format_table(('layer', 'type', 'output shape', 'parameters'), rows)}"
        f"<p><b>How the two inputs are combined.</b> This is the job of the adder <code>{_escape(recipe.adder)}</code>:</p>"
        f"{explanation}"
    )


def _training(data: ReportData, images: dict[str, bytes]) -> str:
    recipe = data.run.recipe
    smoothing = (
        f" The target of the digit is smoothed: {recipe.label_smoothing:.0%} of its probability is spread evenly over all "
        f"ten digits. This keeps the network from becoming more confident than one pass over the data justifies."
        if recipe.label_smoothing and not recipe.teachers
        else ""
    )
    teachers = (
        f" The network learns from teachers instead of the labels. The teachers were trained first: "
        f"{_escape(join_names(recipe.teachers))}. For each batch, "
        f"{min(recipe.teachers_per_batch, len(recipe.teachers))} of them are chosen at random. The target is the mean of "
        f"their probabilities."
        if recipe.teachers
        else ""
    )
    rows = [(name, str(value)) for name, value in recipe.to_dict().items()]
    reason = _escape(LOSSES[recipe.loss].reason)
    return (
        f"<p><b>Which loss, and why.</b> Both outputs are classifications. The loss of each output is therefore the "
        f"negative log-likelihood of the right class (cross-entropy). It is a proper score for probabilities: its mean is "
        f"lowest when the predicted probabilities are the true ones. {reason}{smoothing}{teachers}</p>{_course(data.run)}"
        f"{_image(images, 'curves', 'loss and accuracy of both outputs during training')}"
        f"<details><summary>The full recipe</summary>{format_table(('field', 'value'), rows)}</details>"
    )


def _course(run: Run) -> str:
    """Say from which weights a fine-tuned network started, and whether the training was stopped early."""
    metrics, sentences = run.metrics, []
    if "start_from" in run.info:
        sentences.append(f"The training started from the weights of {_escape(run.info['start_from']['run'])}.")
    if "kept_epoch" in metrics:
        sentences.append(f"The weights after epoch {metrics['kept_epoch']} were kept. Epoch 0 is the start.")
    if metrics["epochs"] < run.recipe.epochs:
        sentences.append(f"It was stopped after {metrics['epochs']} of {run.recipe.epochs} epochs.")
    return f"<p>{' '.join(sentences)}</p>" if sentences else ""


def _mistakes(images: dict[str, bytes]) -> str:
    confusions = "".join(
        _image(images, f"confusion-{output}", f"confusion matrix of the {output}") for output in ("digit", "sum")
    )
    return (
        f"<p>The answers to images chosen at random. A wrong answer is red, and the truth is below it.</p>"
        f"{_image(images, 'predictions', 'answers to random images')}"
        f"<p>The wrong answers with the highest confidence come first. Each caption shows the prediction, the truth, and the "
        f"probabilities of the predicted digit and sum.</p>"
        f"{_image(images, 'mistakes', 'the wrong answers with the highest confidence')}"
        f"<p>The confusion matrices have the true classes as rows and the predicted classes as columns. The diagonal holds "
        f"the right answers. Only mistakes are coloured.</p>{confusions}"
    )


def _learned_table(images: dict[str, bytes]) -> str:
    if "table" not in images:
        return ""
    return (
        f"<p>The adder learned this table from samples. It shows the most probable answer for each digit and addend. The "
        f"fainter a cell, the less probable its answer. Equal answers have one colour. Wrong answers have a red frame.</p>"
        f"{_image(images, 'table', 'the learned table')}"
    )


def _provenance(run: Run) -> str:
    info = run.info
    facts = {**info["versions"], **info["hardware"], "commit": info["commit"] or "none (installed package)"}
    facts |= {
        "started": info["started"],
        "seed": run.recipe.seed,
        "settings changed": describe_settings(run.recipe) or "none",
    }
    authors = "Yann LeCun, Corinna Cortes and Christopher J. C. Burges"
    mnist = f"<p>MNIST: {authors}, CC BY-SA 3.0.</p>" if info["data"]["directory"] is None else ""
    hashes = [(name, digest) for name, digest in info["data"]["sha256"].items()]
    return (
        f"<p>This command trains the run again:</p><pre>{_escape(info['command'])}</pre>"
        f"{format_table(('item', 'value'), list(facts.items()))}{format_table(('data file', 'SHA-256'), hashes)}"
        f"{mnist}"
    )


def _image(images: dict[str, bytes], name: str, alt: str) -> str:
    """Return a picture that becomes smaller on narrow screens, down to the size at which its text can be read."""
    width = int.from_bytes(images[name][16:20]) * SHOWN_DPI / DPI  # in the header of a PNG file
    source = f"data:image/png;base64,{base64.b64encode(images[name]).decode()}"
    style = f"width:{width:.0f}px;min-width:{0.8 * width:.0f}px"
    return f'<div class=picture><img alt="{_escape(alt)}" style="{style}" src="{source}"></div>'


def _mark_code(text: str) -> str:
    return re.sub(r"``(.+?)``", r"<code>\1</code>", text)


def _escape(value: object) -> str:
    return html.escape(str(value))
