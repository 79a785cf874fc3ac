"""The verb report: a finished run -> its pictures and report.html."""

from __future__ import annotations

from pathlib import Path

from seesum.base.files import PathLike
from seesum.runs.names import LATEST
from seesum.runs.run import Run, find_run


def report(run: PathLike | Run = LATEST, *, data: PathLike | None = None) -> Path:
    """Draw the pictures of a finished run and write its ``report.html``; returns the page's path.

    Args:
        run: a Run, a run directory, or ``latest``.
        data: where the images of a run on a data set of one's own are now.

    Raises:
        InputError: no such run, an unfinished one, one that came with the package, or damaged weights.
    """
    from seesum.showing.reports import report_run

    found = find_run(run)
    found.check_finished()
    return report_run(found, found.load_splits(data))
