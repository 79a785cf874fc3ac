"""The command show."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seesum.cli.options import Json, RunData, RunOption, add_data_options
from seesum.cli.output import print_path


@add_data_options(RunData)
def show(
    *,
    what: Annotated[
        str, typer.Argument(metavar="samples|table", autocompletion=lambda: ["samples", "table"], help="What to draw.")
    ],
    run: RunOption = None,
    plot: Annotated[
        str | None, typer.Option(metavar="FILE", help="PNG, SVG, PDF or JPEG file. Default: samples.png or table.png.")
    ] = None,
    reading: dict[str, Any],
    as_json: Json = False,
) -> None:
    """Draw samples or a learned addition table. The samples are images of each split, with their sums.

    Examples:
        seesum show samples           # samples.png, of the newest run
        seesum show table --run fast  # table.png, of a shipped network
    """
    import seesum

    print_path("picture", seesum.show(what, run=run, plot=plot, **reading), as_json)
