"""The command compare."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seesum.cli.completion import list_adders, list_systems
from seesum.cli.options import Device, Json, Seeds, add_data_options, add_recipe_options
from seesum.cli.output import print_json, print_rows


@add_recipe_options("epochs", "images")
@add_data_options()
def compare(
    *,
    adders: Annotated[
        list[str] | None, typer.Argument(metavar="ADDER", autocompletion=list_adders, help="Adders to compare. Default: all.")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="SYSTEM", autocompletion=list_systems, help="The system whose encoder every adder gets. Default: fast."
        ),
    ] = None,
    seeds: Seeds = 5,
    fields: dict[str, Any],
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder for adders.csv and pictures. Default: results, or runs/trial.")
    ] = None,
    reading: dict[str, Any],
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train one encoder with every adder, in several conditions. This compares the ways to combine the two inputs.

    Finished runs are kept. So the same command continues a stopped comparison.

    Examples:
        seesum compare table exact --seeds 3
        seesum compare exact --encoder plain --seeds 1
    """
    import seesum

    result = seesum.compare(
        *(adders or []),
        encoder=encoder,
        seeds=seeds,
        out=out,
        device=device,
        **reading,
        **fields,
    )
    if as_json:
        print_json({"folder": str(result.folder), "rows": result.rows})
        return
    print_rows(result.rows, *result.columns)
    typer.echo(f"The rows are in {result.folder / 'adders.csv'}, and the pictures are in the same folder")
