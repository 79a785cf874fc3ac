"""The verbs that make many runs: study, reproduce, compare. Finished runs are kept, so each goes on where it was stopped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seesum.adders import ADDERS, TableAdder
from seesum.charts import draw_comparison, draw_published, draw_tables
from seesum.checkpoint import RUNS, Run
from seesum.comparisons import COMMON, ENCODER, compare_study, find_adders, list_conditions, trace_learning
from seesum.devices import choose_device
from seesum.files import check_file, make_folder, read_csv
from seesum.mnist import load_mnist
from seesum.pictures import save_figure
from seesum.provenance import describe_data
from seesum.recipe import InputError
from seesum.reproductions import compare_published
from seesum.state import settle_precision
from seesum.studies import Study, append_row, check_membership, merge_rows, name_study
from seesum.systems import DEFAULT_SYSTEM, SYSTEMS, find_system
from seesum.training import train_run
from seesum.verbs import PathLike, report_run, start_run


@dataclass(frozen=True)
class Findings:
    """What a campaign wrote."""

    folder: Path
    """Where its CSV and pictures are."""
    rows: list[dict[str, Any]]
    """Its rows of the CSV."""


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
    plot: bool = True,
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
        plot: write pictures and ``report.html`` of the run with seed 0; ``report`` writes those of any other.
        quiet: show no progress.
        **changes: as in ``train``, but for the seed.

    Raises:
        InputError: as ``train``; a seed among the changes; runs in ``out`` that another recipe made.
    """
    if seeds < 1 or changes.get("seed") is not None:
        raise InputError("a study takes the seeds 0, 1, 2 and so on; give how many with --seeds, at least 1")
    if csv is not None:
        read_csv(check_file(csv))
    recipe = settle_precision(find_system(system or DEFAULT_SYSTEM).recipe.replaced(changes), device)
    mnist = load_mnist(data)
    source, measured = describe_data(mnist, data), {"test": test, "watch": list(watch)}
    kind = choose_device(device).type
    directory = Path(out) if out is not None else name_study(recipe, source["directory"], kind, measured)
    runs = []
    for seed in range(seeds):
        seeded, run = recipe.replaced({"seed": seed}), Run(directory / f"s{seed}")
        if (run.directory / "run.json").is_file():
            check_membership(run, seeded, source, measured)
            splits = None if run.finished else run.load_splits(data)
        else:
            run, splits = start_run(seeded, mnist, data, device, run.directory, test, watch)
        if splits is not None:
            train_run(run, splits, device, quiet)
            if plot and seed == 0:
                report_run(run, splits)
        runs.append(run)
    finished = Study(directory, tuple(runs))
    if csv is not None:
        append_row(Path(csv), finished.to_row())
    return finished


def reproduce(
    *systems: str,
    seeds: int | None = None,
    data: PathLike | None = None,
    out: PathLike | None = None,
    device: str = "auto",
    quiet: bool = False,
    **changes: Any,
) -> Findings:
    """Train published systems as published; set what they reach beside what their authors report.

    Finished runs are kept under ``runs``, so a stopped reproduction goes on where it was.

    Args:
        *systems: names of published systems; none for all five.
        seeds: n; None for each system's own: 3 for the small ones, 1 for the large ones.
        data: as in ``train``.
        out: folder for ``published.csv`` (rows of other systems in it are kept) and ``published.png``, and for
            ``systems.csv``, to which a row with what each system reaches in its last epoch is appended. None for
            ``results``, or, for a trial with other data or ``changes``, ``runs/trial``.
        device: as in ``train``.
        quiet: show no progress.
        **changes: fields of the recipes to change, such as ``epochs``: then it is no reproduction, but a trial.

    Raises:
        InputError: a system that is unknown or not published; values as in ``train``.
    """
    named = [find_system(name) for name in systems] or [one for one in SYSTEMS.values() if one.published]
    for system in named:
        if system.published is None:
            raise InputError(f"{system.recipe.system} is not a published system, so there is nothing to set beside it")
    folder = _choose_folder(out, data, changes)
    read_csv(folder / "published.csv")
    watch = ("validation", "test")
    rows: list[dict[str, str]] = []
    for system in named:
        name, count = system.recipe.system, seeds if seeds is not None else system.published.runs if system.published else 1
        finished = study(name, seeds=count, data=data, device=device, watch=watch, test=True, quiet=quiet, **changes)
        reached = compare_published(system, finished)
        if not reached:
            continue  # a trial too short for any figure
        rows = merge_rows(folder / "published.csv", "system", [name], reached, list(SYSTEMS))
        append_row(folder / "systems.csv", finished.to_row())
        save_figure(draw_published(rows), folder / "published.png")
    if not rows:
        raise InputError("no run reached an epoch for which there is a published figure; train for longer")
    names = {system.recipe.system for system in named}
    return Findings(folder, [row for row in rows if row["system"] in names])


def compare(
    *adders: str,
    seeds: int = 5,
    data: PathLike | None = None,
    out: PathLike | None = None,
    device: str = "auto",
    quiet: bool = False,
    **changes: Any,
) -> Findings:
    """Train the same encoder with every adder: all images, few images, pairs held out, and other operations.

    Measured on the validation images. Finished runs are kept under ``runs``, so a stopped comparison goes on.

    Args:
        *adders: names in ``ADDERS``; none for all.
        seeds: n, at least 1.
        data: as in ``train``.
        out: folder for ``adders.csv`` (rows of other adders in it are kept), ``adders.png`` and, with ``table`` among
            the adders, ``operations.png``. None as in ``reproduce``.
        device: as in ``train``.
        quiet: show no progress.
        **changes: fields of the recipe to change in every condition, such as ``images``: then it is a trial.

    Raises:
        InputError: an unknown adder; values as in ``train``.
    """
    chosen = find_adders(adders)
    folder = _choose_folder(out, data, changes)
    read_csv(folder / "adders.csv")
    given = {name: value for name, value in changes.items() if value is not None}
    rows: list[dict[str, Any]] = []
    traces: dict[str, list[Any]] = {}
    tables: dict[str, Any] = {}
    for adder in chosen:
        for condition, setting in list_conditions(adder).items():
            wanted = {**COMMON, **setting, **given, "adder": adder}
            finished = study(ENCODER, seeds=seeds, data=data, device=device, watch=(), plot=False, quiet=quiet, **wanted)
            rows.append(compare_study(adder, condition, finished))
            if not setting:
                traces[adder] = trace_learning(finished)
            learned = finished.runs[0].load_network().adder
            if adder == "table" and isinstance(learned, TableAdder) and setting.keys() <= {"operation"}:
                tables[setting.get("operation", "add")] = learned.tabulate().detach().numpy()
    merge_rows(folder / "adders.csv", "adder", chosen, rows, list(ADDERS))
    save_figure(draw_comparison(rows, traces), folder / "adders.png")
    if tables:
        save_figure(draw_tables(tables), folder / "operations.png")
    return Findings(folder, rows)


def _choose_folder(out: PathLike | None, data: PathLike | None, changes: dict[str, Any]) -> Path:
    """Where rows go: a trial must not take the place of results that were asked for as they stand."""
    trial = data is not None or any(value is not None for value in changes.values())
    return make_folder(out if out is not None else Path(RUNS) / "trial" if trial else "results")
