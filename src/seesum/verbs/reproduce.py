"""The verb reproduce: train published systems as published, and compare the results with the published ones."""

from __future__ import annotations

from typing import Any

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.files import PathLike, read_csv
from seesum.base.progress import say
from seesum.data.sources import Data
from seesum.networks.plugins import SystemLike, resolve_system
from seesum.networks.systems import SYSTEMS
from seesum.showing.charts import draw_published
from seesum.showing.plots import save_figure
from seesum.studies.reproductions import COLUMNS, compare_published
from seesum.studies.tables import ResultTable, append_row, choose_folder, merge_rows
from seesum.verbs.study import study


@with_own_torch_settings
def reproduce(
    *systems: SystemLike,
    seeds: int | None = None,
    data: Data | None = None,
    invert: bool = False,
    transpose: bool = False,
    as_is: bool = False,
    out: PathLike | None = None,
    device: str = "auto",
    quiet: bool = False,
    **changes: Any,
) -> ResultTable:
    """Train published systems as published, and compare their accuracies with those that their authors report.

    Finished runs are kept under ``runs``, so that the same call continues a stopped reproduction.

    Args:
        *systems: published systems, by name, by reference or themselves, as in ``train``. A system of your own is one if its
            ``published`` says what its author reports. None for all of them.
        seeds: number of seeds. None for the number that each system has: 3 for the small ones, 1 for the large ones.
        data, invert, transpose, as_is: as in ``train``.
        out: folder for ``published.csv``, ``published.png`` and ``systems.csv``. Rows of other systems in ``published.csv``
            are kept. A row with the result of the last epoch is appended to ``systems.csv`` for each system. None for
            ``results`` or, with other data or ``changes``, for ``runs/trial``.
        device: as in ``train``.
        quiet: show no progress.
        **changes: recipe fields to change, such as ``epochs``. The result is then only a trial, and not a reproduction.

    Raises:
        InputError: a system is unknown or not published, no run is long enough for a published figure, or a value is
            wrong as in ``train``.
    """
    known = SYSTEMS.load_all(say).values()
    chosen = [resolve_system(name, "") for name in systems] or [system for system in known if system.published]
    for system in chosen:
        if system.published is None:
            raise InputError(f"{system.recipe.system} is not a published system; to train it with several seeds: seesum study")
    folder = choose_folder(out, data, changes)
    read_csv(folder / "published.csv")
    rows: list[dict[str, str]] = []
    for system in chosen:
        name, count = system.recipe.system, seeds if seeds is not None else system.published.runs if system.published else 1
        source: dict[str, Any] = {"data": data, "invert": invert, "transpose": transpose, "as_is": as_is}
        finished = study(
            name, seeds=count, monitor=("validation", "test"), test=True, device=device, quiet=quiet, **source, **changes
        )
        new_rows = compare_published(system, finished)
        if not new_rows:
            continue  # a trial with too few epochs for any published figure
        rows = merge_rows(folder / "published.csv", "system", [name], new_rows, list(SYSTEMS))
        append_row(folder / "systems.csv", finished.to_row())
        save_figure(draw_published(rows), folder / "published.png")
    if not rows:
        raise InputError("there is no published figure for so few epochs; train for longer")
    names = {system.recipe.system for system in chosen}
    return ResultTable(folder, [row for row in rows if row["system"] in names], COLUMNS)
