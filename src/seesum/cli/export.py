"""The command export."""

from __future__ import annotations

from typing import Annotated

import typer

from seesum.cli.options import Json, RunArgument
from seesum.cli.output import print_json
from seesum.runs.names import LATEST


def export(
    to: Annotated[str, typer.Option(metavar="FILE", help="The ONNX file.")],
    run: RunArgument = LATEST,
    float_images: Annotated[bool, typer.Option("--float", help="Images as float32, 0 to 255, instead of uint8.")] = False,
    as_json: Json = False,
) -> None:
    """Write a run's network as an ONNX file that answers without torch."""
    import seesum

    made = seesum.export(run, to=to, float_images=float_images)
    if as_json:
        print_json({"file": str(made.path), "bytes": made.bytes, "largest_difference": made.largest_difference})
        return
    typer.echo(f"{made.path}: {made.bytes:,} bytes; its probabilities are the network's within {made.largest_difference:.1e}")
