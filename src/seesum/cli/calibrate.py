"""The command calibrate."""

from __future__ import annotations

from typing import Annotated

import typer

from seesum.cli.options import Data, Json, OwnRunArgument
from seesum.cli.output import print_json
from seesum.runs.names import LATEST


def calibrate(
    twin: Annotated[str, typer.Option(metavar="RUN", help="A run of the same recipe with --split validate.")],
    run: OwnRunArgument = LATEST,
    pictures: Annotated[
        str | None, typer.Option(metavar="DIR", help="Pictures in folders 0 to 9, instead of the twin's validation images.")
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(help="Share of the accepted answers that should be right. Default: 0.999, or 0.995 with --pictures."),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Set a run's temperature and confidence threshold, chosen on its twin's validation images or on pictures."""
    import seesum

    chosen = seesum.calibrate(run, twin=twin, pictures=pictures, target=target, data=data)
    if as_json:
        print_json(chosen)
        return
    eces = (chosen[name]["digit_ece"] for name in ("before", "after"))
    typer.echo("temperature {:.3f}: ECE of the digit {:.3%} -> {:.3%}".format(chosen["temperature"], *eces))
    accepted = chosen["accepted"]
    typer.echo(
        f"unsure below {chosen['confidence_threshold']:.3f}: {accepted['coverage']:.2%} of the images are accepted, "
        f"{accepted['both_accuracy']:.3%} of those are right; chosen on "
        + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in chosen["chosen_on"].items())
    )
