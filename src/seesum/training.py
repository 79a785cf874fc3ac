"""Recipe -> run; the loop, in plain sight."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from seesum.batches import Batches
from seesum.checkpoint import Run
from seesum.devices import choose_device, use_cudnn
from seesum.evaluation import forecast_every, measure_answers
from seesum.files import save_tensors, write_csv, write_json
from seesum.losses import measure_loss
from seesum.mnist import Part
from seesum.network import Network, count_parameters
from seesum.progress import Progress
from seesum.recipe import JobError
from seesum.state import State
from seesum.task import NO_DIGIT, Splits
from seesum.teachers import Teachers, list_teachers

TALLY = {
    "loss": "samples",
    **dict.fromkeys(("digit_loss", "sum_loss", "digit_accuracy", "sum_accuracy", "both_accuracy"), "digits"),
}
"""What is kept of every step -> of what in its batch that is the mean: all samples, or those that show a digit."""
COUNTS = ("digits", "samples")
"""How many there were in the batch."""


def train_epoch(
    state: State, batches: Batches, progress: Progress, teachers: Teachers | None = None
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """One pass over the training images. Teachers replace the labels.

    Returns:
        A row per step, with the means over its batch, and the means over the epoch, in which a smaller batch weighs less.
    """
    recipe, network, device = state.recipe, state.network, state.device
    planned = recipe.epochs * batches.count_steps()
    native = recipe.precision == "bf16"
    losses, rates, results = [], [], []
    network.train()
    for batch in batches.shuffle(state.epoch):
        factor = state.schedule(state.step / planned, recipe)
        image = batch.image.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=native):
            encoded = network.encode(image)
        taught = None if teachers is None else teachers.answer(image, batch.addend)
        output = network.add(encoded, batch.addend)
        loss = measure_loss(output, batch.addend, batch.digit, batch.answer, recipe, taught)
        loss.total.backward()  # type: ignore[no-untyped-call]
        state.optimiser.step(factor)
        if state.average:
            state.follow()
        losses.append(torch.stack([part.detach() for part in loss]))
        results.append((output.digit_logp.detach(), output.sum_logp.detach(), batch.digit, batch.answer))
        rates.append(recipe.lr * factor)
        state.step += 1
        if state.step % 20 == 0:
            progress.update(state.step, _describe([*losses[-1].tolist(), *_measure_steps(results[-1:])[0][:3]]))
    first = state.step - len(losses) + 1
    rows = zip(torch.stack(losses).tolist(), _measure_steps(results), strict=True)
    tallies = [dict(zip((*TALLY, *COUNTS), (*parts, *measured), strict=True)) for parts, measured in rows]
    means = {name: sum(one[name] * one[of] for one in tallies) / sum(one[of] for one in tallies) for name, of in TALLY.items()}
    steps = [
        {"step": first + i, "epoch": state.epoch + 1, "lr": rates[i], **{name: one[name] for name in TALLY}}
        for i, one in enumerate(tallies)
    ]
    return steps, means


def _measure_steps(results: list[tuple[Tensor, Tensor, Tensor, Tensor]]) -> list[list[float]]:
    """Accuracies of digit, sum and both of each step, and its ``COUNTS``.

    All steps at once, as ten small operations a step cost a tenth of it. Images without a digit count for nothing.
    """
    digit_logp, sum_logp, digit, answer = (torch.cat(parts) for parts in zip(*results, strict=True))
    right = torch.stack([digit_logp.argmax(1) == digit, sum_logp.argmax(1) == answer], 1).float()
    right = torch.cat([right, right.prod(1, keepdim=True), (digit != NO_DIGIT).unsqueeze(1).float()], 1)
    sums = [rows.sum(0) for rows in torch.split(right.cpu(), [len(step[2]) for step in results])]
    shares = [(step[:3] / step[3].clamp_min(1)).tolist() for step in sums]
    return [[*share, int(step[3]), len(result[2])] for share, step, result in zip(shares, sums, results, strict=True)]


def train_run(
    run: Run,
    splits: Splits,
    device_name: str,
    quiet: bool = False,
) -> Run:
    """Train what ``run.json`` says, from its checkpoint if there is one, to weights and metrics in the run directory.

    The clock (``train_seconds``) starts with uint8 images in memory and stops after the last step, teachers included;
    evaluation and writing files between epochs are not counted.

    Args:
        run: a directory with ``run.json``, which also says what is measured; its recipe has a settled precision.
        splits: the images that the recipe trains on, chooses on and is tested on.
        device_name: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        quiet: show no progress.

    Raises:
        InputError: a checkpoint that is damaged, or a device that is not here.
        JobError: the loss stopped being a number.
    """
    device, teachers = choose_device(device_name), list_teachers(run)
    for teacher in teachers:
        if not teacher.trained:
            _train_weights(teacher, splits, device, run, quiet)
    state = _train_weights(run, splits, device, run, quiet, teachers)
    write_json(run.directory / "metrics.json", _measure_run(state, splits, run.info["measured"]["test"]))
    return run


def _train_weights(
    run: Run, splits: Splits, device: torch.device, whole: Run, quiet: bool, teachers: Sequence[Run] = ()
) -> State:
    """Of one network, from its checkpoint if there is one: the files of its epochs, and its weights.

    Args:
        run: the network's own directory.
        splits: as in ``train_run``.
        device: where it is trained.
        whole: the run that is trained, of which this network is a teacher if it isn't its own.
        quiet: show no progress.
        teachers: finished; what they say is learned.
    """
    recipe, measured = run.recipe, run.info["measured"]
    watched = {name: part for name, part in splits.parts.items() if name in measured["watch"]}
    history: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    with keep_generators(device), use_cudnn(tf32=recipe.precision != "fp32"):
        torch.manual_seed(recipe.seed)
        clock = time.perf_counter()
        state = State(recipe, device)
        batches = Batches(splits.train, recipe, device, state.generator)
        asked = Teachers([_place_teacher(one, device) for one in teachers], recipe, state.generator) if teachers else None
        state.seconds = time.perf_counter() - clock + sum(one.read_rows("history.csv")[-1]["train_seconds"] for one in teachers)
        if (run.directory / "checkpoint.safetensors").is_file():
            state.load(run)
            history = [row for row in run.read_rows("history.csv") if row["epoch"] <= state.epoch]
            steps = [row for row in run.read_rows("steps.csv") if row["epoch"] <= state.epoch]
        else:
            state.save(run)
        with Progress(_describe_job(run, whole, splits), recipe.epochs * batches.count_steps(), quiet) as progress:
            try:
                while state.epoch < recipe.epochs:
                    clock = time.perf_counter()
                    rows, means = train_epoch(state, batches, progress, asked)
                    state.seconds += time.perf_counter() - clock
                    state.epoch += 1
                    history.append(_summarise_epoch(state, means, watched))
                    steps += rows
                    if not math.isfinite(history[-1]["loss"]):
                        advice = "train with a smaller --lr" if run is whole else f"leave the teacher {recipe.system} out"
                        raise JobError(f"the loss stopped being a number in epoch {state.epoch}; {advice}")
                    write_csv(run.directory / "steps.csv", steps)
                    write_csv(run.directory / "history.csv", history)
                    if recipe.epochs > 1:
                        state.save(run)
                        progress.note(_describe_epoch(history[-1]))
                    progress.update(state.step, _describe([history[-1][name] for name in TALLY]))
            except KeyboardInterrupt:
                progress.note(f"stopped; {state.epoch} of {recipe.epochs} epochs are kept in {run.directory}")
                progress.note(f"go on with: seesum train --resume {whole.directory} (a study: with the same command)")
                raise
        with state.averaged() as network:
            save_tensors(run.weights, network.state_dict())
    return state


def _place_teacher(run: Run, device: torch.device) -> Network:
    return run.load_network().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _describe_job(run: Run, whole: Run, splits: Splits) -> str:
    recipe = run.recipe
    job = f"{recipe.system}, {recipe.epochs} epoch{'s' * (recipe.epochs > 1)} of {len(splits.train.digits):,} images"
    return job if run is whole else f"teacher {run.directory.name} of {len(whole.recipe.teachers)}: {job}"


@contextmanager
def keep_generators(device: torch.device) -> Iterator[None]:
    """Leave torch's global generators, which training seeds for weights and dropout, as they were before the block."""
    own = torch.mps.get_rng_state() if device.type == "mps" else None
    with torch.random.fork_rng(devices=[device.index or 0] if device.type == "cuda" else []):
        yield
    if own is not None:
        torch.mps.set_rng_state(own)


def _measure_run(state: State, splits: Splits, test: bool) -> dict[str, Any]:
    recipe = state.recipe
    part, name = splits.pick_part(test)
    return {
        "evaluated_on": name,
        **_measure_part(state, part),
        "parameters": count_parameters(state.network),
        "train_seconds": state.seconds,
        "epochs": recipe.epochs,
        "seed": recipe.seed,
        "system": recipe.system,
        "adder": recipe.adder,
    }


def _measure_part(state: State, part: Part) -> dict[str, float | int]:
    with state.averaged() as network:
        return measure_answers(forecast_every(network, part.images, state.recipe, state.device), part, state.recipe)


def _summarise_epoch(state: State, means: dict[str, float], parts: dict[str, Part]) -> dict[str, Any]:
    row: dict[str, Any] = {"epoch": state.epoch, "train_seconds": state.seconds, **means}
    for part_name, part in parts.items():
        measured = _measure_part(state, part)
        row |= {f"{part_name}_{name}": measured[name] for name in TALLY}
    return row


def _describe(values: list[float]) -> str:
    loss, _, _, digit, sum_, _ = values
    return f"loss {loss:.3f}  digit {digit:.1%}  sum {sum_:.1%}"


def _describe_epoch(row: dict[str, Any]) -> str:
    line = f"epoch {row['epoch']:>3}  {row['train_seconds']:6.1f} s  train {_describe([row[name] for name in TALLY])}"
    for part in ("validation", "test"):
        if f"{part}_loss" in row:
            line += f"  {part} {_describe([row[f'{part}_{name}'] for name in TALLY])}"
    return line
