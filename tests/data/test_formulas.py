"""data/formulas.py: what a formula means, what it may not have, and that no text of a stranger takes long or does anything."""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable

import pytest

from seesum.base.errors import InputError
from seesum.data.formulas import LARGEST, Formula

MEANINGS: dict[str, Callable[[int, int], int]] = {
    "abs(d - a)": lambda d, a: abs(d - a),
    "d * a % 7": lambda d, a: d * a % 7,
    "max(d, a) > 5": lambda d, a: max(d, a) > 5,
    "d if d > a else 0": lambda d, a: d if d > a else 0,
    "-d + +a": lambda d, a: -d + +a,
    "(d - a) // 3": lambda d, a: (d - a) // 3,
    "(d - a) % 4": lambda d, a: (d - a) % 4,
    "2 * d / 2": lambda d, _: d,
    "d ** a % 10": lambda d, a: d**a % 10,
    "(d > 4) ** (2147483647 * (a > 3))": lambda d, a: (d > 4) ** (a > 3),
    "2 < d <= a < 9 != d": lambda d, a: 2 < d <= a < 9 != d,
    "d == a": lambda d, a: d == a,
    "d >= a": lambda d, a: d >= a,
    "d and a": lambda d, a: d and a,
    "d or a or 7": lambda d, a: d or a or 7,
    "not d or not a": lambda d, a: not d or not a,
    "(d > a) + (d > 3)": lambda d, a: (d > a) + (d > 3),
    "min(d, a, 4) - max(1, d)": lambda d, a: min(d, a, 4) - max(1, d),
    "[0, 1, 1, 2, 3, 5, 8, 13, 21, 34][d] + a": lambda d, a: [0, 1, 1, 2, 3, 5, 8, 13, 21, 34][d] + a,
    "[[1, 2], [3, 4]][d % 2][-1 - a % 2]": lambda d, a: [[1, 2], [3, 4]][d % 2][-1 - a % 2],
    "[d, a][d < a]": lambda d, a: [d, a][d < a],
    "d // a if a else True": lambda d, a: d // a if a else True,
}


def compute_pairs(text: str) -> list[int]:
    """Read a formula, and compute its answers for all 100 pairs."""
    formula = Formula(text)
    return [formula.compute(d, a) for d in range(10) for a in range(10)]


@pytest.mark.parametrize("text", MEANINGS)
def test_a_formula_means_what_it_means_in_python(text: str) -> None:
    answers = compute_pairs(text)
    assert answers == [MEANINGS[text](d, a) for d in range(10) for a in range(10)]
    assert {type(answer) for answer in answers} == {int}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("d /a", "divides by zero for d = 0 and a = 0; give that pair an answer of its own"),
        ("d / 2", "gives 1 / 2, which is no whole number, for d = 1 and a = 0; write // to round down"),
        ("d % a", "divides by zero for d = 0 and a = 0"),
        ("2 ** (d - a)", "gives 2 ** -1, which is no whole number, for d = 0 and a = 1"),
        ("7 ** d ** a", "gives a number beyond 2,147,483,648 for d = 2 and a = 4; keep its numbers small"),
        ("(d * 65536 + 1) * 65536", "gives a number beyond 2,147,483,648 for d = 1 and a = 0"),
        ("[5, 7][d]", "takes the place 2 of a list with 2 entries for d = 2 and a = 0"),
        ("[1, [2]][d % 2][0]", "takes a place of a number for d = 0 and a = 0"),
        ("[d, a]", "gives a list for d = 0 and a = 0; write a place behind it"),
    ],
)
def test_a_pair_without_an_answer_is_named(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as raised:
        compute_pairs(text)
    assert sentence in str(raised.value)
    assert repr(text) in str(raised.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "cannot be read (invalid syntax); write it as in abs(d - a)"),
        ("d +", "cannot be read"),
        ("d = a", "cannot be read"),
        ("d if a", "expected 'else' after 'if' expression"),
        ("d ^ a", "has '^', which cannot be in one; it has whole numbers, d, a, + - * / // % **, comparisons"),
        ("d − a", "has '−', which cannot be in one"),
        ("ｄ + a", "has 'ｄ', which cannot be in one"),
        ("d + 0.5", "has '.', which cannot be in one"),
        ("d.real", "has '.', which cannot be in one"),
        ("d\x1b[31m", r"'d\x1b[31m' has '\x1b'"),
        ("lambda d: a", "has ':', which cannot be in one"),
        ("__import__('os') and d", 'has "\'", which cannot be in one'),
        ("__import__(d)", "has __import__(d); a formula has only whole numbers"),
        ("2d", "has 2d; put an operator or a space between number and letter"),
        ("0x10 + d", "has 0x10; put an operator"),
        ("1e5 * d", "has 1e5; put an operator"),
        ("x + d", "has x; a formula has only"),
        ("pow(d, a)", "has pow(d, a); a formula has only"),
        ("abs(d, a)", "has abs(d, a)"),
        ("max(d)", "has max(d)"),
        ("max(d, a, key=abs)", "has max(d, a, key=abs)"),
        ("abs(*[d, a])", "has *[d, a]"),
        ("None or d", "has None"),
        ("d in [1, 2]", "has d in [1, 2]"),
        ("d is a", "has d is a"),
        ("d[0]", "has d[0]"),
        ("(d, a)", "has (d, a)"),
        ("d + 2147483649", "has 2147483649"),
        ("d + " + "0" * 2000, "has 2,004 characters; write it in at most 2,000"),
    ],
)
def test_a_text_that_is_no_formula_gets_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as raised:
        Formula(text)
    message = str(raised.value)
    assert sentence in message
    assert message.startswith("the formula ")
    assert "\n" not in message
    assert len(message) < 450


HOSTILE = [
    "(" * 180 + "d" + ")" * 180 + "(" * 100_000,
    "(" * 190 + "d",
    "-" * 1999 + "d",
    "not " * 499 + "d",
    "[" * 150 + "d" + "]" * 150 + "[0]" * 149,
    "d" + "+d" * 999,
    "d" + "**9" * 600,
    "9**9**9**9**d",
    "(d+9)**31**31",
    "[" + "0," * 900 + "d][a]",
    "d if " * 300 + "d" + " else a" * 300,
    "1" * 1990 + "+d",
    "d" * 1_000_000,
    "max(" * 180 + "d,a" + ",a)" * 180,
    "abs(" * 10 + "d" * 500_000,
    "d < " * 499 + "a",
    "d\0" * 900,
    "𝒹" * 1900,
    "[d][d][d][d]" * 150,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_end_at_once_in_a_small_memory(text: str) -> None:
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(InputError) as raised:
            compute_pairs(text)
        assert time.process_time() - started < 1
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    assert len(str(raised.value)) < 450


def test_the_largest_formulas_are_computed() -> None:
    """A table of numbers as long as they may be, and the deepest nesting, also near the end of the stack."""
    table = [[-LARGEST + 10 * d + a for a in range(10)] for d in range(10)]
    formula = Formula(f"{table}[d][a]")
    assert [[formula.compute(d, a) for a in range(10)] for d in range(10)] == table
    deep = Formula("d" + " + a" * 38)

    def go_down(depth: int) -> int:
        return deep.compute(1, 2) if depth == 0 else go_down(depth - 1)

    assert go_down(sys.getrecursionlimit() // 2) == 77
    with pytest.raises(InputError, match="too many parts, or too many inside each other"):
        Formula("d" + " + a" * 40)


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("abs(d - a)", "abs({d} - {a})"),
        ("  d *\n a ", "{d} * {a}"),
        ("d > a", "({d} > {a})"),
        ("d and a", "({d} and {a})"),
        ("not d", "(not {d})"),
        ("-d", "-{d}"),
        ("d if a else 0", "({d} if {a} else 0)"),
        ("max(d, a)", "max({d}, {a})"),
    ],
)
def test_templates_mark_the_inputs(text: str, template: str) -> None:
    assert Formula(text).template == template
