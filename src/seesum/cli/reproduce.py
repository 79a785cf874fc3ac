"""The command reproduce."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seesum.cli.options import Data, Device, Json, add_recipe_options
from seesum.cli.output import print_json, print_rows


@add_recipe_options("epochs", "images")
def reproduce(
    systems: Annotated[list[str] | None, typer.Argument(metavar="SYSTEM...", help="Default: all published ones.")] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Default: 3, but 1 for the large systems.")] = None,
    device: Device = "auto",
    data: Data = None,
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Folder for published.csv and .png. Default: results.")] = None,
    as_json: Json = False,
    *,
    fields: dict[str, Any],
) -> None:
    """Train the published systems as published, and compare what they reach with what their authors report."""
    import seesum

    made = seesum.reproduce(*(systems or []), seeds=seeds, data=data, out=out, device=device, **fields)
    if as_json:
        print_json({"folder": str(made.folder), "rows": made.rows})
        return
    print_rows(made.rows, "system", "output", "on", "epoch", "published", "reproduced_mean", "reproduced_std", "n", "gap")
    typer.echo(f"The rows are in {made.folder / 'published.csv'}, the picture is beside them")
