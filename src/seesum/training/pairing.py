"""Turn labelled images into written additions: which images form the numbers, and the digits of their sums. numpy only.

Every image is used in at most one sum. The labels of the images are used to compute the sums, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from seesum.base.errors import InputError
from seesum.data.idx import Digits
from seesum.networks.addition_numpy import add_digits, find_probable_sums
from seesum.networks.columns import list_top_digits

OBSERVED = {
    "sum": "all digits of their sum",
    "last": "the last digit of their sum",
    "first": "the first digit of their sum",
    "larger": "which of them is larger",
}
"""What a network sees of the numbers besides their images."""
MOST_DIGITS, MOST_NUMBERS = 10_000, 100
WHOLE = 16
"""Numbers of at most so many digits are learned in one piece. Only then can something else than digits be observed."""
HELD_OUT = 5
"""Of so many sums, one is held out where a recipe is to be chosen."""


PAIRINGS = 20
"""How often the test images are put into additions anew, for a mean with an interval."""
SUM_METRICS: dict[str, type[float | int]] = {
    "sum_accuracy": float,
    "column_accuracy": float,
    "sums": int,
    "pairings": int,
    "mean_sum_accuracy": float,
    "std_sum_accuracy": float,
    "mean_column_accuracy": float,
}
"""Metrics of sums of test images: the shares of sums and of their digits that are right in the first pairing, how many sums it
has, how many pairings there are, and mean and standard deviation over all of them."""


@dataclass(frozen=True)
class SumTask:
    """What a network learns from."""

    digits: int
    """N, the number of digits of each number."""
    numbers: int = 2
    """K, how many numbers are added."""
    observed: str = "sum"
    """One of ``OBSERVED``."""
    wrong: float = 0.0
    """The share of the sums that are wrong: any sum instead."""
    held_out: bool = False
    """Whether a fifth of the training sums is kept for choosing a recipe."""

    def __post_init__(self) -> None:
        """Refuse a task that nobody can learn."""
        for name, value, lowest, highest in (
            ("digits", self.digits, 1, MOST_DIGITS),
            ("numbers", self.numbers, 2, MOST_NUMBERS),
        ):
            if not (isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest):
                raise InputError(f"{name} is {value}, but must be a whole number from {lowest} to {highest:,}")
        if self.observed not in OBSERVED:
            raise InputError(f"observed is {self.observed!r}; expected one of {', '.join(OBSERVED)}")
        if not 0 <= self.wrong < 1:
            raise InputError(f"wrong is {self.wrong}, but must be at least 0 and below 1")
        if self.wrong and self.observed != "sum":
            raise InputError(f"only whole sums can be wrong, but {self.observed} is observed; leave wrong out")
        if self.digits > WHOLE and (self.wrong or self.observed in ("first", "larger")):
            raise InputError(f"of numbers of more than {WHOLE} digits, only right digits of the sum can be observed")
        if self.observed == "larger" and self.numbers != 2:
            raise InputError(f"larger compares two numbers, but numbers is {self.numbers}; leave it out")

    @classmethod
    def from_info(cls, info: Mapping[str, Any]) -> SumTask:
        """Return the task that ``run.json`` holds in ``sums``."""
        return cls(**{field.name: info[field.name] for field in fields(cls)})

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


class Additions(NamedTuple):
    """Written additions of images."""

    rows: NDArray[np.int64]
    """[n, K, N] which image is which digit; the highest digit first."""
    sums: NDArray[np.int64]
    """[n, S] the digits of the sums, the highest first; -1 where a digit is not observed. Other tasks have other answers."""


def make_additions(labels: Digits, task: SumTask, seed: int, name: str = "training") -> Additions:
    """Put images into additions at random, each into one, and compute the true sums.

    Raises:
        InputError: there are too few images for one addition.
    """
    size = task.numbers * task.digits
    count = len(labels) // size
    if not count:
        raise InputError(
            f"{task.numbers} numbers of {task.digits:,} digits take {size:,} images, but there are {len(labels):,} {name} "
            f"images; give fewer digits"
        )
    order = np.random.default_rng(seed).permutation(len(labels))[: count * size]
    rows = order.reshape(count, task.numbers, task.digits)
    return Additions(rows, add_digits(labels[rows]))


def make_training_additions(labels: Digits, task: SumTask, seed: int) -> tuple[Additions, Additions | None]:
    """Return the additions to learn from and, where the task wants some, those held out. Their sums are as observed.

    Raises:
        InputError: there are too few images.
    """
    made = make_additions(labels, task, seed)
    kept = len(made.sums) // HELD_OUT if task.held_out else 0
    if task.held_out and not kept:
        raise InputError(
            f"{len(made.sums)} sums are too few to hold out a fifth; expected at least {HELD_OUT}; use all of them"
        )
    held_out = Additions(made.rows[:kept], made.sums[:kept]) if kept else None
    rng = np.random.default_rng([seed, 1])
    return Additions(made.rows[kept:], _observe(labels[made.rows[kept:]], made.sums[kept:], task, rng)), held_out


def _observe(digits: Digits, sums: NDArray[np.int64], task: SumTask, rng: Generator) -> NDArray[np.int64]:
    """Return what is observed of additions [n, K, N] and their true sums [n, S].

    For ``first``, that is one digit [n, 1], and for ``larger`` it is 0, 1 or 2 [n, 1]: the first number is smaller, equal or
    larger.
    """
    if task.observed == "first":
        return np.take_along_axis(sums, (sums > 0).argmax(1)[:, None], 1)
    if task.observed == "larger":
        difference = digits[:, 0] - digits[:, 1]
        decisive = np.take_along_axis(difference, (difference != 0).argmax(1)[:, None], 1)
        return np.asarray(np.sign(decisive) + 1)
    observed = sums.copy()
    if task.observed == "last":
        observed[:, :-1] = -1
    wrong = rng.random(len(sums)) < task.wrong
    top = list_top_digits(task.numbers).T[rng.integers(0, task.numbers, len(sums))]
    others = np.concatenate([top, rng.integers(0, 10, (len(sums), task.digits))], 1)
    observed[wrong] = others[wrong]
    return observed


def evaluate_sums(logp: NDArray[Any], labels: Digits, task: SumTask, seed: int) -> dict[str, Any]:
    """Return the accuracy of sums of images, which are put into additions at random, each into one.

    Args:
        logp: [M, 10] log-probabilities of the digits in the images.
        labels: [M] their digits.
        task: N and K.
        seed: of the first additions. The next ``PAIRINGS`` - 1 seeds give the others.

    Returns:
        The metrics named in ``SUM_METRICS``.

    Raises:
        InputError: there are too few images for one addition.
    """
    right = []
    for place in range(PAIRINGS):
        additions = make_additions(labels, task, seed + place, "test")
        right.append(find_probable_sums(logp[additions.rows].astype(np.float64)).digits == additions.sums)
    shares = [one.all(1).mean() for one in right]
    values = (shares[0], right[0].mean(), len(right[0]), PAIRINGS, np.mean(shares), np.std(shares, ddof=1), np.mean(right))
    return {name: kind(value) for (name, kind), value in zip(SUM_METRICS.items(), values, strict=True)}
