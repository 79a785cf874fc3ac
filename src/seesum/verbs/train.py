"""The verb train: a system's recipe -> a run directory with weights, metrics and a report."""

from __future__ import annotations

import sys
from typing import Any

from seesum.base.errors import InputError
from seesum.base.files import PathLike
from seesum.data.idx import load_mnist
from seesum.runs.run import Run, find_unfinished


def train(
    system: str | None = None,
    *,
    data: PathLike | None = None,
    device: str = "auto",
    out: PathLike | None = None,
    resume: PathLike | Run | None = None,
    test: bool = False,
    plot: bool = True,
    summary: bool = False,
    quiet: bool = False,
    **changes: Any,
) -> Run:
    """Train a system and evaluate it; everything is written to the run directory.

    Args:
        system: a name in ``SYSTEMS``; None for the default, ``fast``.
        data: folder of IDX files; None for the embedded MNIST.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``mps``.
        out: run directory, new or empty; None for one under ``runs``.
        resume: an unfinished run, or ``latest`` for the newest of them. It continues in its directory, with its recipe, to the
            weights that it would have had without the interruption.
        test: under ``split="validate"``, report the test images rather than the validation images.
        plot: write pictures and ``report.html``.
        summary: first print layers, output shapes and parameter counts, on standard error.
        quiet: show no progress.
        **changes: fields of ``Recipe`` that differ from the system's.

    Raises:
        InputError: an unknown name or an impossible value; a resumed run whose recipe differs from ``changes``.
        JobError: the loss became infinite or not a number.
    """
    from seesum.networks.network import format_layers
    from seesum.networks.systems import DEFAULT_SYSTEM, build_network, find_system
    from seesum.training.loop import train_run
    from seesum.training.start import resolve_precision, start_run

    if resume is not None:
        run = find_unfinished(resume)
        _refuse_changes(run, system, changes, out, test)
        splits = run.load_splits(data)
    else:
        recipe = resolve_precision(find_system(system or DEFAULT_SYSTEM).recipe.replaced(changes), device)
        run, splits = start_run(recipe, load_mnist(data), data, device, out, test)
    if summary:
        print(format_layers(build_network(run.recipe)), file=sys.stderr)  # noqa: T201
    if not run.finished:
        train_run(run, splits, device, quiet)
    if plot:
        from seesum.showing.reports import report_run

        report_run(run, splits)
    return run


def _refuse_changes(run: Run, system: str | None, changes: dict[str, Any], out: PathLike | None, test: bool) -> None:
    """Make sure that a resumed run is asked for nothing but what it was started with."""
    stored = run.recipe
    if system is not None and system != stored.system:
        raise InputError(f"{run.directory} trains {stored.system}, not {system}; a run continues with its own recipe")
    if out is not None:
        raise InputError(f"a resumed run continues in its own directory, {run.directory}; leave --out out")
    if test and not run.info["evaluation"]["test"] and stored.split != "full":
        raise InputError(f"{run.directory} was started without --test; to measure it on test images: seesum evaluate --test")
    if changes.get("precision") == "auto":
        changes = {**changes, "precision": None}
    was = stored.changes_from(stored.replaced(changes))
    for name, value in stored.replaced(changes).changes_from(stored).items():
        raise InputError(
            f"{name} is {value} here but {was[name]} in {run.directory}; leave it out, since a run continues with its own "
            f"recipe, or train anew"
        )
