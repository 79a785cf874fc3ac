"""The verb report: draw the pictures of a finished run and write its report.html."""

from __future__ import annotations

from pathlib import Path

from seesum.base.environment import with_own_torch_settings
from seesum.base.files import PathLike
from seesum.data.sources import Data
from seesum.reading.datasets import load_splits
from seesum.runs.names import LATEST
from seesum.runs.run import Run, find_run


@with_own_torch_settings
def report(run: PathLike | Run = LATEST, *, data: Data | None = None) -> Path:
    """Draw the pictures of a finished run, write its ``report.html``, and return the path of the page.

    Args:
        run: a Run, a run directory, or ``latest``.
        data: the images of a run that was trained on your own data, as in ``train``. They are only needed if they have moved,
            or were arrays.

    Raises:
        InputError: the run does not exist, is not finished or was shipped with the package, or its weights are damaged.
    """
    from seesum.showing.reports import report_run

    found = find_run(run)
    found.check_finished()
    return report_run(found, load_splits(found, data))
