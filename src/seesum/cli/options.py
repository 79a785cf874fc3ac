"""Options that several commands share, and the recipe changes that result from them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Annotated, Any, get_args, get_type_hints

import typer

from seesum.base.errors import InputError
from seesum.base.recipe import Recipe
from seesum.base.settings import FLAGS, parse_changes
from seesum.cli.completion import list_adders, list_own_runs, list_runs, list_systems

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

ANY_RUN = "A run directory, the name of a shipped network, or latest."
ANY_SOURCE = "A run directory, the name of a shipped network, an ONNX file, or latest."
System = Annotated[
    str | None,
    typer.Argument(
        metavar="SYSTEM",
        autocompletion=list_systems,
        help="A system (see: seesum systems), or one of yours: FILE.py:NAME or MODULE:NAME. Default: fast.",
    ),
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", autocompletion=list_runs, help=ANY_RUN)]
OwnRunArgument = Annotated[
    str, typer.Argument(metavar="RUN", autocompletion=list_own_runs, help="A run directory, or latest for the newest run.")
]
SourceArgument = Annotated[str, typer.Argument(metavar="RUN", autocompletion=list_runs, help=ANY_SOURCE)]
RunOption = Annotated[
    str | None,
    typer.Option("--run", metavar="RUN", autocompletion=list_runs, help=f"{ANY_RUN} Default: latest."),
]
SourceOption = Annotated[
    str | None, typer.Option("--run", metavar="RUN", autocompletion=list_runs, help=f"{ANY_SOURCE} Default: hand.")
]
OWN_DATA = "Images of your own: a folder of pictures or IDX files, a CSV, .npz or Parquet file."
Data = Annotated[str | None, typer.Option(metavar="PATH", help=f"{OWN_DATA} Default: the embedded MNIST.")]
RunData = Annotated[str | None, typer.Option(metavar="PATH", help=f"{OWN_DATA} Default: the data of the run.")]
AsIs = Annotated[bool, typer.Option("--as-is", help="The pictures in --data are 28x28 already: do not prepare them.")]
Invert = Annotated[
    bool, typer.Option("--invert", help="The images in --data are black ink on white: make them white on black.")
]
Transpose = Annotated[bool, typer.Option("--transpose", help="Rows and columns of --data are exchanged: turn them back.")]
Device = Annotated[str, typer.Option(metavar="DEVICE", help="auto (a GPU if there is one), cpu, cuda or mps.")]
Seeds = Annotated[int, typer.Option(metavar="N", help="Number of seeds: train with the seeds 0 to N-1.")]
Resume = Annotated[
    str | None,
    typer.Option(
        metavar="RUN", autocompletion=list_own_runs, help="Continue this unfinished run, or latest for the newest one."
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change any other field of the recipe. May be repeated."),
]
Test = Annotated[
    bool, typer.Option("--test", help="With --split validate: evaluate on the test images, not the validation images.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
COMPLETIONS = {"adder": list_adders}
"""What the Tab key completes in the option of a recipe's field."""


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


def gather_options(keyword: str, options: Mapping[str, Any]) -> Decorator:
    """Return a decorator that gives a command several options in the place of one parameter.

    Args:
        keyword: the parameter. The command gets a dictionary there, with the values of those options that the user gave.
        options: the annotation of each option by name. Its default is False for a flag, and None for all others.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command, eval_str=True).parameters.values():
            if parameter.name != keyword:
                parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
                continue
            for name, annotation in options.items():
                default = False if get_args(annotation)[0] is bool else None
                parameters.append(
                    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
                )

        @wraps(command)
        def wrapped(**given: Any) -> None:
            values = {name: given.pop(name) for name in options}
            chosen = {name: value for name, value in values.items() if value is not None and value is not False}
            command(**given, **{keyword: chosen})

        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return wrapped

    return decorate


def add_recipe_options(*names: str) -> Decorator:
    """Return a decorator that gives a command an option for each of these recipe fields, in the place of ``fields``."""
    types = get_type_hints(Recipe)
    return gather_options(
        "fields",
        {
            name: Annotated[
                types[name] | None,
                typer.Option(help=FLAGS[name].help, metavar=FLAGS[name].metavar, autocompletion=COMPLETIONS.get(name)),
            ]
            for name in names
        },
    )


def add_data_options(data: Any = Data) -> Decorator:
    """Return a decorator that gives a command the options for images of the user's own, in the place of ``reading``.

    Args:
        data: the annotation of ``--data``.
    """
    return gather_options("reading", {"data": data, "invert": Invert, "transpose": Transpose, "as_is": AsIs})


def gather_changes(recipe: Recipe, fields: dict[str, Any], change: Sequence[str] | None) -> dict[str, Any]:
    """Return the recipe changes from options and from ``--set`` as one dictionary.

    Raises:
        InputError: a field is given in both ways, or a change cannot be parsed.
    """
    changes = parse_changes(change or [], recipe)
    for name in fields.keys() & changes.keys():
        raise InputError(f"{name} is given twice, as an option and with --set; give it once")
    return fields | changes
