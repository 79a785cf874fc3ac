"""Formulas of d and a, such as ``abs(d - a)``: read and computed without ever running their text as code.

Recipes come from files of strangers. So a formula is short and flat, it has only what is listed here, and no number in it
grows large. No text takes long or much memory.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping

from seesum.base.errors import InputError

LONGEST = 2000
"""Most characters of a formula. A table of 100 answers has at most 1,400."""
MOST_PARTS = 400
"""Most numbers, letters and operators of a formula. A table of 100 answers below zero has 213."""
DEEPEST = 40
"""Most parts inside each other."""
LARGEST = 2**31
"""No number in a formula, and no answer of an operation, is further from zero."""
SHOWN = 60
"""Most characters of a formula in a message."""

CHARACTERS = re.compile(r"[\w \[\]()+\-*/%<>=!,]*", re.ASCII)
GLUED = re.compile(r"\d[A-Za-z_]\w*", re.ASCII)
"""A number and letters without a space between, as in ``2d``. Python would read some of them as other kinds of numbers."""
PARTS = (
    "whole numbers, d, a, + - * / // % **, comparisons, and, or, not, abs, min, max, X if TEST else Y, and lists with a place, "
    "such as [5, 7, 9][d % 3]"
)


class _FaultError(Exception):
    """What goes wrong when a formula is computed: what it does, and what to do about it."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.what, self.advice = what, advice


def _divide(one: int, other: int) -> int:
    if one % other:
        raise _FaultError(f"gives {one} / {other}, which is no whole number,", "write // to round down")
    return one // other


def _power(base: int, exponent: int) -> int:
    if exponent < 0:
        raise _FaultError(f"gives {base} ** {exponent}, which is no whole number,", "keep the exponent at 0 or above")
    if abs(base) > 1 and exponent > LARGEST.bit_length():
        raise _make_size_fault()
    return int(base**exponent)


def _make_size_fault() -> _FaultError:
    return _FaultError(f"gives a number beyond {LARGEST:,}", "keep its numbers small, with % for example")


BINARY: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _divide,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
UNARY: dict[type[ast.unaryop], Callable[[int], int]] = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_}
COMPARISONS: dict[type[ast.cmpop], Callable[[int, int], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
FUNCTIONS: dict[str, Callable[..., int]] = {"abs": abs, "min": min, "max": max}


class Formula:
    """A formula of the digit d and the addend a. It means what the same text means in Python; true is 1 and false is 0."""

    def __init__(self, text: str) -> None:
        """Read a formula.

        Raises:
            InputError: it is too long, cannot be read, or has a part that no formula has.
        """
        self.text = " ".join(text.split())
        self._shown = repr(self.text if len(self.text) <= SHOWN else f"{self.text[:SHOWN]}...")
        if len(self.text) > LONGEST:
            raise InputError(f"the formula {self._shown} has {len(self.text):,} characters; write it in at most {LONGEST:,}")
        if strange := CHARACTERS.sub("", self.text):
            raise InputError(f"the formula {self._shown} has {strange[0]!r}, which cannot be in one; it has {PARTS}")
        if glued := GLUED.search(self.text):
            raise InputError(f"the formula {self._shown} has {glued[0]}; put an operator or a space between number and letter")
        try:
            self._root = ast.parse(self.text, mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:  # the last two where brackets are nested deeply
            reason = error.msg if isinstance(error, SyntaxError) else "it is nested too deeply"
            raise InputError(f"the formula {self._shown} cannot be read ({reason}); write it as in abs(d - a)") from error
        self._check_parts()

    @property
    def template(self) -> str:
        """The formula with ``{d}`` and ``{a}`` for the inputs, in brackets where `` = 7`` behind it would be misread."""
        negation = isinstance(self._root, ast.UnaryOp) and isinstance(self._root.op, ast.Not)
        misread = negation or isinstance(self._root, ast.Compare | ast.BoolOp | ast.IfExp)
        filled = re.sub(r"\b([da])\b", r"{\1}", self.text)
        return f"({filled})" if misread else filled

    def compute(self, d: int, a: int) -> int:
        """Compute the answer for a digit and an addend.

        Raises:
            InputError: there is none: a division by zero, a number that is no whole number or too large, a place that a list
                does not have.
        """
        try:
            return _compute(self._root, {"d": d, "a": a})
        except ZeroDivisionError:
            what, advice = "divides by zero", "give that pair an answer of its own, as in: d // a if a else 0"
        except _FaultError as fault:
            what, advice = fault.what, fault.advice
        raise InputError(f"the formula {self._shown} {what} for d = {d} and a = {a}; {advice}")

    def _check_parts(self) -> None:
        """Make sure that the formula is small, and has only parts that a formula may have."""
        waiting, count = [(self._root, 1)], 0
        while waiting:
            node, depth = waiting.pop()
            count += 1
            if count > MOST_PARTS or depth > DEEPEST:
                raise InputError(
                    f"the formula {self._shown} has too many parts, or too many inside each other; write a shorter one, or a "
                    f"list of lists with the places [d][a]"
                )
            if not _is_allowed(node):
                part = self.text[node.col_offset : node.end_col_offset]
                raise InputError(f"the formula {self._shown} has {part[:SHOWN]}; a formula has only {PARTS}")
            inner = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
            waiting += [(one, depth + 1) for one in inner if isinstance(one, ast.expr)]


def _is_allowed(node: ast.expr) -> bool:
    """Return whether a part may be in a formula, whatever is inside it."""
    match node:
        case ast.Constant():
            return isinstance(node.value, int) and node.value <= LARGEST
        case ast.Name():
            return node.id in ("d", "a")
        case ast.BinOp():
            return type(node.op) in BINARY
        case ast.UnaryOp():
            return type(node.op) in UNARY
        case ast.Compare():
            return all(type(one) in COMPARISONS for one in node.ops)
        case ast.Call(func=ast.Name(id=name)):
            right_count = len(node.args) == 1 if name == "abs" else len(node.args) >= 2
            return name in FUNCTIONS and right_count and not node.keywords
        case ast.Subscript():
            return isinstance(node.value, ast.List | ast.Subscript)
    return isinstance(node, ast.BoolOp | ast.IfExp | ast.List)


def _compute(node: ast.expr, inputs: Mapping[str, int]) -> int:
    """Compute a part of a formula. Each part is computed at most once."""
    match node:
        case ast.Constant(value=int(number)):
            value = int(number)
        case ast.Name():
            value = inputs[node.id]
        case ast.BinOp():
            value = BINARY[type(node.op)](_compute(node.left, inputs), _compute(node.right, inputs))
        case ast.UnaryOp():
            value = int(UNARY[type(node.op)](_compute(node.operand, inputs)))
        case ast.BoolOp():
            for part in node.values:
                value = _compute(part, inputs)
                if bool(value) == isinstance(node.op, ast.Or):
                    break
        case ast.Compare():
            value = int(_compare(node, inputs))
        case ast.IfExp():
            value = _compute(node.body if _compute(node.test, inputs) else node.orelse, inputs)
        case ast.Call(func=ast.Name(id=name)):
            value = FUNCTIONS[name](*(_compute(one, inputs) for one in node.args))
        case ast.Subscript():
            value = _compute(_find_entry(node, inputs), inputs)
        case _:
            raise _FaultError("gives a list", "write a place behind it, such as [5, 7, 9][d % 3]")
    if abs(value) > LARGEST:
        raise _make_size_fault()
    return value


def _compare(node: ast.Compare, inputs: Mapping[str, int]) -> bool:
    """Compute a comparison, which may be a chain such as ``2 < d <= a``."""
    left = _compute(node.left, inputs)
    for kind, part in zip(node.ops, node.comparators, strict=True):
        right = _compute(part, inputs)
        if not COMPARISONS[type(kind)](left, right):
            return False
        left = right
    return True


def _find_entry(node: ast.Subscript, inputs: Mapping[str, int]) -> ast.expr:
    """Return the entry of a list at a place. Only the entry that is needed is computed then."""
    holder = _find_entry(node.value, inputs) if isinstance(node.value, ast.Subscript) else node.value
    if not isinstance(holder, ast.List):
        raise _FaultError("takes a place of a number", "write one place behind each list")
    place, count = _compute(node.slice, inputs), len(holder.elts)
    if not -count <= place < count:
        raise _FaultError(f"takes the place {place} of a list with {count} entries", "give the list an entry for every pair")
    return holder.elts[place]
