"""The options that several commands share, and the recipe that they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

System = Annotated[str | None, typer.Argument(help="A system (see: seesum systems). Default: fast.", show_default=False)]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run directory, a shipped network's name, or latest.")]
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
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Epochs = Annotated[int | None, typer.Option(help="How often each image is seen.")]
BatchSize = Annotated[int | None, typer.Option(help="Images per step.")]
Rate = Annotated[float | None, typer.Option(help="Learning rate, or its peak.")]
Seed = Annotated[int | None, typer.Option(help="The one source of all randomness. Default: 0.")]
Images = Annotated[str | None, typer.Option(metavar="N|N%", help="Train on fewer images, drawn evenly over the digits.")]
Adder = Annotated[
    str | None,
    typer.Option(help="table, concat, embedding, argmax, exact, low-rank-table or diagonal-table."),
]
Operation = Annotated[str | None, typer.Option(help="add, subtract, multiply, max or add-modulo-10.")]
Addends = Annotated[str | None, typer.Option(help="Training addends: fixed, fresh (every epoch) or every (all ten).")]
Split = Annotated[str | None, typer.Option(help="full, or validate: keep a fifth of the training images for choosing.")]
Precision = Annotated[str | None, typer.Option(help="auto, fp32 or bf16. auto: bf16 where the hardware multiplies it.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change any other field of the recipe.")]
Device = Annotated[str, typer.Option(help="auto (a GPU where there is one), cpu, cuda or mps.")]
Test = Annotated[bool, typer.Option("--test", help="Under --split validate: report the test images.")]


def gather_changes(
    values: dict[str, Any], system: str | None, change: Sequence[str] | None, resume: str | None = None
) -> dict[str, Any]:
    """The recipe's fields among a command's parameters, and those given with --set."""
    from seesum.checkpoint import find_unfinished
    from seesum.provenance import FLAGS
    from seesum.recipe import InputError, parse_changes
    from seesum.systems import DEFAULT_SYSTEM, find_system

    recipe = find_unfinished(resume).recipe if resume else find_system(system or DEFAULT_SYSTEM).recipe
    flags = {name: values[name] for name in FLAGS if values.get(name) is not None}
    changes = parse_changes(change or [], recipe)
    for name in flags.keys() & changes.keys():
        raise InputError(f"{name} is given twice, as an option and with --set; give it once")
    return flags | changes
