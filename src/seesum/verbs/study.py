"""The verb study: train one recipe with several seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seesum.base.devices import resolve_device
from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.files import PathLike, check_file, read_csv
from seesum.data.sources import Data
from seesum.data.splits import split_images
from seesum.networks.plugins import SystemLike, resolve_changes, resolve_system
from seesum.networks.systems import DEFAULT_SYSTEM
from seesum.reading.datasets import load_data
from seesum.runs.provenance import describe_data
from seesum.runs.run import Run
from seesum.showing.reports import PAGE, report_run
from seesum.studies.seeds import Study, check_membership, find_study_directory
from seesum.studies.tables import append_row
from seesum.training.loop import train_run
from seesum.training.start import resolve_precision, start_run


@with_own_torch_settings
def study(
    system: SystemLike | None = None,
    *,
    seeds: int = 5,
    csv: PathLike | None = None,
    data: Data | None = None,
    invert: bool = False,
    transpose: bool = False,
    as_is: bool = False,
    device: str = "auto",
    out: PathLike | None = None,
    test: bool = False,
    monitor: tuple[str, ...] = ("validation",),
    plot: bool = True,
    quiet: bool = False,
    **changes: Any,
) -> Study:
    """Train the same recipe with the seeds 0..n-1. Finished runs are kept, so the same call continues a stopped study.

    Args:
        system: as in ``train``. A module that is built already starts with the same weights for every seed.
        seeds: number of seeds n, at least 1.
        csv: CSV file to which a row with the result is appended. It is created if it does not exist.
        data, invert, transpose, as_is, device, test: as in ``train``.
        out: directory of the study, with a run for each seed. None for a directory under ``runs``, named after the settings.
        monitor: the splits to evaluate after every epoch: ``validation``, ``test`` or both. Never make choices by ``test``.
        plot: write pictures and ``report.html`` of the run with seed 0. Use ``report`` for the other runs.
        quiet: show no progress.
        **changes: as in ``train``, but without a seed.

    Raises:
        InputError: an argument is wrong as in ``train``, ``changes`` has a seed, or ``out`` has runs of another study.
    """
    if seeds < 1 or changes.get("seed") is not None:
        raise InputError("a study uses the seeds 0, 1, 2 and so on; give their number with --seeds, at least 1")
    if csv is not None:
        read_csv(check_file(csv))
    chosen = resolve_system(system, DEFAULT_SYSTEM)
    recipe = resolve_precision(chosen.recipe.replaced(resolve_changes(changes)), device)
    dataset = load_data(data, invert=invert, transpose=transpose, as_is=as_is, quiet=quiet)
    source, evaluation = describe_data(dataset, data), {"test": test, "monitor": list(monitor)}
    named = find_study_directory(recipe, source, resolve_device(device).type, evaluation)
    directory, runs = named if out is None else Path(out), []
    for seed in range(seeds):
        seeded, run = recipe.replaced({"seed": seed}), Run(directory / f"s{seed}")
        if (run.directory / "run.json").is_file():
            check_membership(run, seeded, source, evaluation)
            splits = None
        else:
            run, splits = start_run(seeded, dataset, data, device, run.directory, test, monitor)
        if not run.finished:
            splits = splits or split_images(dataset, seeded)
            train_run(run, splits, device, quiet)
        if plot and seed == 0 and not (run.directory / PAGE).is_file():
            report_run(run, splits or split_images(dataset, seeded))
        runs.append(run)
    finished = Study(directory, tuple(runs))
    if csv is not None:
        append_row(Path(csv), finished.to_row())
    return finished
