"""The command reproduce."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seesum.cli.completion import list_published
from seesum.cli.options import Device, Json, add_data_options, add_recipe_options
from seesum.cli.output import print_json, print_rows


@add_recipe_options("epochs", "images")
@add_data_options()
def reproduce(
    *,
    systems: Annotated[
        list[str] | None,
        typer.Argument(metavar="SYSTEM", autocompletion=list_published, help="Published systems. Default: all five."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(metavar="N", help="Number of seeds. Default: 3, but 1 for the large systems.")
    ] = None,
    fields: dict[str, Any],
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder for the results. Default: results, or runs/trial.")
    ] = None,
    reading: dict[str, Any],
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train the published systems as published. Their accuracies are compared with those that their authors report.

    Examples:
        seesum reproduce squeeze  # one of them
        seesum reproduce          # all five
    """
    import seesum

    result = seesum.reproduce(
        *(systems or []),
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
    typer.echo(f"The rows are in {result.folder / 'published.csv'}, and the picture is in the same folder")
