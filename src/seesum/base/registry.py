"""Look up an entry of a registry: a dictionary from names to systems, adders, losses and so on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from seesum.base.errors import InputError, join_names

T = TypeVar("T")


def look_up(registry: Mapping[str, T], name: str, what: str) -> T:
    """Return the entry with this name.

    Args:
        registry: entries by name.
        name: the name that the user gave.
        what: what an entry is called in the message, such as ``system``.

    Raises:
        InputError: the name is unknown; the sentence lists the known ones.
    """
    if name not in registry:
        raise InputError(f"there is no {what} {name!r}; known are {join_names(registry)}")
    return registry[name]
