"""References to what users bring: ``file.py:NAME`` and ``package.module:NAME``. Only a user's own words are ever imported."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict

from seesum.base.errors import InputError, shorten_error

FORMS = "file.py:NAME or package.module:NAME"
"""How a user writes a reference, for messages."""
_GIVEN = "__seesum_reference__"
"""Attribute of a module that was loaded from a file: the path as the user gave it."""


@dataclass(frozen=True)
class Origin:
    """Where something comes from that a user or a package brings."""

    reference: str
    """``file.py:NAME`` or ``package.module:NAME``; empty for what was defined in an interactive session."""
    sha256: str = ""
    """Of the source file; empty where there is none."""


class Plugin(TypedDict):
    """Something in a recipe that is not built in, as ``run.json`` holds it."""

    kind: str
    """``system``, ``adder`` or ``operation``."""
    name: str
    reference: str
    """``file.py:NAME`` or ``package.module:NAME``; empty for what was defined in an interactive session."""
    sha256: str
    """Of the source file; empty where there is none."""


def is_reference(text: str) -> bool:
    """Return whether a text is a reference and not a name: it has a colon, or ends as files of Python do."""
    return ":" in text or text.endswith(".py")


def load_reference(text: str) -> tuple[ModuleType, Any, Origin]:
    """Import what a user named.

    Args:
        text: ``file.py``, ``package.module``, or either with ``:NAME``.

    Returns:
        The module, the thing of that name (the module itself without one), and where it comes from.

    Raises:
        InputError: there is no such file or module, it fails when it is imported, or has no such name.
    """
    place, name = _split(text)
    module = _load_file(place) if place.endswith(".py") else _load_module(place, text)
    if not name:
        return module, module, Origin(text, hash_source(module))
    thing: Any = module
    for part in name.split("."):
        if not hasattr(thing, part):
            known = [one for one, value in vars(module).items() if _is_own(module, one, value)]
            hint = f"; it defines {', '.join(known[:10])}" if known else ""
            raise InputError(f"{place} has no {name}{hint}; write it as {FORMS}")
        thing = getattr(thing, part)
    return module, thing, Origin(text, hash_source(module))


def describe_origin_of(thing: Any) -> Origin:
    """Return where a class, a function or an object was defined, so that a user can name it in another process."""
    owner = thing if inspect.isclass(thing) or inspect.isroutine(thing) else type(thing)
    module, name = sys.modules.get(owner.__module__), owner.__qualname__
    if owner is not thing:  # an object of a class of seesum comes from the module that has it
        own_class = owner.__module__.partition(".")[0] != __name__.partition(".")[0]
        module, name = _find_global(thing) or (module if own_class else None, name)
    if module is None or getattr(module, "__file__", None) is None:
        return Origin("")
    name = "" if "<" in name else f":{name}"  # a lambda, or something inside a function, has no name that can be given
    return Origin(f"{_name_place(module)}{name}", hash_source(module))


def _find_global(thing: Any) -> tuple[ModuleType, str] | None:
    """Return a loaded module that has an object, and its name there; None if there is none."""
    for module in [*sys.modules.values()]:
        for name, value in [*getattr(module, "__dict__", {}).items()]:
            if value is thing:
                return module, name
    return None


def hash_source(module: ModuleType) -> str:
    """Return the SHA-256 of a module's source file; an empty text where there is none."""
    try:
        return hashlib.sha256(Path(module.__file__ or "").read_bytes()).hexdigest()
    except OSError:
        return ""


def _split(text: str) -> tuple[str, str]:
    """Return file or module, and name. A colon may also follow the letter of a drive."""
    place, colon, name = text.rpartition(":")
    if not colon or name.endswith(".py") or "/" in name or "\\" in name:
        return text, ""
    return place, name


def _is_own(module: ModuleType, name: str, value: Any) -> bool:
    """Return whether a module defines a name itself, rather than importing it."""
    if name.startswith("_") or isinstance(value, ModuleType):
        return False
    if inspect.isclass(value) or inspect.isroutine(value):
        return value.__module__ == module.__name__
    return type(value).__module__ != "__future__"


def _load_file(place: str) -> ModuleType:
    path = Path(place).expanduser()
    try:
        source = path.read_bytes()
    except OSError as error:
        raise InputError(f"{place} cannot be read ({error.strerror or error}); give a file of Python, as {FORMS}") from error
    # the same content in the same place is the same module, so that its classes stay the same
    digest = hashlib.sha256(os.fsencode(path.resolve()) + source).hexdigest()
    unique = f"seesum_plugin_{path.stem}_{digest[:12]}"
    if unique in sys.modules:
        return sys.modules[unique]
    spec = spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{place} is not a file of Python; give one whose name ends with .py")
    module = module_from_spec(spec)
    setattr(module, _GIVEN, place)
    sys.modules[unique] = module
    try:
        with _folder_first(str(path.resolve().parent)):
            spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[unique]
        if isinstance(error, Exception):
            raise InputError(f"{place} cannot be imported ({shorten_error(error)}); run it with Python to see where") from error
        raise
    return module


def _load_module(place: str, text: str) -> ModuleType:
    try:
        with _folder_first(str(Path.cwd())):
            return import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(f"{error.name}.")):
            raise InputError(f"there is no module {place!r}; write {text!r} as {FORMS}") from error
        raise InputError(f"{place} cannot be imported ({shorten_error(error)}); install what it needs") from error
    except Exception as error:
        raise InputError(f"{place} cannot be imported ({shorten_error(error)}); run it with Python to see where") from error


@contextmanager
def _folder_first(folder: str) -> Iterator[None]:
    """Let modules of a folder be imported within a block, as a script's own folder lets them."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _name_place(module: ModuleType) -> str:
    """Return the file or the module by which a user can name a module."""
    given = getattr(module, _GIVEN, None)
    if given is not None:
        return str(given)
    path = Path(module.__file__ or "").resolve()
    if "." in module.__name__ or "site-packages" in path.parts:
        return module.__name__
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
