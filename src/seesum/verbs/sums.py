"""The verb sums: learn to read digits from the sums of handwritten numbers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.files import PathLike
from seesum.data.sources import Data
from seesum.reading.datasets import load_data, load_splits
from seesum.runs.run import Run, find_unfinished

if TYPE_CHECKING:
    from seesum.data.splits import Splits
    from seesum.training.pairing import SumTask

FIXED = ("adder", "operation", "addends", "held_out_pairs", "split", "images", "teachers", "synthetic_digits")
"""Fields of a recipe that mean nothing where a network learns from sums."""


@with_own_torch_settings
def sums(
    digits: int | None = None,
    *,
    numbers: int | None = None,
    network: str | None = None,
    observed: str | None = None,
    wrong: float | None = None,
    held_out: bool = False,
    data: Data | None = None,
    device: str = "auto",
    out: PathLike | None = None,
    resume: PathLike | Run | None = None,
    plot: bool = True,
    quiet: bool = False,
    **changes: Any,
) -> Run:
    """Train a network from sums alone, evaluate it, write everything to a run directory, and return the run.

    Args:
        digits: N, the number of digits of each number. None for 1.
        numbers: K, how many numbers are added. None for 2.
        network: ``ours`` or ``lenet``. None for ``ours``.
        observed: what is known: ``sum`` (all its digits), its ``last`` or ``first`` digit, or which number is ``larger``.
            None for ``sum``.
        wrong: the share of the training sums that are wrong: any sum instead. None for 0.
        held_out: keep a fifth of the training sums, to choose a recipe by their likelihood.
        data: as for ``train``.
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``mps``.
        out: run directory, new or empty; None for a new one under ``runs``.
        resume: an unfinished run of this verb, or ``latest``; it ends as without the interruption.
        plot: write pictures and ``report.html``.
        quiet: show no progress.
        **changes: fields of ``Recipe`` that differ from the recipe of the network, such as ``seed`` and ``epochs``.

    Raises:
        InputError: a name or value is wrong, there are too few images, or a resumed run was started with others.
        JobError: the loss became infinite or not a number.
    """
    from seesum.base.devices import resolve_device
    from seesum.training.loop import train_run
    from seesum.training.sums import SumLesson

    wanted = {"digits": digits, "numbers": numbers, "observed": observed, "wrong": wrong, "held_out": held_out or None}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if resume is None:
        run, splits = _begin_run(wanted, network or "ours", changes, data, device, out, quiet)
    else:
        run = find_unfinished(resume)
        _refuse_changes(run, wanted, network, changes, out)
        splits = load_splits(run, data, quiet)
    if not run.finished:
        train_run(run, splits, device, quiet, lesson=SumLesson(run, splits, resolve_device(device)))
    if plot:
        from seesum.showing.reports import report_run

        report_run(run, splits)
    return run


def _begin_run(
    wanted: dict[str, Any],
    network: str,
    changes: dict[str, Any],
    data: Data | None,
    device: str,
    out: PathLike | None,
    quiet: bool,
) -> tuple[Run, Splits]:
    """Make a new run, and load its images."""
    from seesum.base.registry import look_up
    from seesum.data.splits import split_images
    from seesum.runs.creation import create_run
    from seesum.runs.provenance import describe_origin, write_command
    from seesum.training.pairing import SumTask, make_additions, make_training_additions
    from seesum.training.start import check_recipe, resolve_precision
    from seesum.training.sums import NETWORKS

    task = SumTask(**({"digits": 1} | wanted))
    chosen = look_up(NETWORKS, network, "network")
    for name in changes.keys() & set(FIXED):
        raise InputError(f"{name} cannot be changed where a network learns from sums; leave it out")
    recipe = resolve_precision(chosen.recipe.replaced(changes), device)
    check_recipe(recipe)
    dataset = load_data(data, quiet=quiet)
    splits = split_images(dataset, recipe)
    make_training_additions(splits.train.digits, task, recipe.seed)
    make_additions(splits.test.digits, task, recipe.seed, "test")
    info = describe_origin(recipe, dataset, data, device, test=False, monitor=())
    command = write_command(_name_task(task, network), recipe.changes_from(chosen.recipe), info["data"], test=False)
    info |= {"command": command, "sums": task.to_dict() | {"network": network}}
    return create_run(recipe, info, out), splits


def _name_task(task: SumTask, network: str) -> list[str]:
    """Return the command and the options that name what is learned from."""
    words = ["seesum", "sums", "--digits", str(task.digits), "--numbers", str(task.numbers), "--network", network]
    words += ["--observed", task.observed] if task.observed != "sum" else []
    words += ["--wrong", str(task.wrong)] if task.wrong else []
    return words + ["--held-out"] * task.held_out


def _refuse_changes(
    run: Run, wanted: dict[str, Any], network: str | None, changes: dict[str, Any], out: PathLike | None
) -> None:
    """Make sure that a run learned from sums, and that the arguments do not differ from those with which it was started.

    Raises:
        InputError: it did not, or they do.
    """
    if "sums" not in run.info:
        raise InputError(f"{run.directory} does not learn from sums; go on with: seesum train --resume {run.directory}")
    if out is not None:
        raise InputError(f"a resumed run continues in its own directory, {run.directory}; leave --out out")
    stored = run.recipe.to_dict() | run.info["sums"]
    given = wanted | ({"network": network} if network else {}) | {name: one for name, one in changes.items() if one is not None}
    for name, value in given.items():
        if stored.get(name) != value:
            raise InputError(f"{name} was not {value} when {run.directory} was started; leave it out, or start a new run")
