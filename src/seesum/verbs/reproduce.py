"""The verb reproduce: published systems trained as published, beside what their authors report."""

from __future__ import annotations

from typing import Any

from seesum.base.errors import InputError
from seesum.base.files import PathLike, read_csv
from seesum.networks.systems import SYSTEMS, find_system
from seesum.showing.charts import draw_published
from seesum.showing.plots import save_figure
from seesum.studies.reproductions import compare_published
from seesum.studies.tables import ResultTable, append_row, choose_folder, merge_rows
from seesum.verbs.study import study


def reproduce(
    *systems: str,
    seeds: int | None = None,
    data: PathLike | None = None,
    out: PathLike | None = None,
    device: str = "auto",
    quiet: bool = False,
    **changes: Any,
) -> ResultTable:
    """Train published systems as published, and compare what they reach with what their authors report.

    Finished runs are kept under ``runs``, so a stopped reproduction continues where it was.

    Args:
        *systems: names of published systems; none for all five.
        seeds: n; None for each system's own: 3 for the small ones, 1 for the large ones.
        data: as in ``train``.
        out: folder for ``published.csv`` (rows of other systems in it are kept), ``published.png`` and ``systems.csv``, to which
            a row is appended with what each system reaches in its last epoch. None for ``results`` or, for a trial with other
            data or ``changes``, ``runs/trial``.
        device: as in ``train``.
        quiet: show no progress.
        **changes: fields of the recipes to change, such as ``epochs``. Then it is a trial and not a reproduction.

    Raises:
        InputError: a system that is unknown or not published; values as in ``train``.
    """
    named = [find_system(name) for name in systems] or [one for one in SYSTEMS.values() if one.published]
    for system in named:
        if system.published is None:
            raise InputError(f"{system.recipe.system} is not a published system, so there is nothing to compare it with")
    folder = choose_folder(out, data, changes)
    read_csv(folder / "published.csv")
    rows: list[dict[str, str]] = []
    for system in named:
        name, count = system.recipe.system, seeds if seeds is not None else system.published.runs if system.published else 1
        monitor = ("validation", "test")
        finished = study(name, seeds=count, data=data, device=device, monitor=monitor, test=True, quiet=quiet, **changes)
        reached = compare_published(system, finished)
        if not reached:
            continue  # a trial too short for any figure
        rows = merge_rows(folder / "published.csv", "system", [name], reached, list(SYSTEMS))
        append_row(folder / "systems.csv", finished.to_row())
        save_figure(draw_published(rows), folder / "published.png")
    if not rows:
        raise InputError("no run reached an epoch for which there is a published figure; train for longer")
    names = {system.recipe.system for system in named}
    return ResultTable(folder, [row for row in rows if row["system"] in names])
