"""The verbs that make many runs: study, reproduce, compare. Finished runs are kept, so each goes on where it was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seesum.adders import TableAdder
from seesum.charts import draw_comparison, draw_published, draw_tables
from seesum.checkpoint import Run, write_rows
from seesum.comparisons import COMMON, ENCODER, compare_study, find_adders, list_conditions, trace_learning
from seesum.pictures import save_figure
from seesum.recipe import InputError
from seesum.reproductions import compare_published, merge_rows
from seesum.studies import Study, append_row, check_membership, name_study
from seesum.systems import DEFAULT_SYSTEM, SYSTEMS, find_system
from seesum.training import settle_precision, train_run
from seesum.verbs import PathLike, start_run


def study(
    system: str | None = None,
    *,
    seeds: int = 5,
    csv: PathLike | None = None,
    data: PathLike | None = None,
    device: str = "auto",
    out: PathLike | None = None,
    test: bool = False,
    watch: tuple[str, ...] = ("validation",),
    quiet: bool = False,
    **changes: Any,
) -> Study:
    """Train the same recipe with the seeds 0..n-1; finished runs are kept, so a stopped study goes on where it was.

    Args:
        system: a name in ``SYSTEMS``; None for the default.
        seeds: n, at least 1.
        csv: file to which a row is appended, or that is started.
        data: as in ``train``.
        device: as in ``train``.
        out: directory of the study, a run in it per seed; None for one under ``runs`` that its recipe names.
        test: as in ``train``.
        watch: what is measured after every epoch, of ``validation`` and ``test``; never choose by the latter.
        quiet: show no progress.
        **changes: as in ``train``, but for the seed.

    Raises:
        InputError: as ``train``; a seed among the changes; runs in ``out`` that another recipe made.
    """
    if seeds < 1 or changes.get("seed") is not None:
        raise InputError("a study takes the seeds 0, 1, 2 and so on; give how many with --seeds, at least 1")
    recipe = settle_precision(find_system(system or DEFAULT_SYSTEM).recipe.replaced(changes), device)
    source = None if data is None else str(Path(data).resolve())
    directory = Path(out) if out is not None else name_study(recipe, source, test)
    runs = []
    for seed in range(seeds):
        seeded, run = recipe.replaced({"seed": seed}), Run(directory / f"s{seed}")
        if not (run.directory / "run.json").is_file():
            run = start_run(seeded, data, device, run.directory)
        check_membership(run, seeded, source, test)
        if not run.finished:
            train_run(run, run.load_splits(data), device, test, watch, quiet)
        runs.append(run)
    finished = Study(directory, tuple(runs))
    if csv is not None:
        append_row(Path(csv), finished.to_row())
    return finished


def reproduce(
    *systems: str,
    seeds: int | None = None,
    data: PathLike | None = None,
    out: PathLike = "results",
    device: str = "auto",
    quiet: bool = False,
    **changes: Any,
) -> list[dict[str, Any]]:
    """Train published systems as published; set what they reach beside what their authors report.

    Finished runs are kept under ``runs``, so a stopped reproduction goes on where it was.

    Args:
        *systems: names of published systems; none for all five.
        seeds: n; None for each system's own: 3 for the small ones, 1 for the large ones.
        data: as in ``train``.
        out: folder for ``published.csv`` (rows of other systems in it are kept) and ``published.png``.
        device: as in ``train``.
        quiet: show no progress.
        **changes: fields of the recipes to change, such as ``epochs``: then it is no reproduction, but a trial.

    Raises:
        InputError: a system that is unknown or not published; values as in ``train``.
    """
    named = [find_system(name) for name in systems] or [one for one in SYSTEMS.values() if one.published]
    folder = Path(out)
    rows: list[dict[str, Any]] = []
    for system in named:
        if system.published is None:
            raise InputError(f"{system.recipe.system} is not a published system, so there is nothing to set beside it")
    for system in named:
        count = seeds if seeds is not None else system.published.runs if system.published else 1
        name = system.recipe.system
        finished = study(
            name, seeds=count, data=data, device=device, watch=("validation", "test"), test=True, quiet=quiet, **changes
        )
        rows = compare_published(system, finished)
        folder.mkdir(parents=True, exist_ok=True)
        kept = merge_rows(folder / "published.csv", rows)
    save_figure(draw_published(kept), folder / "published.png")
    names = {system.recipe.system for system in named}
    return [row for row in kept if row["system"] in names]


def compare(
    *adders: str,
    seeds: int = 5,
    data: PathLike | None = None,
    out: PathLike = "results",
    device: str = "auto",
    quiet: bool = False,
    **changes: Any,
) -> list[dict[str, Any]]:
    """Train the same encoder with every adder: all images, few images, pairs held out, and other operations.

    Measured on the validation images. Finished runs are kept under ``runs``, so a stopped comparison goes on.

    Args:
        *adders: names in ``ADDERS``; none for all.
        seeds: n, at least 1.
        data: as in ``train``.
        out: folder for ``adders.csv``, ``adders.png`` and, with ``table`` among the adders, ``operations.png``.
        device: as in ``train``.
        quiet: show no progress.
        **changes: fields of the recipe to change in every condition, such as ``images``: then it is a trial.

    Raises:
        InputError: an unknown adder; values as in ``train``.
    """
    folder = Path(out)
    rows: list[dict[str, Any]] = []
    traces: dict[str, list[Any]] = {}
    tables: dict[str, Any] = {}
    for adder in find_adders(adders):
        for condition, setting in list_conditions(adder).items():
            wanted = {**COMMON, **setting, **{name: value for name, value in changes.items() if value is not None}}
            finished = study(ENCODER, seeds=seeds, adder=adder, data=data, device=device, watch=(), quiet=quiet, **wanted)
            rows.append(compare_study(adder, condition, finished))
            if not setting:
                traces[adder] = trace_learning(finished)
            learned = finished.runs[0].load_network().adder
            if adder == "table" and isinstance(learned, TableAdder) and setting.keys() <= {"operation"}:
                tables[setting.get("operation", "add")] = learned.tabulate().detach().numpy()
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "adders.csv", rows)
    save_figure(draw_comparison(rows, traces), folder / "adders.png")
    if tables:
        save_figure(draw_tables(tables), folder / "operations.png")
    return rows
