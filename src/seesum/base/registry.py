"""Look up an entry of a registry: a dictionary from names to systems, adders, losses and so on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from seesum.base.errors import InputError, join_names, suggest_name

T = TypeVar("T")


def look_up(registry: Mapping[str, T], name: str, what: str) -> T:
    """Return the entry with this name.

    Args:
        registry: entries by name.
        name: the name that the user gave.
        what: what an entry is called in the message, such as ``system``.

    Raises:
        InputError: the name is unknown; the sentence lists the known ones, and names one that is spelt alike.
    """
    if name not in registry:
        raise InputError(f"there is no {what} {name!r}{suggest_name(name, registry)}; known are {join_names(registry)}")
    return registry[name]
