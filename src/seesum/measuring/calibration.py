"""How far a network's confidence can be relied on: temperature, coverage, and below which confidence it is unsure. numpy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seesum.data.idx import Digits
from seesum.data.operations import SMALLEST, Operation
from seesum.measuring.metrics import Probabilities, predict_classes

COVERAGES = (1.0, 0.99, 0.97, 0.95)
"""Shares of the pairs, the most confident ones, whose accuracy is reported."""


@dataclass(frozen=True)
class Calibration:
    """What makes a network's probabilities honest."""

    temperature: float = 1.0
    """By what digit logits are divided."""
    confidence_threshold: float = 0.55
    """Confidence under which an answer is marked unsure. The default is for networks that nobody has calibrated: the
    smoothed probabilities of a one-epoch network trained on 48,000 images accepted 98.6 % of the validation images with it,
    99.5 % of them right (one run, 2026-11-22)."""

    def to_dict(self) -> dict[str, float]:
        """Plain values, for JSON."""
        return asdict(self)


def fit_temperature(digit_p: NDArray[np.float32], digits: Digits) -> float:
    """Temperature that gives digit probabilities [N, 10] the least negative log-likelihood on digits [N].

    Source: Guo et al. 2017, "On calibration of modern neural networks", arXiv 1706.04599. It is never chosen on images
    that a network was trained or is tested on. Where every digit is right, it is 1: nothing says then how sure is too sure.
    """
    from scipy.optimize import minimize_scalar  # half a second to import

    if (digit_p.argmax(1) == digits).all():
        return 1.0
    logp = np.log(np.maximum(digit_p.astype(np.float64), SMALLEST))

    def loss(log_temperature: float) -> float:
        scaled = logp / np.exp(log_temperature)
        scaled -= scaled.max(1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(1)) - scaled[np.arange(len(digits)), digits]).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def rank_by_confidence(
    probabilities: Probabilities, digits: Digits, operation: Operation
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Confidence of each image with each addend, highest first, and whether both its outputs are right; [10 N] each."""
    winners = predict_classes(probabilities, digits, operation)
    right = (winners.digit == winners.true_digit) & (winners.sum == winners.true_sum)
    confidence = probabilities.confidence
    order = np.argsort(-confidence, axis=None, kind="stable")
    return confidence.ravel()[order], right.ravel()[order]


def compute_coverage(probabilities: Probabilities, digits: Digits, operation: Operation) -> list[dict[str, float]]:
    """Share of right pairs (both outputs) among the most confident ones, for each of ``COVERAGES``."""
    confidence, right = rank_by_confidence(probabilities, digits, operation)
    counts = [max(1, round(coverage * len(right))) for coverage in COVERAGES]
    return [
        {
            "coverage": coverage,
            "both_accuracy": float(right[:count].mean()),
            "confidence": float(confidence[count - 1]),
        }
        for coverage, count in zip(COVERAGES, counts, strict=True)
    ]


def choose_threshold(
    probabilities: Probabilities, digits: Digits, operation: Operation, target: float
) -> tuple[float, dict[str, Any]]:
    """Lowest confidence from which on accepted pairs are right as often as ``target``, and what that gives.

    Returns:
        The confidence, and ``coverage`` (share of the pairs accepted) and ``both_accuracy`` (share of those right). Where
        no confidence reaches the target, it is the one above which accuracy is greatest.
    """
    confidence, right = rank_by_confidence(probabilities, digits, operation)
    accuracy = np.cumsum(right) / np.arange(1, len(right) + 1)
    ends = np.append(confidence[1:] < confidence[:-1], True)  # equally confident pairs are accepted together
    reached = np.flatnonzero(ends & (accuracy >= target))
    last = int(reached[-1]) if len(reached) else int(np.argmax(np.where(ends, accuracy, 0)))
    accepted = {"coverage": float((last + 1) / len(right)), "both_accuracy": float(accuracy[last])}
    return float(confidence[last]), accepted
