"""Measure how well a network reads people's own pictures, whose digits are known. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.measuring.metrics import confusion_matrix, wilson_interval


class Judged(NamedTuple):
    """One picture with its true values, and what the network answered."""

    picture: str
    """Its path."""
    digit: int
    """The true digit."""
    addend: int
    true_sum: int
    """What the operation gives for the true digit and the addend."""
    predicted: tuple[int, int] | None
    """Digit and sum of the answer; None if the picture cannot be read."""
    confidence: float
    unsure: bool
    """Whether the answer is not accepted. A picture that cannot be read is not accepted either."""
    seconds: float
    """Time to prepare and answer it."""
    image: NDArray[np.uint8] | None = None
    """[28, 28], as the network saw it."""
    error: str = ""
    """Why it cannot be read."""

    @property
    def right(self) -> tuple[bool, bool, bool]:
        """Whether digit, sum, and both are right. A picture that cannot be read is wrong."""
        if self.predicted is None:
            return False, False, False
        digit, total = self.predicted[0] == self.digit, self.predicted[1] == self.true_sum
        return digit, total, digit and total


def find_mistakes(judged: Sequence[Judged]) -> list[Judged]:
    """Return the pictures that were read with a wrong digit or sum, the surest first."""
    wrong = [one for one in judged if one.predicted is not None and not all(one.right)]
    return sorted(wrong, key=lambda one: -one.confidence)


def summarise_pictures(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return the accuracy of N pictures, as plain values.

    Each accuracy comes with its 95 % interval (Wilson). Pictures that cannot be read count as wrong. ``accepted`` is the share
    of pictures whose answer is not unsure, and ``accepted_accuracy`` the share of those with digit and sum right, None
    without any. ``confusion`` counts the pictures that were read: the true digit in rows, the predicted one in columns.
    """
    count, read = len(judged), [one for one in judged if one.predicted is not None]
    shares = np.array([one.right for one in judged]).mean(0)
    values: dict[str, Any] = {"pictures": count, "not_read": count - len(read)}
    for name, share in zip(("digit", "sum", "both"), map(float, shares), strict=True):
        values |= {f"{name}_accuracy": share, f"{name}_interval": list(wilson_interval(share, count))}
    accepted = [one.right[2] for one in judged if not one.unsure]
    right = sum(accepted) / len(accepted) if accepted else None
    interval = None if right is None else list(wilson_interval(right, len(accepted)))
    values |= {"accepted": len(accepted) / count, "accepted_accuracy": right, "accepted_interval": interval}
    pairs = np.array([(one.predicted[0], one.digit) for one in read if one.predicted], np.int64).reshape(-1, 2)
    return values | {
        "confusion": confusion_matrix(pairs[:, 0], pairs[:, 1], 10).tolist(),
        "milliseconds_per_picture": 1000 * median(one.seconds for one in judged),
        "mistakes": [_describe(one) for one in find_mistakes(judged)],
        "failures": [{"picture": one.picture, "error": one.error} for one in judged if one.predicted is None],
    }


def _describe(judged: Judged) -> dict[str, Any]:
    digit, total = judged.predicted or (None, None)
    return {
        "picture": judged.picture,
        "true_digit": judged.digit,
        "digit": digit,
        "addend": judged.addend,
        "true_sum": judged.true_sum,
        "sum": total,
        "confidence": judged.confidence,
        "unsure": judged.unsure,
    }
