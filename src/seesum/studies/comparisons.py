"""Compare the ways to combine the two inputs: every adder gets the same encoder, images, steps and seeds."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seesum.base.errors import InputError
from seesum.base.progress import say
from seesum.data.operations import BUILT_IN
from seesum.data.splits import count_images
from seesum.networks.adders import ADDERS, build_adder
from seesum.networks.contract import Adder
from seesum.networks.network import count_parameters
from seesum.networks.plugins import resolve_adder
from seesum.studies.seeds import Study, compute_spread

ENCODER = "fast"
"""The system whose encoder is used with every adder."""
SHARED_RECIPE: dict[str, Any] = {
    "split": "validate",
    "images": "all",
    "batch_size": 128,
    "optimiser": "adam",
    "lr": 0.01,
    "schedule": "one-cycle",
    "label_smoothing": 0.0,
}
"""Recipe fields that all runs share. The runs are compared on validation images, as for every other choice.
They use no label smoothing, because smoothing would look like bad calibration. They use Adam and all images,
so that the result does not depend on how well an adder suits the very short training of ``fast``."""
SHARES: dict[int, dict[str, Any]] = {100: {}, 10: {"epochs": 10}, 1: {"epochs": 94}}
"""Shares of the images (%), and the recipe fields that each changes. With fewer images there are more epochs, so that each
share of MNIST takes 375 to 380 steps of 128 images."""
HELD_OUT: dict[str, dict[str, Any]] = {"10 pairs held out": {"held_out_pairs": 10}}
"""The condition in which training never shows some pairs."""
COLUMNS = ("adder", "condition", *(f"{name}_mean" for name in ("digit_accuracy", "sum_accuracy", "both_accuracy")))
COLUMNS += ("consistency_mean", "held_out_sum_accuracy_mean")
"""The columns of a comparison that are shown to people."""
SMOOTHED_STEPS = 20
"""Number of steps over which the training accuracy is averaged."""


def list_conditions(adder: str, images: int | None = None) -> dict[str, dict[str, Any]]:
    """Return the conditions for an adder, each with the recipe fields that it changes.

    They are the shares in ``SHARES`` of all images, or of so many of them, then ``HELD_OUT`` and, for some adders, every
    other operation.
    """
    conditions = {name_share(share, images): _take_share(share, images) | SHARES[share] for share in SHARES}
    others = [name for name in BUILT_IN if name != "add"] if ADDERS[adder].compares_operations else []
    whole = _take_share(100, images)
    return conditions | {
        name: whole | changes for name, changes in {**HELD_OUT, **{name: {"operation": name} for name in others}}.items()
    }


def name_share(share: int, images: int | None = None) -> str:
    """Return the name of the condition with a share (%) of all images, or of so many of them."""
    if share == 100:
        return "all images" if images is None else f"{images:,} images"
    return f"{share} % of the images" if images is None else f"{share} % of {images:,} images"


def _take_share(share: int, images: int | None) -> dict[str, Any]:
    if images is not None:
        return {"images": str(round(images * share / 100))}
    return {} if share == 100 else {"images": f"{share}%"}


def count_compared(images: str, available: int) -> int | None:
    """Return how many images a comparison uses, out of so many training images; None for all.

    Raises:
        InputError: it is not a number of images, or the smallest share has fewer than 2.
    """
    count, least = count_images(images, available), 2 * 100 // min(SHARES)
    if count < least:
        raise InputError(f"images is {images}, which is {count:,} images; a comparison needs {least} for its 1 % of them")
    return None if images == "all" else count


def find_adders(names: tuple[str | type[Adder], ...]) -> list[str]:
    """Return the names of the adders to compare: the given ones, or all that work with any encoder.

    Raises:
        InputError: a name is unknown.
    """
    found = [resolve_adder(name) for name in names]
    return found or [name for name, adder in ADDERS.load_all(say).items() if adder.takes_any_encoder]


def compare_study(adder: str, condition: str, study: Study) -> dict[str, Any]:
    """Return one row of ``adders.csv``: the results of an adder in a condition, over all seeds."""
    metrics = [run.metrics for run in study.runs]
    study_row = study.to_row()
    row: dict[str, Any] = {"adder": adder, "condition": condition, "n": len(metrics)}
    for name in ("digit_accuracy", "sum_accuracy", "both_accuracy", "consistency", "held_out_sum_accuracy"):
        spread = compute_spread([float(values[name]) for values in metrics]) if name in metrics[0] else None
        row[f"{name}_mean"] = "" if spread is None else f"{spread.mean:.5f}"
        row[f"{name}_std"] = "" if spread is None else f"{spread.std:.5f}"
    for name in ("digit_ece", "sum_ece", "digit_loss", "sum_loss"):
        row[f"{name}_mean"] = f"{statistics.fmean(float(values[name]) for values in metrics):.5f}"
    steps = [count_steps_to(trace, 0.9) for trace in trace_learning(study)]
    row["steps_to_90_percent"] = "" if None in steps else f"{statistics.fmean(s for s in steps if s is not None):.0f}"
    network = study.runs[0].load_network()
    row["adder_parameters"] = count_parameters(network.adder)
    row["adder_microseconds"] = f"{measure_cost(adder, network.adder.features):.0f}"
    row["evaluated_on"] = metrics[0]["evaluated_on"]
    names = ("settings", "train_seconds_median", "date", "commit", "processor", "threads", "python", "torch", "precision")
    return row | {name: study_row[name] for name in names}


def trace_learning(study: Study) -> list[NDArray[np.float64]]:
    """Return, for each run, the accuracy of the sum on its training batches after every step.

    Each value is the mean over the last ``SMOOTHED_STEPS`` steps. Steps before the first one count as 0.
    """
    window = np.ones(SMOOTHED_STEPS) / SMOOTHED_STEPS
    traces = []
    for run in study.runs:
        accuracy = np.array([row["sum_accuracy"] for row in run.read_rows("steps.csv")])
        padded = np.concatenate([np.zeros(SMOOTHED_STEPS - 1), accuracy])
        traces.append(np.convolve(padded, window, "valid"))
    return traces


def count_steps_to(trace: NDArray[np.float64], accuracy: float) -> int | None:
    """Return the first step, counted from 1, at which a trace reaches an accuracy, or None if it never does."""
    reached = np.flatnonzero(trace >= accuracy)
    return int(reached[0]) + 1 if len(reached) else None


def measure_cost(name: str, width: int, batch: int = 128, tries: int = 200) -> float:
    """Measure the median time in microseconds of an adder's forward and backward pass for one batch.

    The adder gets random features of this width.
    """
    adder = build_adder(name, width, BUILT_IN["add"])
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(batch, width, generator=generator, requires_grad=True)
    logits = torch.randn(batch, 10, generator=generator, requires_grad=True)
    addend = torch.randint(0, 10, (batch,), generator=generator)
    seconds = []
    for _ in range(tries):
        start = time.perf_counter()
        output = adder(features, logits if adder.reads_logits else None, addend)
        (output.digit_logp[:, 0].sum() + output.sum_logp[:, 9].sum()).backward()
        seconds.append(time.perf_counter() - start)
    return 1e6 * statistics.median(seconds)
