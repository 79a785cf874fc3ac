"""The command reproduce."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seesum.cli.options import AsIs, Data, Device, Invert, Json, Transpose, add_recipe_options
from seesum.cli.output import print_json, print_rows


@add_recipe_options("epochs", "images")
def reproduce(
    systems: Annotated[list[str] | None, typer.Argument(metavar="SYSTEM...", help="Published systems. Default: all.")] = None,
    seeds: Annotated[
        int | None, typer.Option(metavar="N", help="Number of seeds. Default: 3, but 1 for the large systems.")
    ] = None,
    device: Device = "auto",
    data: Data = None,
    invert: Invert = False,
    transpose: Transpose = False,
    as_is: AsIs = False,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder for the results. Default: results, or runs/trial.")
    ] = None,
    as_json: Json = False,
    *,
    fields: dict[str, Any],
) -> None:
    """Train the published systems as published. Their accuracies are compared with those that their authors report."""
    import seesum

    result = seesum.reproduce(
        *(systems or []),
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
    print_rows(result.rows, "system", "output", "on", "epoch", "published", "reproduced_mean", "reproduced_std", "n", "gap")
    typer.echo(f"The rows are in {result.folder / 'published.csv'}, and the picture is in the same folder")
