"""Changes of a recipe as text: ``FIELD=VALUE``, as they are written after ``--set``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, NamedTuple, get_args, get_type_hints

from seesum.base.errors import InputError
from seesum.base.recipe import Augmentation, Recipe, flatten_fields, refuse_unknown_field


class Flag(NamedTuple):
    """An option of the command line for one field of a recipe."""

    help: str
    metavar: str | None = None
    """What stands for its value in the help; None for the kind of the field."""


FLAGS = {
    "epochs": Flag("How often each image is seen.", "N"),
    "batch_size": Flag("Images per step.", "N"),
    "lr": Flag("Learning rate, or its peak.", "RATE"),
    "seed": Flag("The one source of all randomness. Default: 0.", "N"),
    "images": Flag("Train on so many images or so many percent, chosen evenly over the digits.", "N|N%"),
    "adder": Flag(
        "table, low-rank-table, diagonal-table, concat, embedding, argmax or exact, or one of yours: FILE.py:NAME.", "NAME"
    ),
    "operation": Flag("add, subtract, multiply, max, add-modulo-10, or a formula of the digit d and the addend a.", "NAME"),
    "addends": Flag("Addends of a training image: fixed (one), fresh (a new one in each epoch) or every (all ten).", "KIND"),
    "split": Flag("full, or validate: keep a fifth of the training images for choosing.", "KIND"),
    "precision": Flag("auto, fp32 or bf16. auto: bf16 where the hardware multiplies it.", "KIND"),
}
"""Fields of a recipe that have an option of their own. All others are set with ``--set FIELD=VALUE``."""


def parse_changes(texts: Iterable[str], recipe: Recipe) -> dict[str, Any]:
    """Parse changes such as ``label_smoothing=0.2``, ``betas=0.9,0.99`` or ``augmentation.rotate=10``.

    Args:
        texts: one change each.
        recipe: the recipe that is changed.

    Returns:
        The new values by field, as ``Recipe.replaced`` takes them.

    Raises:
        InputError: an unknown field, or a value of the wrong kind.
    """
    current = flatten_fields(recipe.to_dict())
    changes: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"{text!r} does not change a recipe; write it as FIELD=VALUE, such as label_smoothing=0.2")
        if name == "system":
            raise InputError("the system is given by its name and not with --set")
        refuse_unknown_field(name, current)
        try:
            parsed = _parse_value(name, value)
        except ValueError as error:
            raise InputError(f"{name} is {value!r}; expected a value such as {current[name]}") from error
        outer, _, inner = name.partition(".")
        if inner:
            parsed = dataclasses.replace(changes.get(outer, getattr(recipe, outer)), **{inner: parsed})
        changes[outer] = parsed
    return changes


def format_change(name: str, value: Any) -> str:
    """Write one change as text: the inverse of ``parse_changes``."""
    return f"{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"


def _parse_value(name: str, text: str) -> Any:
    """Parse a value of the type that the field has, not of the value in it now: 7 may become 7.5 in a field of floats."""
    outer, _, inner = name.partition(".")
    kind = get_type_hints(Augmentation if inner else Recipe)[inner or outer]
    if parts := get_args(kind):
        return tuple(parts[0](part) for part in text.split(",")) if text else ()
    return kind(text)
