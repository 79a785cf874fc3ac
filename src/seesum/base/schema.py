"""Check values out of a file against types, so that a damaged or foreign file gets a sentence and no later failure."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

SHOWN = 40
"""Characters of a wrong value that a message shows."""
LARGEST = sys.float_info.max
NAMES: dict[Any, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    NoneType: "null",
    dict: "an object",
    list: "a list",
    tuple: "a list",
}


def check_kind(value: Any, kind: Any, where: str) -> None:
    """Make sure that a value out of JSON has a kind.

    Args:
        value: what was read.
        kind: ``str``, ``bool``, ``int``, ``float`` (finite; a whole number will do), ``None``, ``Any``, a union of these,
            ``list[X]``, ``tuple[X, ...]``, ``tuple[X, Y]``, ``dict[str, X]``, a ``TypedDict`` (the value may have more
            keys), or ``Annotated`` with the lowest and the highest value of a number.
        where: the name of the value in messages.

    Raises:
        ValueError: it has not. The message goes on after the name of the file: ``has 5 for data.directory, not a text``.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return
    if origin is Annotated:
        check_kind(value, inner[0], where)
        low, high = inner[1]
        if not low <= value <= high:
            raise ValueError(f"has {_shorten(value)} for {where}, not a number from {low:g} to {high:g}")
    elif is_typeddict(kind):
        _require(value, dict, where)
        _check_fields(value, kind, where)
    elif origin in (Union, UnionType):
        if not any(_fits(value, one) for one in inner):
            raise ValueError(f"has {_shorten(value)} for {where}, not {' or '.join(map(_name, inner))}")
    elif origin is dict:
        _require(value, dict, where)
        for key, one in value.items():
            check_kind(one, inner[1], f"{where}.{key}")
    elif origin in (list, tuple):
        _require(value, origin, where)
        if origin is tuple and inner[-1] is not ... and len(value) != len(inner):
            raise ValueError(f"has {len(value)} values for {where}, not {len(inner)}")
        for place, one in enumerate(value):
            check_kind(one, inner[0], f"{where}[{place}]")
    else:
        _require(value, kind, where)


def check_fields(values: Mapping[str, Any], kinds: Mapping[str, Any]) -> None:
    """Make sure that those of the named values that are there have their kinds. See ``check_kind``.

    Raises:
        ValueError: one has not.
    """
    for name, kind in kinds.items():
        if name in values:
            check_kind(values[name], kind, name)


def _check_fields(values: dict[str, Any], kind: Any, where: str) -> None:
    hints = get_type_hints(kind, include_extras=True)
    for name, hint in hints.items():
        optional = get_origin(hint) is NotRequired
        if name in values:
            check_kind(values[name], get_args(hint)[0] if optional else hint, f"{where}.{name}" if where else name)
        elif not optional:
            raise ValueError(f"lacks {f'{where}.{name}' if where else name!r}")


def _fits(value: Any, kind: Any) -> bool:
    try:
        check_kind(value, kind, "")
    except ValueError:
        return False
    return True


def _require(value: Any, kind: Any, where: str) -> None:
    kinds = {float: (int, float), tuple: (list, tuple), None: (NoneType,)}.get(kind, (kind,))
    right = isinstance(value, kinds) and (kind is bool or not isinstance(value, bool))
    if kind is float and right:
        right = -LARGEST <= value <= LARGEST  # false for NaN; math.isfinite fails for whole numbers beyond it
    if not right:
        raise ValueError(f"has {_shorten(value)} for {where or 'the whole'}, not {_name(kind)}")


def _name(kind: Any) -> str:
    return NAMES.get(NoneType if kind is None else get_origin(kind) or kind, "an object")


def _shorten(value: Any) -> str:
    if isinstance(value, dict | list):
        return NAMES[type(value)]
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
