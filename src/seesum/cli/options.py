"""The options that several commands share, and the changes of a recipe that they add up to."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

from seesum.base.errors import InputError
from seesum.base.recipe import Recipe
from seesum.base.settings import FLAGS, parse_changes

System = Annotated[str | None, typer.Argument(help="A system (see: seesum systems). Default: fast.", show_default=False)]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run directory, a shipped network's name, or latest.")]
OwnRunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run directory, or latest.")]
SourceArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run directory, a shipped network's name, an ONNX file, or latest."),
]
RunOption = Annotated[
    str | None,
    typer.Option("--run", metavar="RUN", help="A run directory, a shipped network's name, or latest."),
]
SourceOption = Annotated[
    str | None,
    typer.Option("--run", metavar="RUN", help="A run directory, a shipped network's name, an ONNX file, or latest."),
]
Data = Annotated[str | None, typer.Option(metavar="DIR", help="Folder of IDX files. Default: the embedded MNIST.")]
Device = Annotated[str, typer.Option(help="auto (a GPU where there is one), cpu, cuda or mps.")]
Seeds = Annotated[int, typer.Option(metavar="N", help="Train with the seeds 0 to N-1.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change any other field of the recipe.")]
Test = Annotated[bool, typer.Option("--test", help="Under --split validate: report the test images.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def add_recipe_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each of these recipe fields, after its first parameter.

    The command itself takes them as one parameter, ``fields``: the values that were given, by field.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        kinds = get_type_hints(Recipe)
        added = []
        for name in names:
            option = typer.Option(help=FLAGS[name].help, metavar=FLAGS[name].metavar)
            annotation = Annotated[kinds[name] | None, option]  # type: ignore[valid-type]
            added.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
        first, *rest = inspect.signature(command, eval_str=True).parameters.values()
        own = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (first, *rest) if one.name != "fields"]
        parameters = [own[0], *added, *own[1:]]

        @wraps(command)
        def wrapped(**given: Any) -> None:
            values = {name: given.pop(name) for name in names}
            command(**given, fields={name: value for name, value in values.items() if value is not None})

        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
        return wrapped

    return decorate


def gather_changes(recipe: Recipe, fields: dict[str, Any], change: Sequence[str] | None) -> dict[str, Any]:
    """Join the fields given as options and those given with --set.

    Raises:
        InputError: a field given in both ways, or a change that cannot be parsed.
    """
    changes = parse_changes(change or [], recipe)
    for name in fields.keys() & changes.keys():
        raise InputError(f"{name} is given twice, as an option and with --set; give it once")
    return fields | changes
