"""The command show."""

from __future__ import annotations

from typing import Annotated

import typer

from seesum.cli.options import AsIs, Invert, Json, RunData, RunOption, Transpose
from seesum.cli.output import print_path


def show(
    what: Annotated[str, typer.Argument(metavar="samples|table", help="What to draw.")],
    run: RunOption = None,
    plot: Annotated[
        str | None, typer.Option(metavar="FILE", help="PNG, SVG, PDF or JPEG file. Default: samples.png or table.png.")
    ] = None,
    data: RunData = None,
    invert: Invert = False,
    transpose: Transpose = False,
    as_is: AsIs = False,
    as_json: Json = False,
) -> None:
    """Draw samples or a learned addition table. Samples are those of each split, with their sums."""
    import seesum

    print_path(
        "picture", seesum.show(what, run=run, plot=plot, data=data, invert=invert, transpose=transpose, as_is=as_is), as_json
    )
