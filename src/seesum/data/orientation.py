"""Tell how the images of a data set lie: bright ink on black or the reverse, upright or turned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seesum.base.errors import InputError

RIM = 4
"""Pixels between the rim of an image and the square in its middle that MNIST fits digits into."""
FEWEST = 50
"""Images that say how they lie. Fewer say too little."""
SAMPLE, MOST = 500, 0.75
"""Images whose ink is looked at, and the share that must have a bright rim."""
COMPARED, LIKENESS, LEAD = 2_000, 0.6, 0.3
"""Images that are compared with MNIST, the likeness that a turned set must have, and its lead over the set as it is.
MNIST's own test images have 0.98 as they are, and at most 0.47 in another orientation; 50 of them have 0.72, and at most
0.37. Under other labels, as other scripts would be, they stay below 0.2 in every orientation, so that nothing is said."""
ORIENTATIONS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "transposed": lambda images: images.transpose(0, 2, 1),
    "mirrored from left to right": lambda images: images[:, :, ::-1],
    "mirrored from top to bottom": lambda images: images[:, ::-1],
    "upside down": lambda images: images[:, ::-1, ::-1],
    "rotated by 90 degrees to the left": lambda images: np.rot90(images, -1, (1, 2)),
    "rotated by 90 degrees to the right": lambda images: np.rot90(images, 1, (1, 2)),
    "transposed and upside down": lambda images: images.transpose(0, 2, 1)[:, ::-1, ::-1],
}
"""How images can lie other than upright, and what turns them back."""


def is_inverted(images: NDArray[np.uint8]) -> bool:
    """Return whether more than three images in four [N, 28, 28] have a rim brighter than their middle, among 50 or more."""
    sample = images[:: max(1, len(images) // SAMPLE)].astype(np.float64)
    middle = sample[:, RIM:-RIM, RIM:-RIM]
    rim = sample.sum((1, 2)) - middle.sum((1, 2))
    rim_pixels = sample[0].size - middle[0].size
    brighter = rim / rim_pixels > middle.mean((1, 2))
    return len(images) >= FEWEST and bool(brighter.mean() > MOST)


def refuse_inverted(images: NDArray[np.uint8], name: str, turns: Sequence[str]) -> None:
    """Make sure that images are bright ink on black, as far as they tell.

    Args:
        images: uint8 [N, 28, 28].
        name: what the message calls them.
        turns: how the user has turned them.

    Raises:
        InputError: they are not.
    """
    if not is_inverted(images):
        return
    if "invert" in turns:
        raise InputError(f"{name} are black ink on white with --invert; leave --invert (invert=True) out")
    raise InputError(f"{name} are black ink on white as they are; turn them with --invert (in Python: invert=True)")


def refuse_turned(
    images: NDArray[np.uint8], digits: NDArray[np.int64], upright: NDArray[np.float64], name: str, turns: Sequence[str]
) -> None:
    """Make sure that images lie as those of MNIST do, as far as they tell. See ``refuse_inverted`` and ``find_orientation``.

    Raises:
        InputError: they do not.
    """
    orientation = find_orientation(images, digits, upright)
    if orientation is None:
        return
    if orientation != "transposed":
        turn = "turn the images of the files so that their digits stand upright"
    elif "transpose" in turns:
        turn = "leave --transpose (transpose=True) out"
    else:
        turn = "turn them with --transpose (in Python: transpose=True)"
    found = " with --transpose" if "transpose" in turns else ""
    raise InputError(f"{name} are {orientation}{found}; {turn}")


def average_digits(images: NDArray[np.uint8], digits: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean image of each digit, [10, 28, 28], zeros for a digit that does not occur."""
    means = np.zeros((10, *images.shape[1:]))
    for digit in np.unique(digits):
        means[digit] = images[digits == digit].mean(0)
    return means


def find_orientation(images: NDArray[np.uint8], digits: NDArray[np.int64], upright: NDArray[np.float64]) -> str | None:
    """Return how images lie, by their likeness to upright ones, or None for upright ones and for those that do not tell.

    What counts is in what the mean image of each digit differs from the mean of all: its correlation with the same difference
    in upright images.

    Args:
        images: uint8 [N, 28, 28], bright ink on black.
        digits: int64 [N].
        upright: mean image of each digit as it should lie, [10, 28, 28].
    """
    step = max(1, len(images) // COMPARED)
    shares = np.bincount(digits[::step], minlength=10) / len(digits[::step])
    if len(images) < FEWEST or np.count_nonzero(shares) < 2:
        return None
    means = average_digits(images[::step], digits[::step])
    expected = _subtract_mean(upright, shares)
    as_is = _correlate(_subtract_mean(means, shares), expected, shares)
    likeness = {name: _correlate(_subtract_mean(turn(means), shares), expected, shares) for name, turn in ORIENTATIONS.items()}
    best = max(likeness, key=lambda name: likeness[name])
    return best if likeness[best] >= max(LIKENESS, as_is + LEAD) else None


def _subtract_mean(means: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what each digit's mean image differs in from the mean of all images, in which each digit has its share."""
    difference: NDArray[np.float64] = means - np.tensordot(shares, means, 1)
    return difference


def _correlate(first: NDArray[np.float64], second: NDArray[np.float64], shares: NDArray[np.float64]) -> float:
    """Return the mean correlation of two sets of images [10, 28, 28] over the digits that occur."""
    present = [digit for digit in range(10) if shares[digit] and first[digit].std() and second[digit].std()]
    pairs = [np.corrcoef(first[digit].ravel(), second[digit].ravel())[0, 1] for digit in present]
    return float(np.mean(pairs)) if pairs else 0.0
