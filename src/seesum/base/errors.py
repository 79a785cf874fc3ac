"""The two errors that a user sees, and the sentences for a missing package and for lists of names. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from types import ModuleType


class InputError(ValueError):
    """The user gave something wrong. The message is one sentence: what is wrong, what was expected, what to do."""


class JobError(RuntimeError):
    """A job failed although its input was right. The message is one sentence."""


def import_extra(name: str, extra: str) -> ModuleType:
    """Import a package that only an extra of ``pyproject.toml`` installs.

    Raises:
        JobError: it is not installed; the sentence says how to install it.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise JobError(f'this needs {name}, which is not installed; install it with: pip install "seesum[{extra}]"') from error


def shorten_error(error: Exception) -> str:
    """Return the kind and the first line of an error of somebody else's code, for a sentence."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def join_names(names: Iterable[str], word: str = "and") -> str:
    """Join names as a person lists them: ``a, b and c``."""
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last


def suggest_name(name: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown name, such as `` (did you mean 'fast'?)``; an empty text where no name is similar."""
    from difflib import get_close_matches

    similar = get_close_matches(name, list(known), n=1)
    return f" (did you mean {similar[0]!r}?)" if similar else ""
