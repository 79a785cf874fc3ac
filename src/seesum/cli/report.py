"""The command report."""

from __future__ import annotations

from seesum.cli.options import Data, Json, OwnRunArgument
from seesum.cli.output import print_path
from seesum.runs.names import LATEST


def report(run: OwnRunArgument = LATEST, data: Data = None, as_json: Json = False) -> None:
    """Draw the pictures of a finished run again and write its report.html."""
    import seesum

    print_path("report", seesum.report(run, data=data), as_json)
