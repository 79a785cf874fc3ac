"""The command show."""

from __future__ import annotations

from typing import Annotated

import typer

from seesum.cli.options import Data, Json, RunOption
from seesum.cli.output import print_path


def show(
    what: Annotated[str, typer.Argument(metavar="samples|table", help="What to draw.")],
    run: RunOption = None,
    plot: Annotated[str | None, typer.Option(metavar="FILE", help="PNG. Default: samples.png or table.png.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Draw samples of each split with their sums, or the addition table that a run has learned."""
    import seesum

    print_path("picture", seesum.show(what, run=run, plot=plot, data=data), as_json)
