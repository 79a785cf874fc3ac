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

System = Annotated[
    str | None,
    typer.Argument(help="A system (see: seesum systems), or one of yours: FILE.py:NAME or MODULE:NAME. Default: fast."),
]
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
OWN_DATA = "Images of your own: a folder of pictures or IDX files, a CSV, .npz or Parquet file"
Data = Annotated[str | None, typer.Option(metavar="PATH", help=f"{OWN_DATA}. Default: the embedded MNIST.")]
RunData = Annotated[str | None, typer.Option(metavar="PATH", help=f"{OWN_DATA}. Default: the data of the run.")]
AsIs = Annotated[bool, typer.Option("--as-is", help="The pictures in --data are 28x28 already: do not prepare them.")]
Invert = Annotated[bool, typer.Option("--invert", help="The images in --data are black ink on white: turn them.")]
Transpose = Annotated[bool, typer.Option("--transpose", help="Rows and columns of --data are exchanged: turn them.")]
Device = Annotated[str, typer.Option(help="auto (a GPU if there is one), cpu, cuda or mps.")]
Seeds = Annotated[int, typer.Option(metavar="N", help="Number of seeds: train with the seeds 0 to N-1.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change any other field of the recipe.")]
Test = Annotated[bool, typer.Option("--test", help="With --split validate: evaluate on the test images.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def add_plugin_option(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the option ``--plugin``, which makes systems, adders and operations of the user known first."""
    help_ = "Make your systems, adders and operations known: FILE.py or MODULE, or one of them with :NAME. May be repeated."
    option = typer.Option("--plugin", metavar="FILE.py", help=help_)
    parameter = inspect.Parameter(
        "plugin", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[list[str] | None, option]
    )
    signature = inspect.signature(command, eval_str=True)

    @wraps(command)
    def wrapped(*given: Any, plugin: list[str] | None = None, **named: Any) -> None:
        if plugin:
            from seesum.networks.plugins import register

            for reference in plugin:
                register(reference)
        command(*given, **named)

    parameters = [*signature.parameters.values(), parameter]
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
    return wrapped


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
