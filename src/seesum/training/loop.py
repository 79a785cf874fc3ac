"""The training loop: a run directory with its recipe -> weights and metrics.

Read ``train_epoch`` first: it is the loop itself. ``train_network`` repeats it and keeps what each epoch gave, and
``train_run`` does that for the teachers, then for the network, and evaluates it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seesum.base.devices import resolve_device, use_cudnn
from seesum.base.errors import InputError, JobError
from seesum.base.files import check_file, read_csv, save_tensors, write_csv, write_json
from seesum.base.interrupts import end_as_interrupted
from seesum.base.locks import hold_folder
from seesum.base.progress import Progress, say
from seesum.data.batches import Batches
from seesum.data.idx import LabelledImages
from seesum.data.splits import Splits
from seesum.measuring.evaluation import compute_metrics, predict_every_addend
from seesum.networks.network import Network, count_parameters
from seesum.runs.provenance import compare_machine
from seesum.runs.run import Run
from seesum.training.distillation import Teachers, list_teachers
from seesum.training.losses import compute_loss
from seesum.training.state import State, list_checkpoints, preserve_rng_state
from seesum.training.tracking import STEP_METRICS, StepResults, describe_epoch, describe_metrics


def train_epoch(
    state: State, batches: Batches, progress: Progress, teachers: Teachers | None = None
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Train on every image once.

    Args:
        state: network, optimiser and counters; changed in place.
        batches: the training images.
        progress: is told how far the run is.
        teachers: where there are some, the network learns from their probabilities instead of the labels.

    Returns:
        A row for each step with the means over its batch, and the means over the epoch, in which a smaller batch weighs less.
    """
    recipe, network = state.recipe, state.network
    planned = recipe.epochs * batches.count_steps()
    results = StepResults()
    network.train()
    for batch in batches.shuffle(state.epoch):
        factor = state.schedule(state.step / planned, recipe)
        image = batch.image.contiguous(memory_format=torch.channels_last)
        with torch.autocast(state.device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
            encoded = network.encode(image)
        torch.clear_autocast_cache()  # inside a caller's autocast it would keep the weights of the step before
        output = network.add(encoded, batch.addend)
        soft_targets = None if teachers is None else teachers.predict(image, batch.addend)
        loss = compute_loss(output, batch.addend, batch.digit, batch.answer, recipe, soft_targets)
        loss.total.backward()  # type: ignore[no-untyped-call]
        state.optimiser.step(factor)
        if state.average:
            state.update_average()
        results.add(loss, output, batch, recipe.lr * factor)
        state.step += 1
        if state.step % 20 == 0:
            progress.update(state.step, describe_metrics(results.measure_last()))
    return results.to_rows(state.step, state.epoch + 1)


def train_run(run: Run, splits: Splits, device_name: str, quiet: bool = False) -> Run:
    """Train what ``run.json`` says, from its checkpoint if it has one, and write weights and metrics to the run directory.

    The clock (``train_seconds``) starts with uint8 images in memory and stops after the last step, teachers included.
    Evaluation and writing files between epochs do not count.

    Args:
        run: a directory with ``run.json``; the precision of its recipe is resolved.
        splits: the images that the recipe trains on, chooses by and is tested on.
        device_name: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        quiet: show no progress.

    Raises:
        InputError: another process trains the run, its files are damaged or of another run, its directory cannot be written
            to, or this machine has no such device.
        JobError: loss or weights became infinite or not a number.
    """
    check_file(run.directory / "metrics.json")
    refusal = f"{run.directory} is being trained by another process; wait until that has ended"
    with end_as_interrupted(), hold_folder(run.directory, refusal):
        if run.finished:
            return run  # by the process that had the lock until now
        try:
            _train_and_evaluate(run, splits, resolve_device(device_name), quiet)
        except KeyboardInterrupt:
            if not quiet:
                say(f"go on with: seesum train --resume {run.directory} (a study: with the same command)")
            raise
    return run


def _train_and_evaluate(run: Run, splits: Splits, device: torch.device, quiet: bool) -> None:
    change = compare_machine(run, device.type)
    if change and not quiet:
        say(change)
    teachers = list_teachers(run)
    for teacher in teachers:
        if not teacher.trained:
            train_network(teacher, splits, device, quiet, student=run)
    state = train_network(run, splits, device, quiet, teachers)
    write_json(run.directory / "metrics.json", _evaluate_run(state, splits, run.info["evaluation"]["test"]))


def train_network(
    run: Run, splits: Splits, device: torch.device, quiet: bool, teachers: Sequence[Run] = (), student: Run | None = None
) -> State:
    """Train one network, from its checkpoint if it has one, and write the files of its epochs and its weights.

    Args:
        run: the network's own directory.
        splits: as in ``train_run``.
        device: where it is trained.
        quiet: show no progress.
        teachers: trained networks, from which it learns instead of the labels.
        student: where this network is a teacher, the run that learns from it.

    Raises:
        InputError: its files are damaged or of another run, or there is no room for them.
        JobError: loss or weights became infinite or not a number.
    """
    recipe, whole = run.recipe, student or run
    monitor = {name: part for name, part in splits.by_name.items() if name in run.info["evaluation"]["monitor"]}
    with preserve_rng_state(device), use_cudnn(tf32=recipe.precision != "fp32"):
        torch.manual_seed(recipe.seed)
        clock = time.perf_counter()
        state = State(recipe, device)
        batches = Batches(splits.train, recipe, device, state.generator)
        loaded = Teachers([_load_teacher(one, device) for one in teachers], recipe, state.generator) if teachers else None
        state.seconds = time.perf_counter() - clock + sum(one.read_rows("history.csv")[-1]["train_seconds"] for one in teachers)
        history, steps = _restore(state, run, quiet)
        with Progress(_describe_job(run, whole, splits), recipe.epochs * batches.count_steps(), quiet) as progress:
            try:
                while state.epoch < recipe.epochs:
                    clock = time.perf_counter()
                    rows, means = train_epoch(state, batches, progress, loaded)
                    state.seconds += time.perf_counter() - clock
                    state.epoch += 1
                    _refuse_divergence(state, means["loss"], is_teacher=student is not None)
                    history.append(_summarise_epoch(state, means, monitor))
                    steps += rows
                    _keep_epoch(state, run, history, steps, progress)
            except KeyboardInterrupt:
                progress.stop()
                progress.note(f"stopped; {state.epoch} of {recipe.epochs} epochs are kept in {run.directory}")
                raise
        with state.averaged() as network:
            save_tensors(run.weights, network.state_dict(), {"run": run.fingerprint})
    return state


def _restore(state: State, run: Run, quiet: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Load the checkpoint, and return the rows of its epochs and steps, as text. Without one, write the first."""
    state.check_room(run)
    if any(path.is_file() for path in list_checkpoints(run)):
        note = state.load(run)
    else:
        note = f"{run.directory} has no checkpoint any more; starting anew" if (run.directory / "history.csv").is_file() else ""
        state.save(run)
    if note and not quiet:
        say(note)
    history = _read_first_rows(run.directory / "history.csv", "epoch", state.epoch)
    return history, _read_first_rows(run.directory / "steps.csv", "step", state.step)


def _read_first_rows(path: Path, name: str, count: int) -> list[dict[str, Any]]:
    """Return the rows of a run's CSV that the checkpoint knows, in which a column counts from 1.

    Raises:
        InputError: some are missing.
    """
    rows = read_csv(path)[:count]
    numbers = [str(row[name]).removesuffix(".0") for row in rows if name in row]  # an older version wrote 1.0
    if numbers != [str(number) for number in range(1, count + 1)]:
        raise InputError(
            f"{path} lacks rows of the {name}s 1 to {count}, which the checkpoint has; put the file back, or start a new run"
        )
    return rows


def _keep_epoch(state: State, run: Run, history: list[dict[str, Any]], steps: list[dict[str, Any]], progress: Progress) -> None:
    write_csv(run.directory / "steps.csv", steps)
    write_csv(run.directory / "history.csv", history)
    if state.recipe.epochs > 1:
        state.save(run)
        progress.note(describe_epoch(history[-1]))
    progress.update(state.step, describe_metrics([history[-1][name] for name in STEP_METRICS]))


def _refuse_divergence(state: State, loss: float, is_teacher: bool) -> None:
    """Make sure that loss and weights are numbers. The last step may spoil the weights without showing in any loss.

    Raises:
        JobError: they are not. Nothing of this epoch has been written.
    """
    weights = [*state.network.state_dict().values(), *state.average.values()]
    finite = all(bool(torch.isfinite(one).all()) for one in weights if one.is_floating_point())
    if not (finite and math.isfinite(loss)):
        advice = f"leave the teacher {state.recipe.system} out" if is_teacher else "train with a smaller --lr"
        what = "weights" if math.isfinite(loss) else "loss"
        raise JobError(f"the {what} stopped being numbers in epoch {state.epoch}; {advice}")


def _load_teacher(run: Run, device: torch.device) -> Network:
    return run.load_network().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _describe_job(run: Run, whole: Run, splits: Splits) -> str:
    recipe = run.recipe
    job = f"{recipe.system}, {recipe.epochs} epoch{'s' * (recipe.epochs > 1)} of {len(splits.train.digits):,} images"
    return job if run is whole else f"teacher {run.directory.name} of {len(whole.recipe.teachers)}: {job}"


def _evaluate_run(state: State, splits: Splits, test: bool) -> dict[str, Any]:
    recipe = state.recipe
    labelled, name = splits.evaluation_images(test)
    return {
        "evaluated_on": name,
        **_evaluate(state, labelled),
        "parameters": count_parameters(state.network),
        "train_seconds": state.seconds,
        "epochs": recipe.epochs,
        "seed": recipe.seed,
        "system": recipe.system,
        "adder": recipe.adder,
    }


def _evaluate(state: State, labelled: LabelledImages) -> dict[str, float | int]:
    with state.averaged() as network:
        probabilities = predict_every_addend(network, labelled.images, state.recipe, state.device)
    if not np.isfinite(probabilities.sum_p).all():  # weights that are numbers may be too large to compute with
        raise JobError(f"the answers stopped being numbers in epoch {state.epoch}; train with a smaller --lr")
    return compute_metrics(probabilities, labelled, state.recipe)


def _summarise_epoch(state: State, means: dict[str, float], monitor: dict[str, LabelledImages]) -> dict[str, Any]:
    row: dict[str, Any] = {"epoch": state.epoch, "train_seconds": state.seconds, **means}
    for split, labelled in monitor.items():
        metrics = _evaluate(state, labelled)
        row |= {f"{split}_{name}": metrics[name] for name in STEP_METRICS}
    return row
