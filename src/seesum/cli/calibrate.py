"""The command calibrate."""

from __future__ import annotations

from typing import Annotated

import typer

from seesum.cli.completion import list_own_runs
from seesum.cli.options import Json, OwnRunArgument, RunData
from seesum.cli.output import print_json
from seesum.runs.names import LATEST


def calibrate(
    twin: Annotated[
        str,
        typer.Option(
            metavar="RUN", autocompletion=list_own_runs, help="The twin: a run of the same recipe with --split validate."
        ),
    ],
    run: OwnRunArgument = LATEST,
    pictures: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder with pictures in subfolders 0 to 9. Default: validation images.")
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Wanted share of right answers among the accepted ones, 0 to 1. Default: 0.999, or 0.995 with --pictures.",
        ),
    ] = None,
    data: RunData = None,
    as_json: Json = False,
) -> None:
    """Set the temperature and the confidence threshold of a run. They are chosen from the answers of its twin.

    Examples:
        seesum train fast --out runs/mine
        seesum train fast --split validate --out runs/twin
        seesum calibrate runs/mine --twin runs/twin
    """
    import seesum

    chosen = seesum.calibrate(run, twin=twin, pictures=pictures, target=target, data=data)
    if as_json:
        print_json(chosen)
        return
    eces = (chosen[name]["digit_ece"] for name in ("before", "after"))
    typer.echo(
        "temperature {:.3f}: the calibration error (ECE) of the digit changes from {:.3%} to {:.3%}".format(
            chosen["temperature"], *eces
        )
    )
    accepted = chosen["accepted"]
    typer.echo(
        f"confidence threshold {chosen['confidence_threshold']:.3f}: {accepted['coverage']:.2%} of the images are accepted, "
        f"and {accepted['both_accuracy']:.3%} of these are right; chosen on "
        + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in chosen["chosen_on"].items())
    )
