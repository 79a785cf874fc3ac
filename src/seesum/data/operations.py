"""Operations: what is computed from digit and addend, and which of the 100 pairs training shows. numpy only."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from seesum.base.errors import InputError, join_names, shorten_error, suggest_name
from seesum.base.recipe import Recipe
from seesum.base.registry import Registry
from seesum.data.formulas import LARGEST, Formula
from seesum.data.idx import Digits

NO_DIGIT = -1
"""The label, as digit and as answer class, of an image that shows no digit or several. Only training samples have it."""
SMALLEST = 1e-30
"""Probabilities are raised to this before their logarithm is taken."""
ADDENDS = 10
"""Addends are the whole numbers 0..9."""
LONGEST_WRITTEN = 30
"""Formulas with more characters are written as f(3, 7)."""

Pairs = NDArray[np.bool_]
"""[10, 10]: a truth value for each digit and addend."""


@dataclass(frozen=True, init=False, repr=False)
class Operation:
    """What is computed from digit and addend: the answers for all 100 pairs. They fix the answer classes."""

    name: str
    """Its name in ``OPERATIONS``, or an empty text."""
    symbol: str
    """What stands between digit and addend: ``+``. An empty text where it is written in another way."""
    formula: str
    """A formula of d and a with the same answers. Where there is none in words, it is a list of lists."""
    answers: tuple[tuple[int, ...], ...]
    """The answer for each digit and addend, [10][10]."""
    values: tuple[int, ...]
    """The answer of each class, sorted. S, the number of answer classes, is their number."""

    def __init__(
        self,
        rule: str | Callable[[Any, Any], Any],
        name: str = "",
        *,
        symbol: str = "",
        values: Iterable[int] | None = None,
    ) -> None:
        """Compute the answers for all 100 pairs.

        Args:
            rule: a formula such as ``"abs(d - a)"``, or a function of digit and addend. The function is called with two whole
                numbers for each pair. If it does not take numbers, it is called once with arrays that broadcast to [10, 10].
            name: its name, under which it can be registered.
            symbol: what stands between digit and addend where the operation is written in words.
            values: the answers that have a class, also those that no pair gives. None for the answers that pairs give.

        Raises:
            InputError: the formula cannot be read; a pair has no answer, or one that is no whole number or is beyond 2**31; or
                all pairs have the same answer.
        """
        if isinstance(rule, str):
            formula = Formula(rule)
            text, answers = formula.text, _compute_pairs(formula.compute)
        elif callable(rule):
            answers = _compute_pairs(rule)
            text = f"{[list(row) for row in answers]}[d][a]"
        else:
            raise InputError(f"{rule!r:.60} is no operation; give a function of d and a, or a formula such as abs(d - a)")
        found = {answer for row in answers for answer in row}
        if len(found) == 1:
            raise InputError(f"the operation has the answer {found.pop()} for every d and a; give one with two answers or more")
        known = tuple(sorted(found if values is None else {*found, *values}))
        for field, value in zip(fields(self), (name, symbol, text, answers, known), strict=True):
            object.__setattr__(self, field.name, value)

    def __repr__(self) -> str:
        """Return one short line."""
        return f"Operation({self.label})"

    @property
    def num_classes(self) -> int:
        """S, the number of answer classes."""
        return len(self.values)

    def describe_values(self) -> str:
        """Return the answers in words: ``0 to 18``, or all of them where the whole numbers between them have gaps."""
        low, high = self.values[0], self.values[-1]
        return f"{low} to {high}" if high - low + 1 == len(self.values) else join_names(map(str, self.values))

    @property
    def template(self) -> str:
        """How the operation is written, with ``{d}`` and ``{a}`` for digit and addend: ``{d} + {a}`` or ``abs({d} - {a})``."""
        if self.symbol:
            return f"{{d}} {self.symbol} {{a}}"
        if len(self.formula) <= LONGEST_WRITTEN:
            return Formula(self.formula).template
        return f"{self.name or 'f'}({{d}}, {{a}})"

    @property
    def label(self) -> str:
        """A short name for tables."""
        return self.name or self.write("d", "a")

    def write(self, digit: object, addend: object) -> str:
        """Write the operation with a digit and an addend: ``3 + 7`` or ``abs(3 - 7)``."""
        return self.template.format(d=digit, a=addend)

    def compute(self, digit: int, addend: int) -> int:
        """Return the answer for one digit and addend."""
        return self.answers[digit][addend]

    def classify(self, digits: Digits, addends: Digits) -> Digits:
        """Return the answer classes 0..S-1 of digits and addends (arrays that broadcast)."""
        classes: Digits = self._classes[digits, addends]
        return classes

    def tabulate(self) -> Digits:
        """Return the true table: the answer class for [digit, addend], int64 [10, 10]."""
        return self._classes.copy()

    def renamed(self, name: str) -> Operation:
        """Return the same operation with another name."""
        other = copy.copy(self)
        object.__setattr__(other, "name", name)
        return other

    @cached_property
    def _classes(self) -> Digits:
        return np.searchsorted(np.array(self.values), np.array(self.answers)).astype(np.int64)


def _compute_pairs(rule: Callable[[Any, Any], Any]) -> tuple[tuple[int, ...], ...]:
    """Compute the answers [10][10] of a function of digit and addend."""
    answers = np.zeros((10, ADDENDS), object)
    for d, a in np.ndindex(10, ADDENDS):
        try:
            answers[d, a] = rule(d, a)
        except InputError:
            raise
        except Exception as error:  # whatever a function of the user raises
            arrays = _try_arrays(rule) if isinstance(error, TypeError | AttributeError | IndexError) else None
            if arrays is None:
                raise InputError(
                    f"the operation fails for d = {d} and a = {a} ({shorten_error(error)}); give every pair an answer"
                ) from error
            answers = arrays
            break
    return tuple(tuple(_check_answer(answers[d, a], d, a) for a in range(ADDENDS)) for d in range(10))


def _try_arrays(rule: Callable[[Any, Any], Any]) -> NDArray[Any] | None:
    """Return the answers [10, 10] of a function that takes arrays; None if it does not take these either."""
    try:
        with np.errstate(all="raise"):
            return np.broadcast_to(np.asarray(rule(np.arange(10)[:, None], np.arange(ADDENDS)[None, :])), (10, ADDENDS))
    except Exception:  # whatever a function of the user raises
        return None


def _check_answer(given: Any, d: int, a: int) -> int:
    """Return an answer as a whole number. True is 1, and false is 0."""
    value = given.item() if hasattr(given, "item") and np.ndim(given) == 0 else given  # a number of numpy or torch
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int):
        advice = "use // to round down" if isinstance(value, float) else "give a whole number"
        raise InputError(f"the operation gives {value!r:.60}, which is no whole number, for d = {d} and a = {a}; {advice}")
    if abs(value) > LARGEST:
        raise InputError(f"the operation gives a number beyond {LARGEST:,} for d = {d} and a = {a}; keep its answers small")
    return int(value)


def _adapt_operation(name: str, thing: Any) -> Operation:
    """Return an operation that a user or an installed package brings.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(thing, Operation):
        raise InputError(f"{name} is {thing!r:.60} and no operation; make one with seesum.Operation(lambda d, a: ...)")
    return thing.renamed(name)


BUILT_IN = {
    "add": Operation("d + a", "add", symbol="+"),
    "subtract": Operation("d - a", "subtract", symbol="−"),
    "multiply": Operation("d * a", "multiply", symbol="×", values=range(82)),  # the weights of older runs have these classes
    "max": Operation("max(d, a)", "max", symbol="max"),
    "add-modulo-10": Operation("(d + a) % 10", "add-modulo-10", symbol="⊕"),
}
OPERATIONS: Registry[Operation] = Registry("operation", BUILT_IN, "seesum.operations", _adapt_operation)


def find_operation(text: str) -> Operation:
    """Return the operation that a text names, or whose formula it is.

    Raises:
        InputError: it is neither; the sentence lists the names, or says what is wrong with the formula.
    """
    if text in OPERATIONS:
        return OPERATIONS[text]
    if not re.search(r"\b[da]\b", text):
        raise InputError(
            f"there is no operation {text!r:.60}{suggest_name(text[:60], OPERATIONS)}; known are {join_names(OPERATIONS)}, and "
            f"any formula of d and a, such as abs(d - a)"
        )
    return _read_formula(text)


@lru_cache(maxsize=256)
def _read_formula(text: str) -> Operation:
    return Operation(text)


def draw_addends(count: int, rng: Generator) -> Digits:
    """Draw ``count`` addends, independent and uniform over 0..9."""
    return rng.integers(0, ADDENDS, count, dtype=np.int64)


def hold_out_pairs(operation: Operation, count: int, rng: Generator) -> Pairs:
    """Choose ``count`` pairs that training never shows. No two share a digit or an addend, and no answer disappears.

    Raises:
        InputError: some answers have too few pairs, as in 10 * d + a, where each has one.
    """
    held = np.zeros((10, ADDENDS), np.bool_)
    answers = operation.tabulate()
    for _ in range(1000 if count else 0):
        held[:] = False
        digits, addends = rng.permutation(10)[:count], rng.permutation(ADDENDS)[:count]
        held[digits, addends] = True
        if len(np.unique(answers[~held])) == len(np.unique(answers)):
            return held
    if count:
        raise InputError(f"no {count} pairs can be held out so that every answer is still seen; hold out fewer")
    return held


def find_held_out(recipe: Recipe) -> Pairs:
    """Return the pairs that a recipe never shows in training.

    Raises:
        InputError: an unknown operation, or pairs that cannot be held out.
    """
    return hold_out_pairs(find_operation(recipe.operation), recipe.held_out_pairs, np.random.default_rng(recipe.seed))
