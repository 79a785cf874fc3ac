"""The command compare."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seesum.cli.options import AsIs, Data, Device, Invert, Json, Seeds, Transpose, add_recipe_options
from seesum.cli.output import print_json, print_rows


@add_recipe_options("epochs", "images")
def compare(
    adders: Annotated[list[str] | None, typer.Argument(metavar="ADDER...", help="Adders to compare. Default: all.")] = None,
    encoder: Annotated[
        str | None, typer.Option(metavar="SYSTEM", help="The system whose encoder every adder gets. Default: fast.")
    ] = None,
    seeds: Seeds = 5,
    device: Device = "auto",
    data: Data = None,
    invert: Invert = False,
    transpose: Transpose = False,
    as_is: AsIs = False,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder for adders.csv and pictures. Default: results, or runs/trial.")
    ] = None,
    as_json: Json = False,
    *,
    fields: dict[str, Any],
) -> None:
    """Train one encoder with every adder, in several conditions. This compares the ways to combine the two inputs."""
    import seesum

    result = seesum.compare(
        *(adders or []),
        encoder=encoder,
        seeds=seeds,
        data=data,
        invert=invert,
        transpose=transpose,
        as_is=as_is,
        out=out,
        device=device,
        **fields,
    )
    if as_json:
        print_json({"folder": str(result.folder), "rows": result.rows})
        return
    accuracies = ("digit_accuracy", "sum_accuracy", "both_accuracy", "consistency", "held_out_sum_accuracy")
    print_rows(result.rows, "adder", "condition", *(f"{name}_mean" for name in accuracies))
    typer.echo(f"The rows are in {result.folder / 'adders.csv'}, and the pictures are in the same folder")
