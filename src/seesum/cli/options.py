"""Options that several commands share, and the recipe changes that result from them."""

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
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run directory, the name of a shipped network, or latest.")]
OwnRunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run directory, or latest.")]
SourceArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run directory, the name of a shipped network, an ONNX file, or latest."),
]
RunOption = Annotated[
    str | None,
    typer.Option("--run", metavar="RUN", help="A run directory, the name of a shipped network, or latest."),
]
SourceOption = Annotated[
    str | None,
    typer.Option("--run", metavar="RUN", help="A run directory, the name of a shipped network, an ONNX file, or latest."),
]
Data = Annotated[str | None, typer.Option(metavar="DIR", help="Folder of IDX files. Default: the embedded MNIST.")]
RunData = Annotated[str | None, typer.Option(metavar="DIR", help="Folder of IDX files. Default: the data of the run.")]
Invert = Annotated[bool, typer.Option("--invert", help="The images in --data are black ink on white: turn them.")]
Transpose = Annotated[bool, typer.Option("--transpose", help="Rows and columns of --data are exchanged: turn them.")]
Device = Annotated[str, typer.Option(help="auto (a GPU if there is one), cpu, cuda or mps.")]
Seeds = Annotated[int, typer.Option(metavar="N", help="Number of seeds: train with the seeds 0 to N-1.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change any other field of the recipe.")]
Test = Annotated[bool, typer.Option("--test", help="With --split validate: evaluate on the test images.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def add_recipe_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that gives a command an option for each of these recipe fields, after its first parameter.

    The command itself takes one parameter ``fields``: a dictionary with the values of the options that the user gave.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        types = get_type_hints(Recipe)
        added = []
        for name in names:
            option = typer.Option(help=FLAGS[name].help, metavar=FLAGS[name].metavar)
            annotation = Annotated[types[name] | None, option]  # type: ignore[valid-type]
            added.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
        first, *rest = inspect.signature(command, eval_str=True).parameters.values()
        keyword = inspect.Parameter.KEYWORD_ONLY
        own = [parameter.replace(kind=keyword) for parameter in (first, *rest) if parameter.name != "fields"]
        parameters = [own[0], *added, *own[1:]]

        @wraps(command)
        def wrapped(**given: Any) -> None:
            values = {name: given.pop(name) for name in names}
            command(**given, fields={name: value for name, value in values.items() if value is not None})

        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return wrapped

    return decorate


def gather_changes(recipe: Recipe, fields: dict[str, Any], change: Sequence[str] | None) -> dict[str, Any]:
    """Return the recipe changes from options and from ``--set`` as one dictionary.

    Raises:
        InputError: a field is given in both ways, or a change cannot be parsed.
    """
    changes = parse_changes(change or [], recipe)
    for name in fields.keys() & changes.keys():
        raise InputError(f"{name} is given twice, as an option and with --set; give it once")
    return fields | changes
