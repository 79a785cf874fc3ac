"""The verb train: train a system, and write a run directory with weights, metrics and a report."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.files import PathLike
from seesum.data.sources import Data
from seesum.reading.datasets import load_data, load_splits
from seesum.runs.names import write_resume
from seesum.runs.run import Run, find_unfinished
from seesum.runs.starts import Start, find_start, refuse_other_start

if TYPE_CHECKING:
    from seesum.data.splits import Splits
    from seesum.networks.plugins import SystemLike
    from seesum.networks.system import System
    from seesum.training.watching import OnEpoch


@with_own_torch_settings
def train(
    system: SystemLike | None = None,
    *,
    encoder: SystemLike | None = None,
    start_from: PathLike | Run | None = None,
    data: Data | None = None,
    invert: bool = False,
    transpose: bool = False,
    as_is: bool = False,
    device: str = "auto",
    out: PathLike | None = None,
    resume: PathLike | Run | None = None,
    test: bool = False,
    plot: bool = True,
    summary: bool = False,
    quiet: bool = False,
    on_epoch: OnEpoch | None = None,
    log: str | None = None,
    **changes: Any,
) -> Run:
    """Train a system, evaluate it, write everything to a run directory, and return the run (docs/howto/train.md).

    Args:
        system, encoder: a name in ``SYSTEMS``, a reference, a ``System`` or a module. None for ``fast``.
        start_from: a run or a shipped network whose weights are fine-tuned (docs/howto/fine-tuning.md). It decides the system.
        data: images of your own (docs/howto/own-data.md): a path, arrays, or a torch dataset. None for the embedded MNIST.
        invert, transpose, as_is: turn black ink on white; exchange rows and columns; do not prepare pictures of 28x28 pixels.
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``mps``.
        out: run directory, new or empty; None for a new one under ``runs``.
        resume: an unfinished run, or ``latest`` for the newest one; it ends as without the interruption.
        test: with ``split="validate"``, evaluate on the test images instead of the validation images.
        plot: write pictures and ``report.html``.
        summary: before training, print layers, output shapes and parameter counts to standard error.
        quiet: show no progress.
        on_epoch: is called with the metrics of each epoch; returns "stop" or None (docs/howto/watching-training.md).
        log: ``tensorboard`` writes event files to the run directory. None for no log.
        **changes: fields of ``Recipe`` that differ from the recipe of the system.

    Raises:
        InputError: a name, value or module is wrong, or differs from what a resumed run was started with.
        JobError: the loss became infinite or not a number.
    """
    from seesum.training.loop import train_run
    from seesum.training.watching import Watchers

    watchers, how = Watchers(on_epoch, log), {"invert": invert, "transpose": transpose, "as_is": as_is}
    chosen = _choose_network(system, encoder, start_from)
    if resume is None:
        run, splits = _begin_run(chosen, changes, data, how, device, out, test, quiet)
    else:
        run, splits = _reopen_run(resume, chosen, changes, data, how, out, test, quiet)
    if summary:
        _print_layers(run)
    if not run.finished:
        train_run(run, splits, device, quiet, watchers)
    if plot:
        from seesum.showing.reports import report_run

        report_run(run, splits)
    return run


class _Choice(NamedTuple):
    """The network that a user wants to train."""

    system: System | None
    start: Start | None


def _choose_network(system: SystemLike | None, encoder: SystemLike | None, start_from: PathLike | Run | None) -> _Choice:
    """Return the system and the start that a user names, each None where the user names none."""
    from seesum.networks.plugins import resolve_system

    if encoder is not None and system is not None:
        raise InputError("system and encoder both name a network; give one of them")
    given = system if encoder is None else encoder
    named = None if given is None else resolve_system(given, "")
    start = None if start_from is None else find_start(start_from)
    if start and named:
        start.refuse_changes({"system": named.recipe.system})
    return _Choice(named, start)


def _begin_run(
    chosen: _Choice,
    changes: dict[str, Any],
    data: Data | None,
    how: dict[str, bool],
    device: str,
    out: PathLike | None,
    test: bool,
    quiet: bool,
) -> tuple[Run, Splits]:
    """Make a new run, and load its images."""
    from seesum.networks.plugins import resolve_changes
    from seesum.networks.systems import DEFAULT_SYSTEM, find_system
    from seesum.training.start import resolve_precision, start_run

    changes, start = resolve_changes(changes), chosen.start
    if start is None:
        base = (chosen.system or find_system(DEFAULT_SYSTEM)).recipe
    else:
        start.refuse_changes(changes)
        base = start.run.recipe
    recipe = resolve_precision(base.replaced(changes), device)
    dataset = load_data(data, **how, quiet=quiet)
    if start is not None:
        recipe = resolve_precision(start.fit_recipe(len(dataset.train.digits)).replaced(changes), device)
    return start_run(recipe, dataset, data, device, out, test, start=start)


def _reopen_run(
    resume: PathLike | Run,
    chosen: _Choice,
    changes: dict[str, Any],
    data: Data | None,
    how: dict[str, bool],
    out: PathLike | None,
    test: bool,
    quiet: bool,
) -> tuple[Run, Splits]:
    """Find the run that is continued, and load its images."""
    from seesum.networks.plugins import resolve_changes

    run = find_unfinished(resume)
    if "sums" in run.info:
        raise InputError(f"{run.directory} learns from sums; go on with: {write_resume(run.directory, run.info)}")
    run.check_plugins()
    run.check_turns(**how)
    system = None if chosen.system is None else chosen.system.recipe.system
    _refuse_changes(run, system, resolve_changes(changes), out, test)
    refuse_other_start(run, chosen.start)
    return run, load_splits(run, data, quiet)


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
