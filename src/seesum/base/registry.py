"""Registries: names for systems, adders, losses and so on, also for those of installed packages and of the user."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from seesum.base.errors import InputError, join_names, shorten_error, suggest_name
from seesum.base.references import Origin, describe_origin_of

T = TypeVar("T")
NAME = re.compile(r"[\w][\w.\-]{0,59}")
"""Names become names of folders."""


class Registry(Mapping[str, T], Generic[T]):
    """Entries by name: those that are built in, those that the user registers, and those of installed packages.

    A package offers an entry as an entry point of ``group``. It is imported when its entry is first looked up.
    """

    def __init__(self, what: str, built_in: Mapping[str, T], group: str, adapt: Callable[[str, Any], T]) -> None:
        """Start with what is built in.

        Args:
            what: what an entry is called in messages, such as ``system``.
            built_in: the entries that come with seesum.
            group: the group of entry points in which installed packages offer more.
            adapt: makes an entry with a name from what a user or an entry point gives; raises ``InputError`` if it cannot be
                one.
        """
        self.what, self.group = what, group
        self._built_in, self._adapt = dict(built_in), adapt
        self._added: dict[str, T] = {}
        self._origins: dict[str, Origin] = {}

    def __getitem__(self, name: str) -> T:
        """Return the entry with this name. See ``look_up`` for one whose name a user gave.

        Raises:
            KeyError: there is none.
            InputError: it belongs to an installed package that cannot be imported, or is no such thing.
        """
        if name in self._built_in:
            return self._built_in[name]
        if name not in self._added:
            point = list_entry_points(self.group)[name]
            thing = self._import(point)
            self._added[name] = self._adapt_named(point, thing)
            self._origins[name] = Origin(point.value, describe_origin_of(thing).sha256)
        return self._added[name]

    def __contains__(self, name: object) -> bool:
        """Return whether there is an entry with this name. Nothing is imported."""
        return name in self._built_in or name in self._added or name in list_entry_points(self.group)

    def __iter__(self) -> Iterator[str]:
        """Yield all names: built in, registered, installed. Nothing is imported."""
        return iter(dict.fromkeys([*self._built_in, *self._added, *list_entry_points(self.group)]))

    def __len__(self) -> int:
        """Return the number of names."""
        return len(list(iter(self)))

    def register(self, name: str, thing: Any, origin: Origin | None = None) -> T:
        """Add an entry, or replace one that was registered before, as a notebook does when a cell runs again.

        Args:
            name: its name.
            thing: what a user gives; ``adapt`` makes the entry of it.
            origin: where it comes from; None to find out.

        Raises:
            InputError: the name cannot name a folder, a built-in entry has it, or the thing cannot be an entry.
        """
        if not NAME.fullmatch(name):
            raise InputError(
                f"{name!r} cannot name {self.what_with_article}; use up to 60 letters, digits, hyphens, dots and underscores"
            )
        if name in self._built_in:
            raise InputError(f"{name} is the name of a built-in {self.what}; give yours another name")
        entry = self._added[name] = self._adapt(name, thing)
        self._origins[name] = describe_origin_of(thing) if origin is None else origin
        return entry

    def find_origin(self, name: str) -> Origin | None:
        """Return where an entry comes from; None for a built-in one."""
        if name in self._built_in:
            return None
        self[name]
        return self._origins[name]

    @property
    def what_with_article(self) -> str:
        """What an entry is called, with its article: ``an adder``."""
        return f"{'an' if self.what[0] in 'aeiou' else 'a'} {self.what}"

    def load_all(self, report: Callable[[str], None]) -> dict[str, T]:
        """Return all entries by name. One that cannot be loaded is left out, and ``report`` gets the sentence about it."""
        entries = {}
        for name in self:
            try:
                entries[name] = self[name]
            except InputError as error:
                report(str(error))
        return entries

    def _import(self, point: EntryPoint) -> Any:
        try:
            return point.load()
        except Exception as error:  # whatever a foreign module raises when it is imported
            raise InputError(
                f"the {self.what} {point.name} of the package {_name_package(point)} cannot be imported "
                f"({shorten_error(error)}); install a version that works, or remove the package"
            ) from error

    def _adapt_named(self, point: EntryPoint, thing: Any) -> T:
        try:
            return self._adapt(point.name, thing)
        except InputError as error:
            package = _name_package(point)
            raise InputError(f"the {self.what} {point.name} of the package {package} cannot be used: {error}") from error


def _name_package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


@cache
def list_entry_points(group: str) -> dict[str, EntryPoint]:
    """Return what installed packages offer in a group, by name. Nothing is imported."""
    return {point.name: point for point in entry_points(group=group)}


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


def make_name(thing: Any) -> str:
    """Return a name for a class, a function or an object, in lower case with hyphens: ``MyEncoder`` -> ``my-encoder``."""
    named = thing if inspect.isclass(thing) or inspect.isroutine(thing) else type(thing)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", named.__name__)
    return words.replace("_", "-").strip("-<>").lower()
