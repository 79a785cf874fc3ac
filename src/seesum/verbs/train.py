"""The verb train: train a system, and write a run directory with weights, metrics and a report."""

from __future__ import annotations

import sys
from typing import Any

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.files import PathLike
from seesum.data.idx import load_mnist
from seesum.runs.run import Run, find_unfinished


@with_own_torch_settings
def train(
    system: str | None = None,
    *,
    data: PathLike | None = None,
    invert: bool = False,
    transpose: bool = False,
    device: str = "auto",
    out: PathLike | None = None,
    resume: PathLike | Run | None = None,
    test: bool = False,
    plot: bool = True,
    summary: bool = False,
    quiet: bool = False,
    **changes: Any,
) -> Run:
    """Train a system, evaluate it, and write everything to a run directory.

    Args:
        system: a name in ``SYSTEMS``; None for the default, ``fast``.
        data: folder of IDX files, None for the embedded MNIST.
        invert, transpose: turn the images of ``data``: black ink on white, or rows and columns exchanged.
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``mps``.
        out: run directory, new or empty; None for a new one under ``runs``.
        resume: an unfinished run, or ``latest`` for the newest one. It continues in its directory with its recipe, and ends
            with the same weights as without the interruption.
        test: with ``split="validate"``, evaluate on the test images instead of the validation images.
        plot: write pictures and ``report.html``.
        summary: before training, print layers, output shapes and parameter counts to standard error.
        quiet: show no progress.
        **changes: fields of ``Recipe`` that differ from the recipe of the system.

    Returns:
        The finished run.

    Raises:
        InputError: a name is unknown, a value is impossible, or ``changes`` differ from the recipe of a resumed run.
        JobError: the loss became infinite or not a number.
    """
    from seesum.networks.systems import DEFAULT_SYSTEM, find_system
    from seesum.training.loop import train_run
    from seesum.training.start import resolve_precision, start_run

    if resume is not None:
        run = find_unfinished(resume)
        run.check_turns(invert=invert, transpose=transpose)
        _refuse_changes(run, system, changes, out, test)
        splits = run.load_splits(data)
    else:
        recipe = resolve_precision(find_system(system or DEFAULT_SYSTEM).recipe.replaced(changes), device)
        dataset = load_mnist(data, invert=invert, transpose=transpose)
        run, splits = start_run(recipe, dataset, data, device, out, test)
    if summary:
        _print_layers(run)
    if not run.finished:
        train_run(run, splits, device, quiet)
    if plot:
        from seesum.showing.reports import report_run

        report_run(run, splits)
    return run


def _print_layers(run: Run) -> None:
    """Print the layers of a run's network, with output shapes and parameter counts, to standard error."""
    import torch

    from seesum.networks.network import format_layers
    from seesum.networks.systems import build_network

    with torch.random.fork_rng(devices=[]):  # a network starts with random weights
        print(format_layers(build_network(run.recipe)), file=sys.stderr)  # noqa: T201


def _refuse_changes(run: Run, system: str | None, changes: dict[str, Any], out: PathLike | None, test: bool) -> None:
    """Make sure that the arguments do not differ from those with which a resumed run was started."""
    stored = run.recipe
    if system is not None and system != stored.system:
        raise InputError(f"{run.directory} trains {stored.system}, not {system}; leave the system out")
    if out is not None:
        raise InputError(f"a resumed run continues in its own directory, {run.directory}; leave --out out")
    if test and not run.info["evaluation"]["test"] and stored.split != "full":
        raise InputError(
            f"{run.directory} was started without --test; to evaluate it on the test images: seesum evaluate --test"
        )
    if changes.get("precision") == "auto":
        changes = {**changes, "precision": None}
    stored_values = stored.changes_from(stored.replaced(changes))
    for name, value in stored.replaced(changes).changes_from(stored).items():
        raise InputError(
            f"{name} is {value} here but {stored_values[name]} in {run.directory}; leave it out to continue with the recipe "
            f"of the run, or start a new run"
        )
