"""The verb compare: one encoder with every adder, in several conditions."""

from __future__ import annotations

from typing import Any

from seesum.base.files import PathLike, read_csv
from seesum.networks.adders import ADDERS
from seesum.networks.tables import TableAdder
from seesum.showing.charts import draw_comparison, draw_tables
from seesum.showing.plots import save_figure
from seesum.studies.comparisons import COMMON, ENCODER, compare_study, find_adders, list_conditions, trace_learning
from seesum.studies.tables import ResultTable, choose_folder, merge_rows
from seesum.verbs.study import study


def compare(
    *adders: str,
    seeds: int = 5,
    data: PathLike | None = None,
    out: PathLike | None = None,
    device: str = "auto",
    quiet: bool = False,
    **changes: Any,
) -> ResultTable:
    """Train the same encoder with every adder: on all images, on few, with pairs held out, and on other operations.

    The runs are measured on the validation images. Finished runs are kept under ``runs``, so a stopped comparison continues.

    Args:
        *adders: names in ``ADDERS``; none for all.
        seeds: n, at least 1.
        data: as in ``train``.
        out: folder for ``adders.csv`` (rows of other adders in it are kept), ``adders.png`` and, with ``table`` among
            the adders, ``operations.png``. None as in ``reproduce``.
        device: as in ``train``.
        quiet: show no progress.
        **changes: fields of the recipe to change in every condition, such as ``images``. Then it is a trial.

    Raises:
        InputError: an unknown adder; values as in ``train``.
    """
    chosen = find_adders(adders)
    folder = choose_folder(out, data, changes)
    read_csv(folder / "adders.csv")
    given = {name: value for name, value in changes.items() if value is not None}
    rows: list[dict[str, Any]] = []
    traces: dict[str, list[Any]] = {}
    tables: dict[str, Any] = {}
    for adder in chosen:
        for condition, setting in list_conditions(adder).items():
            recipe = {**COMMON, **setting, **given, "adder": adder}
            finished = study(ENCODER, seeds=seeds, data=data, device=device, monitor=(), plot=False, quiet=quiet, **recipe)
            rows.append(compare_study(adder, condition, finished))
            if not setting:
                traces[adder] = trace_learning(finished)
            learned = finished.runs[0].load_network().adder
            if isinstance(learned, TableAdder) and learned.compares_operations and setting.keys() <= {"operation"}:
                tables[setting.get("operation", "add")] = learned.tabulate().detach().numpy()
    merge_rows(folder / "adders.csv", "adder", chosen, rows, list(ADDERS))
    save_figure(draw_comparison(rows, traces), folder / "adders.png")
    if tables:
        save_figure(draw_tables(tables), folder / "operations.png")
    return ResultTable(folder, rows)
