"""data/operations.py: operations from functions and formulas, their classes, and the ways to write and to find them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import seesum
from seesum.base.errors import InputError
from seesum.base.recipe import Recipe
from seesum.data.formulas import LONGEST
from seesum.data.operations import BUILT_IN, OPERATIONS, Operation, find_operation

FUNCTIONS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[int, int], int]]] = {
    "numbers": (lambda d, a: abs(d - a), lambda d, a: abs(d - a)),
    "truth values": (lambda d, a: d > a, lambda d, a: int(d > a)),
    "numpy": (np.maximum, max),
    "only arrays": (lambda d, a: (d > a).astype(int) + 2, lambda d, a: int(d > a) + 2),
    "no arrays": (lambda d, a: len(str(d * a)), lambda d, a: len(str(d * a))),
    "numbers beyond numpy's": (lambda d, a: 3 ** (d * a) % 10, lambda d, a: 3 ** (d * a) % 10),
    "whole floats": (lambda d, a: (d + a) / 1, lambda d, a: d + a),
    "torch": (lambda d, a: torch.tensor(d) * a, lambda d, a: d * a),
    "gaps and numbers below zero": (lambda d, a: 1000 * d - a**2, lambda d, a: 1000 * d - a**2),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_answers_and_classes_follow_from_the_pairs(kind: str) -> None:
    function, truth = FUNCTIONS[kind]
    operation = seesum.Operation(function)
    expected = np.array([[truth(d, a) for a in range(10)] for d in range(10)])
    assert np.array_equal(operation.answers, expected)
    assert operation.values == tuple(np.unique(expected).tolist())
    assert all(type(value) is int for value in operation.values)
    assert np.array_equal(np.array(operation.values)[operation.tabulate()], expected)
    assert operation.tabulate().dtype == np.int64
    digits, addends = np.array([3, 9, 0]), np.array([7, 0, 4])
    assert np.array_equal(operation.classify(digits, addends), operation.tabulate()[digits, addends])
    assert np.array_equal(operation.classify(digits[:, None], np.arange(10)), operation.tabulate()[digits])


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_its_formula_is_the_same_operation_in_any_process(kind: str) -> None:
    operation = seesum.Operation(FUNCTIONS[kind][0])
    assert len(operation.formula) < LONGEST
    again = find_operation(Recipe("fast", operation=operation.formula).operation)
    assert again == operation == pickle.loads(pickle.dumps(operation))  # noqa: S301
    assert hash(again) == hash(operation)


def refuse_zero(d: Any, a: Any) -> Any:
    """Add, but not with the number 0. Arrays would be taken."""
    if isinstance(a, int) and a == 0:
        raise ValueError("no zero")
    return d + a


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda d, a: d / (a + 1), "gives 0.5, which is no whole number, for d = 1 and a = 1; use // to round down"),
        (lambda d, a: d / a, r"fails for d = 0 and a = 0 \(ZeroDivisionError: division by zero\); give every pair an answer"),
        (lambda d, a: float("nan") if d == a else d, "gives nan, which is no whole number, for d = 0 and a = 0"),
        (lambda d, a: None if d + a > 17 else d, "gives None, which is no whole number, for d = 9 and a = 9; give a whole"),
        (lambda d, a: [d, a], "no whole number, for d = 0 and a = 0"),
        (refuse_zero, r"fails for d = 0 and a = 0 \(ValueError: no zero\)"),
        (lambda d: d, r"fails for d = 0 and a = 0 \(TypeError"),
        (lambda d, a: 9 ** (d + a), "gives a number beyond 2,147,483,648 for d = 1 and a = 9; keep its answers small"),
        (lambda _, __: 4, "has the answer 4 for every d and a; give one with two answers or more"),
        (7, "7 is no operation; give a function of d and a, or a formula such as"),
        ("d ** 99 % 3", "gives a number beyond 2,147,483,648 for d = 2"),
    ],
)
def test_what_is_no_operation_gets_one_sentence(function: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as raised:
        seesum.Operation(function)
    assert "\n" not in str(raised.value)


def test_built_in_operations_keep_their_classes() -> None:
    """Shipped and stored weights depend on them, also on classes that no pair gives."""
    assert {name: operation.values for name, operation in BUILT_IN.items()} == {
        "add": (*range(19),),
        "subtract": (*range(-9, 10),),
        "multiply": (*range(82),),
        "max": (*range(10),),
        "add-modulo-10": (*range(10),),
    }
    assert find_operation("d * a").values != BUILT_IN["multiply"].values
    assert find_operation("d * a").answers == BUILT_IN["multiply"].answers


@pytest.mark.parametrize(
    ("operation", "written", "label"),
    [
        (BUILT_IN["add"], "3 + 7", "add"),
        (BUILT_IN["subtract"], "3 − 7", "subtract"),
        (BUILT_IN["max"], "3 max 7", "max"),
        (Operation("abs(d-a)"), "abs(3-7)", "abs(d-a)"),
        (Operation("d > a"), "(3 > 7)", "(d > a)"),
        (Operation("abs(d - a)", name="distance"), "abs(3 - 7)", "distance"),
        (Operation(lambda d, a: abs(d - a), name="distance"), "distance(3, 7)", "distance"),
        (Operation(lambda d, a: abs(d - a)), "f(3, 7)", "f(d, a)"),
        (Operation(lambda d, a: abs(d - a), name="distance", symbol="~"), "3 ~ 7", "distance"),
        (Operation("(d + a) * 2 if d > a else (d - a) * 3"), "f(3, 7)", "f(d, a)"),
    ],
)
def test_how_it_is_written(operation: Operation, written: str, label: str) -> None:
    assert operation.write(3, 7) == written
    assert operation.label == label
    assert repr(operation) == f"Operation({label})"


def test_answers_in_words() -> None:
    assert BUILT_IN["subtract"].describe_values() == "-9 to 9"
    assert Operation("(d - a) ** 2 % 9").describe_values() == "0, 1, 4 and 7"


def test_one_look_up_finds_names_and_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATIONS, "_added", {})
    monkeypatch.setattr(OPERATIONS, "_origins", {})
    assert find_operation("max") is OPERATIONS["max"]
    assert find_operation("abs(d - a)") is find_operation("abs(d - a)"), "it is read once"
    OPERATIONS.register("distance", seesum.Operation(lambda d, a: abs(d - a)))
    assert find_operation("distance").write(3, 7) == "distance(3, 7)"
    OPERATIONS.register("distance", seesum.Operation(lambda d, a: abs(d - a) + 1))
    assert find_operation("distance").compute(3, 7) == 5, "a cell of a notebook runs again"
    with pytest.raises(InputError, match="and no operation; make one with"):
        OPERATIONS.register("other", abs)


@pytest.mark.parametrize("text", ["substract", "x + y", "", "7", "distance", "z" * 10_000])
def test_an_unknown_text_lists_the_names(text: str) -> None:
    with pytest.raises(InputError) as raised:
        find_operation(text)
    message = str(raised.value)
    assert "known are add, subtract, multiply, max and add-modulo-10, and any formula of d and a, such as abs(d - a)" in message
    assert ("did you mean 'subtract'?" in message) == (text == "substract")
    assert len(message) < 300


def test_a_recipe_keeps_the_formula_with_usual_spaces() -> None:
    assert Recipe("fast", operation="  abs( d -\n a ) ").operation == "abs( d - a )"
