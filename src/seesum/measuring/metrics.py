"""Compute metrics from probabilities: accuracy, loss, consistency, calibration error, confusion, intervals. numpy only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.base.errors import InputError
from seesum.data.idx import Digits
from seesum.data.operations import ADDENDS, SMALLEST, Operation, Pairs

METRICS = ("output", "accuracy", "95 % interval", "loss", "ECE")
"""The columns of ``list_metrics``."""


class Probabilities(NamedTuple):
    """What a network predicts for N images with A addends each."""

    digit_p: NDArray[np.float32]
    """Probabilities of the digits, [N, A, 10]."""
    sum_p: NDArray[np.float32]
    """Probabilities of the answer classes, [N, A, S]."""

    @property
    def confidence(self) -> NDArray[np.float32]:
        """[N, A]: probability of the less certain output, as in an ``Answer`` to a picture of one digit."""
        lowest: NDArray[np.float32] = np.minimum(self.digit_p.max(2), self.sum_p.max(2))
        return lowest


def check_probabilities(probabilities: NDArray[np.float32], source: str) -> None:
    """Make sure that rows [N, K] are probabilities, to within rounding.

    Args:
        probabilities: what a network computed.
        source: what the message calls the network.

    Raises:
        InputError: they are not, as with weights that are not numbers.
    """
    right = (probabilities >= 0).all() and (np.abs(probabilities.sum(1) - 1) < 1e-2).all()  # false where there is a NaN
    if not right:
        raise InputError(f"{source} computes no probabilities: its weights are damaged; train or export it again")


class PredictedClasses(NamedTuple):
    """The most probable classes for every image and addend, and the true ones."""

    digit: Digits
    """[N, 10]: image, addend."""
    sum: Digits
    """[N, 10], answer classes."""
    true_digit: Digits
    """[N, 1]."""
    true_sum: Digits
    """[N, 10], answer classes."""


def predict_classes(probabilities: Probabilities, digits: Digits, operation: Operation) -> PredictedClasses:
    """Return the most probable digit and answer of each image with each addend 0..9, and the true ones."""
    truth = digits[:, None]
    true_sum = operation.classify(truth, np.arange(ADDENDS)[None, :])
    return PredictedClasses(probabilities.digit_p.argmax(2), probabilities.sum_p.argmax(2), truth, true_sum)


def compute_pair_metrics(probabilities: Probabilities, digits: Digits, operation: Operation) -> dict[str, float | int]:
    """Compute metrics over all N images x 10 addends, under the names of ``metrics.json``.

    Accuracies are fractions of 1. So is ``consistency``: the share of pairs whose sum follows from their own digit and the
    addend. Losses are mean negative log-likelihoods in nats; ``loss`` is the sum of both.
    """
    predicted = predict_classes(probabilities, digits, operation)
    digit_right, sum_right = predicted.digit == predicted.true_digit, predicted.sum == predicted.true_sum
    implied = operation.classify(predicted.digit, np.arange(ADDENDS)[None, :])
    digit_loss = _negative_log(np.take_along_axis(probabilities.digit_p, predicted.true_digit[..., None], 2))
    sum_loss = _negative_log(np.take_along_axis(probabilities.sum_p, predicted.true_sum[..., None], 2))
    return {
        "digit_accuracy": float(digit_right.mean()),
        "sum_accuracy": float(sum_right.mean()),
        "both_accuracy": float((digit_right & sum_right).mean()),
        "digit_loss": digit_loss,
        "sum_loss": sum_loss,
        "loss": digit_loss + sum_loss,
        "consistency": float((implied == predicted.sum).mean()),
        "digit_ece": compute_ece(probabilities.digit_p.max(2), digit_right),
        "sum_ece": compute_ece(probabilities.sum_p.max(2), sum_right),
        "images": len(digits),
        "pairs": len(digits) * ADDENDS,
    }


def compute_subset_accuracy(
    probabilities: Probabilities, digits: Digits, operation: Operation, pairs: Pairs
) -> dict[str, float]:
    """Compute the accuracy of both outputs on the (digit, addend) pairs among ``pairs``; empty if there is none."""
    predicted = predict_classes(probabilities, digits, operation)
    selected = pairs[predicted.true_digit, np.arange(ADDENDS)[None, :]]
    if not selected.any():
        return {}
    return {
        "digit_accuracy": float((predicted.digit == predicted.true_digit)[selected].mean()),
        "sum_accuracy": float((predicted.sum == predicted.true_sum)[selected].mean()),
    }


def compute_breakdown(probabilities: Probabilities, digits: Digits, operation: Operation) -> dict[str, list[dict[str, Any]]]:
    """Compute the accuracy of both outputs for each digit (``per_digit``) and for each addend (``per_addend``).

    A digit that does not occur has ``images`` 0 and accuracies of None.
    """
    predicted = predict_classes(probabilities, digits, operation)
    digit_right, sum_right = predicted.digit == predicted.true_digit, predicted.sum == predicted.true_sum

    def row(name: str, value: int, where: Any) -> dict[str, Any]:
        count = len(digit_right[where])
        right = {"digit_accuracy": digit_right, "sum_accuracy": sum_right}
        means = {key: float(values[where].mean()) if count else None for key, values in right.items()}
        return {name: value, "images": count, **means}

    return {
        "per_digit": [row("digit", value, digits == value) for value in range(10)],
        "per_addend": [row("addend", value, np.s_[:, value]) for value in range(ADDENDS)],
    }


def confusion_matrix(winners: Digits, truth: Digits, classes: int) -> Digits:
    """Count [classes, classes]: the true class in rows, the predicted class in columns. The arrays broadcast."""
    winners, truth = np.broadcast_arrays(winners, truth)
    return np.bincount((truth * classes + winners).ravel(), minlength=classes**2).reshape(classes, classes)


def compute_ece(confidence: NDArray[np.float32], right: NDArray[np.bool_], bins: int = 15) -> float:
    """Compute the expected calibration error: the mean gap between confidence and accuracy over bins of equal width.

    Source: Guo et al. 2017, "On calibration of modern neural networks", arXiv 1706.04599; 15 bins as there.
    """
    confidence, right = confidence.ravel().astype(np.float64), right.ravel().astype(np.float64)
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(bin_of, confidence - right, bins)
    return float(np.abs(gaps).sum() / len(confidence))


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share observed in ``count`` independent trials.

    For the accuracy over pairs, ``count`` is the number of images: the ten pairs of an image are mostly right or wrong
    together.
    """
    z = 1.959964
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, centre - half), min(1.0, centre + half)


def format_percent(share: float | None) -> str:
    """Write a fraction of 1 in percent; ``none`` where there is no value."""
    return "none" if share is None else f"{share:.2%}"


def list_metrics(metrics: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Return a row for each output of the values of ``metrics.json``: its name, accuracy, interval, loss and ECE, as text."""
    rows = []
    for output in ("digit", "sum", "both"):
        share = metrics[f"{output}_accuracy"]
        of_sums = output == "sum" and "sums" in metrics  # of a run that learned from sums
        low, high = wilson_interval(share, metrics["sums" if of_sums else "images"])
        rest = (
            ("", "") if of_sums or output == "both" else (f"{metrics[f'{output}_loss']:.4f}", f"{metrics[f'{output}_ece']:.2%}")
        )
        rows.append((output, f"{share:.2%}", f"{low:.2%} to {high:.2%}", *rest))
    return rows


def _negative_log(p: NDArray[np.float32]) -> float:
    return float(-np.log(np.maximum(p.astype(np.float64), SMALLEST)).mean())
