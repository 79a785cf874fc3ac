"""The training loop: a run directory with its recipe -> weights and metrics.

Read ``train_epoch`` first: it is the loop itself. ``train_network`` repeats it and keeps what each epoch gave, and
``train_run`` does that for the teachers, then for the network, and evaluates it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from seesum.base.devices import resolve_device, use_cudnn
from seesum.base.errors import InputError
from seesum.base.files import check_file, read_csv, save_tensors, write_csv, write_json
from seesum.base.interrupts import end_as_interrupted
from seesum.base.locks import hold_folder
from seesum.base.progress import Progress, say
from seesum.data.batches import Batches
from seesum.data.idx import LabelledImages
from seesum.data.splits import Splits
from seesum.networks.network import Network
from seesum.runs.names import write_resume
from seesum.runs.provenance import compare_machine
from seesum.runs.run import Run
from seesum.runs.starts import reopen_start
from seesum.training.choosing import Kept
from seesum.training.distillation import Teachers, list_teachers
from seesum.training.evaluating import evaluate_run, evaluate_state, refuse_divergence, summarise_epoch
from seesum.training.lesson import Lesson
from seesum.training.losses import compute_loss
from seesum.training.state import State, list_checkpoints, preserve_rng_state
from seesum.training.tracking import STEP_METRICS, StepResults, describe_epoch, describe_metrics
from seesum.training.watching import Watchers


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


def train_run(
    run: Run,
    splits: Splits,
    device_name: str,
    quiet: bool = False,
    watchers: Watchers | None = None,
    lesson: Lesson | None = None,
) -> Run:
    """Train what ``run.json`` says, from its checkpoint if it has one, and write weights and metrics to the run directory.

    The clock (``train_seconds``) starts with uint8 images in memory and stops after the last step, teachers included.
    Evaluation and writing files between epochs do not count.

    Args:
        run: a directory with ``run.json``; the precision of its recipe is resolved.
        splits: the images that the recipe trains on, chooses by and is tested on.
        device_name: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        quiet: show no progress.
        watchers: the user's function and log, for the network but not for its teachers.
        lesson: what the network learns from; None for the labels.

    Raises:
        InputError: another process trains the run, its files are damaged or of another run, its directory cannot be written
            to, or this machine has no such device.
        JobError: loss or weights became infinite or not a number.
    """
    check_file(run.directory / "metrics.json")
    watchers = watchers or Watchers()
    refusal = f"{run.directory} is being trained by another process; wait until that has ended"
    with end_as_interrupted(), hold_folder(run.directory, refusal):
        if run.finished:
            return run  # by the process that had the lock until now
        try:
            _train_and_evaluate(run, splits, resolve_device(device_name), quiet, watchers, lesson)
        except BaseException as error:
            if watchers.ended(error) and not quiet:
                say(f"go on with: {write_resume(run.directory, run.info)} (a study: with the same command)")
            raise
    return run


def _train_and_evaluate(
    run: Run, splits: Splits, device: torch.device, quiet: bool, watchers: Watchers, lesson: Lesson | None
) -> None:
    change = compare_machine(run, device.type)
    if change and not quiet:
        say(change)
    teachers = list_teachers(run)
    for teacher in teachers:
        if not teacher.trained:
            train_network(teacher, splits, device, quiet, Watchers(), student=run)
    state = train_network(run, splits, device, quiet, watchers, teachers, lesson=lesson)
    metrics = evaluate_run(state, splits, run.info["evaluation"]["test"]) | (lesson.evaluate(state) if lesson else {})
    write_json(run.directory / "metrics.json", metrics)


def train_network(
    run: Run,
    splits: Splits,
    device: torch.device,
    quiet: bool,
    watchers: Watchers,
    teachers: Sequence[Run] = (),
    student: Run | None = None,
    lesson: Lesson | None = None,
) -> State:
    """Train one network, from its checkpoint if it has one, and write the files of its epochs and its weights.

    Args:
        run: the network's own directory.
        splits: as in ``train_run``.
        device: where it is trained.
        quiet: show no progress.
        watchers: are told of every epoch, and may stop the training.
        teachers: trained networks, from which it learns instead of the labels.
        student: where this network is a teacher, the run that learns from it.
        lesson: what it learns from; None for the labels, or the teachers.

    Raises:
        InputError: its files are damaged or of another run, or there is no room for them.
        JobError: loss or weights became infinite or not a number.
    """
    recipe, whole = run.recipe, student or run
    names = [*run.info["evaluation"]["monitor"], *["validation"] * ("start_from" in run.info)]
    monitor = {name: part for name, part in splits.by_name.items() if name in names}
    with preserve_rng_state(device), use_cudnn(tf32=recipe.precision != "fp32"):
        torch.manual_seed(recipe.seed)
        clock = time.perf_counter()
        state = State(recipe, device)
        batches = Batches(splits.train, recipe, device, state.generator)
        if lesson:
            lesson.prepare(state)
        loaded = Teachers([_load_teacher(one, device) for one in teachers], recipe, state.generator) if teachers else None
        state.seconds = time.perf_counter() - clock + sum(one.read_rows("history.csv")[-1]["train_seconds"] for one in teachers)
        history, steps = _restore(state, run, splits, quiet)
        job, planned = _describe_job(run, whole, splits), recipe.epochs * (lesson or batches).count_steps()
        with watchers.watching(run, history, steps), Progress(job, planned, quiet) as progress:
            try:
                while state.epoch < recipe.epochs and not state.stopped:
                    clock = time.perf_counter()
                    rows, means = (
                        lesson.train_epoch(state, progress) if lesson else train_epoch(state, batches, progress, loaded)
                    )
                    state.seconds += time.perf_counter() - clock
                    state.epoch += 1
                    refuse_divergence(state, means["loss"], is_teacher=student is not None)
                    history.append(summarise_epoch(state, means, monitor) | (lesson.measure_epoch(state) if lesson else {}))
                    steps += rows
                    state.offer_weights(history[-1])
                    _keep_epoch(state, run, history, steps, progress, watchers)
                    with preserve_rng_state(device):
                        state.stopped = watchers.tell(history[-1], rows, recipe.epochs)
                    if state.stopped:
                        state.save(run)
            except BaseException as error:
                if watchers.ended(error):
                    progress.stop()
                    progress.note(f"stopped; {state.epoch} of {recipe.epochs} epochs are kept in {run.directory}")
                raise
        _end_training(state, run, splits, quiet)
        with state.averaged() as network:
            save_tensors(run.weights, network.state_dict(), {"run": run.fingerprint})
    return state


def _restore(state: State, run: Run, splits: Splits, quiet: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Load the checkpoint, and return the rows of its epochs and steps, as text. Without one, write the first."""
    resumed = any(path.is_file() for path in list_checkpoints(run))
    if not resumed:
        _take_start(state, run, splits.validation, quiet)
    state.check_room(run)
    if resumed:
        note = state.load(run)
    else:
        note = f"{run.directory} has no checkpoint any more; starting anew" if (run.directory / "history.csv").is_file() else ""
        state.save(run)
    if note and not quiet:
        say(note)
    history = _read_first_rows(run.directory / "history.csv", "epoch", state.epoch)
    return history, _read_first_rows(run.directory / "steps.csv", "step", state.step)


def _take_start(state: State, run: Run, validation: LabelledImages | None, quiet: bool) -> None:
    """Put the weights of the start into a network that is fine-tuned, and measure them where there are validation images."""
    start = reopen_start(run)
    if start is None:
        return
    state.take_weights(start.load_weights())
    if start.calibrated and not quiet:
        say(f"the calibration of {start.name} does not hold for new weights and is not taken over; see: seesum calibrate")
    if validation is not None:
        state.kept = Kept.of_start(state.network.state_dict(), evaluate_state(state, validation))


def _end_training(state: State, run: Run, splits: Splits, quiet: bool) -> None:
    """Go back to the best weights of a network that was fine-tuned, and say what was kept or how early the training ended."""
    notes = []
    if state.stopped:
        notes.append(f"on_epoch has stopped the training after {state.epoch} of {state.recipe.epochs} epochs")
    if state.kept:
        assert splits.validation is not None
        state.take_weights(state.kept.weights)
        notes.append(state.kept.describe(run.info["start_from"]["run"], len(splits.validation.digits)))
    elif "start_from" in run.info:
        notes.append(
            f"no images were held out, so the last weights are kept, better than {run.info['start_from']['run']} or not"
        )
    if not quiet:
        for note in notes:
            say(note)


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


def _keep_epoch(
    state: State,
    run: Run,
    history: list[dict[str, Any]],
    steps: list[dict[str, Any]],
    progress: Progress,
    watchers: Watchers,
) -> None:
    write_csv(run.directory / "steps.csv", steps)
    write_csv(run.directory / "history.csv", history)
    if state.recipe.epochs > 1 or watchers.on_epoch:
        state.save(run)
    if state.recipe.epochs > 1:
        progress.note(describe_epoch(history[-1]))
    progress.update(state.step, describe_metrics([history[-1][name] for name in STEP_METRICS]))


def _load_teacher(run: Run, device: torch.device) -> Network:
    return run.load_network().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _describe_job(run: Run, whole: Run, splits: Splits) -> str:
    recipe = run.recipe
    job = f"{recipe.system}, {recipe.epochs} epoch{'s' * (recipe.epochs > 1)} of {len(splits.train.digits):,} images"
    return job if run is whole else f"teacher {run.directory.name} of {len(whole.recipe.teachers)}: {job}"
