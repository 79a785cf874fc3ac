"""Operations: what is computed from digit and addend, and which of the 100 pairs training shows. numpy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from seesum.base.errors import InputError
from seesum.base.recipe import Recipe
from seesum.base.registry import look_up
from seesum.data.idx import Digits

NO_DIGIT = -1
"""The label, as digit and as answer class, of an image that shows no digit or several. Only training samples have it."""
SMALLEST = 1e-30
"""Probabilities are raised to this before their logarithm is taken."""
ADDENDS = 10
"""Addends are the whole numbers 0..9."""

Pairs = NDArray[np.bool_]
"""[10, 10]: a truth value for each digit and addend."""


@dataclass(frozen=True)
class Operation:
    """What is computed from digit and addend. It fixes the answer classes: value = class + lowest."""

    symbol: str
    """Between digit and addend in a formula: ``+``."""
    compute: Callable[[Digits, Digits], Digits]
    """Digits and addends, arrays that broadcast -> values."""
    lowest: int
    """The value of class 0."""
    num_classes: int
    """S, the number of answer classes."""

    def classify(self, digits: Digits, addends: Digits) -> Digits:
        """Return the answer classes 0..S-1 of digits and addends (arrays that broadcast)."""
        return self.compute(digits, addends) - self.lowest

    def tabulate(self) -> Digits:
        """Return the true table: the answer class for [digit, addend], int64 [10, 10]."""
        return self.classify(np.arange(10)[:, None], np.arange(ADDENDS)[None, :])


OPERATIONS = {
    "add": Operation("+", lambda d, a: d + a, 0, 19),
    "subtract": Operation("−", lambda d, a: d - a, -9, 19),
    "multiply": Operation("×", lambda d, a: d * a, 0, 82),
    "max": Operation("max", lambda d, a: np.maximum(d, a), 0, 10),
    "add-modulo-10": Operation("⊕", lambda d, a: (d + a) % 10, 0, 10),
}


def draw_addends(count: int, rng: Generator) -> Digits:
    """Draw ``count`` addends, independent and uniform over 0..9."""
    return rng.integers(0, ADDENDS, count, dtype=np.int64)


def hold_out_pairs(operation: Operation, count: int, rng: Generator) -> Pairs:
    """Choose ``count`` pairs that training never shows. No two share a digit or an addend, and no answer disappears.

    Raises:
        InputError: some answers have too few pairs, such as 81 in multiplication.
    """
    held = np.zeros((10, ADDENDS), np.bool_)
    answers = operation.tabulate()
    for _ in range(1000 if count else 0):
        held[:] = False
        digits, addends = rng.permutation(10)[:count], rng.permutation(ADDENDS)[:count]
        held[digits, addends] = True
        if len(np.unique(answers[~held])) == operation.num_classes:
            return held
    if count:
        raise InputError(f"no {count} pairs can be held out so that every answer is still seen; hold out fewer")
    return held


def find_held_out(recipe: Recipe) -> Pairs:
    """Return the pairs that a recipe never shows in training.

    Raises:
        InputError: an unknown operation, or pairs that cannot be held out.
    """
    operation = look_up(OPERATIONS, recipe.operation, "operation")
    return hold_out_pairs(operation, recipe.held_out_pairs, np.random.default_rng(recipe.seed))
