"""The verb study: one recipe with several seeds. Finished runs are kept, so a stopped study continues."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seesum.base.devices import resolve_device
from seesum.base.errors import InputError
from seesum.base.files import PathLike, check_file, read_csv
from seesum.data.idx import load_mnist
from seesum.networks.systems import DEFAULT_SYSTEM, find_system
from seesum.runs.provenance import describe_data
from seesum.runs.run import Run
from seesum.showing.reports import PAGE, report_run
from seesum.studies.seeds import Study, check_membership, find_study
from seesum.studies.tables import append_row
from seesum.training.loop import train_run
from seesum.training.start import resolve_precision, start_run


def study(
    system: str | None = None,
    *,
    seeds: int = 5,
    csv: PathLike | None = None,
    data: PathLike | None = None,
    device: str = "auto",
    out: PathLike | None = None,
    test: bool = False,
    monitor: tuple[str, ...] = ("validation",),
    plot: bool = True,
    quiet: bool = False,
    **changes: Any,
) -> Study:
    """Train the same recipe with the seeds 0..n-1. Finished runs are kept, so a stopped study continues where it was.

    Args:
        system: a name in ``SYSTEMS``; None for the default.
        seeds: n, at least 1.
        csv: file to which a row is appended, or that is started.
        data: as in ``train``.
        device: as in ``train``.
        out: directory of the study, with a run for each seed; None for one under ``runs`` that its recipe names.
        test: as in ``train``.
        monitor: the splits to evaluate after every epoch: ``validation``, ``test`` or both. Never choose by the latter.
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
    recipe = resolve_precision(find_system(system or DEFAULT_SYSTEM).recipe.replaced(changes), device)
    dataset = load_mnist(data)
    source, evaluation = describe_data(dataset, data), {"test": test, "monitor": list(monitor)}
    kind = resolve_device(device).type
    directory = Path(out) if out is not None else find_study(recipe, source["directory"], kind, evaluation)
    runs = []
    for seed in range(seeds):
        seeded, run = recipe.replaced({"seed": seed}), Run(directory / f"s{seed}")
        if (run.directory / "run.json").is_file():
            check_membership(run, seeded, source, evaluation)
            splits = None
        else:
            run, splits = start_run(seeded, dataset, data, device, run.directory, test, monitor)
        if not run.finished:
            splits = splits or run.load_splits(data)
            train_run(run, splits, device, quiet)
        if plot and seed == 0 and not (run.directory / PAGE).is_file():
            report_run(run, splits or run.load_splits(data))
        runs.append(run)
    finished = Study(directory, tuple(runs))
    if csv is not None:
        append_row(Path(csv), finished.to_row())
    return finished
