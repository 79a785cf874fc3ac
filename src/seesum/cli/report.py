"""The command report."""

from __future__ import annotations

from seesum.cli.options import Json, OwnRunArgument, RunData
from seesum.cli.output import print_path
from seesum.runs.names import LATEST


def report(run: OwnRunArgument = LATEST, data: RunData = None, as_json: Json = False) -> None:
    """Write the report of a finished run again. Its pictures are replaced, too.

    Examples:
        seesum report latest      # the newest run
        seesum report runs/first  # a run directory
    """
    import seesum

    print_path("report", seesum.report(run, data=data), as_json)
