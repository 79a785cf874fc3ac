"""The shapes of a written addition: how many digits a sum has, and what the top ones spell. No torch, so reading can use it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seesum.base.errors import InputError


def count_top_digits(addends: int) -> int:
    """Return how many digits the sum of K numbers has above theirs: those of the largest carry, K - 1. One number has none."""
    return len(str(addends - 1)) if addends > 1 else 0


def list_top_digits(addends: int) -> NDArray[np.int64]:
    """Return the top digits [T, K] that each carry 0..K-1 out of the highest column spells."""
    powers = 10 ** np.arange(count_top_digits(addends))[::-1]
    return np.arange(addends) // powers[:, None] % 10


def check_shapes(numbers: tuple[int, ...], sums: tuple[int, ...], known: bool = False) -> None:
    """Make sure that digits [B, K, N, 10] and sums [B, S] or [B, S, 10] belong together.

    Raises:
        InputError: they do not.
    """
    if len(numbers) != 4 or numbers[3] != 10 or 0 in numbers:
        raise InputError(f"digits have the shape {numbers}; expected [sums, numbers, digits, 10], none of them 0")
    count, addends, columns, _ = numbers
    addends += known
    expected = {(count, columns), (count, columns + count_top_digits(addends))}
    if sums[:2] not in expected or sums[2:] not in ((), (10,)):
        raise InputError(
            f"the sums of {addends} numbers of {columns} digits have the shape {sums}; expected one of "
            f"{sorted(expected)}, the highest digit first, and perhaps 10 log-weights a digit"
        )
