"""The command export."""

from __future__ import annotations

from typing import Annotated

import typer

from seesum.cli.options import Json, RunArgument
from seesum.cli.output import print_json
from seesum.runs.names import LATEST


def export(
    to: Annotated[str, typer.Option(metavar="FILE", help="The ONNX file to write.")],
    run: RunArgument = LATEST,
    float_images: Annotated[bool, typer.Option("--float", help="Take images as float32, 0 to 255, instead of uint8.")] = False,
    simple: Annotated[
        bool,
        typer.Option("--simple", help="Take exactly one addend for each image, as OpenCV and other small runtimes need it."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the network of a run as an ONNX file. The file runs without torch.

    Examples:
        seesum export fast --to model.onnx                      # a shipped network
        seesum export latest --to simple.onnx --simple --float  # for OpenCV
    """
    import seesum

    exported = seesum.export(run, to=to, float_images=float_images, simple=simple)
    if as_json:
        print_json({"file": str(exported.path), "bytes": exported.bytes, "largest_difference": exported.largest_difference})
        return
    typer.echo(
        f"{exported.path}: {exported.bytes:,} bytes; its probabilities differ from those of the network by at most "
        f"{exported.largest_difference:.1e}"
    )
