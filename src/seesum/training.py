"""Recipe -> run; the loop, in plain sight."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seesum.batches import Batches
from seesum.checkpoint import Run, load_tensors, save_tensors, write_json, write_rows
from seesum.devices import choose_device, choose_precision
from seesum.evaluation import forecast_every
from seesum.losses import LOSSES, measure_loss
from seesum.metrics import measure_forecast, measure_pairs
from seesum.mnist import Part
from seesum.network import Network, count_parameters
from seesum.progress import Progress
from seesum.recipe import InputError, JobError, Recipe, pick
from seesum.systems import build_network
from seesum.task import OPERATIONS, STRATEGIES, Splits, hold_out_pairs

OPTIMISERS: dict[str, Callable[[Iterable[Tensor], Recipe], torch.optim.Optimizer]] = {
    "adam": lambda weights, r: torch.optim.Adam(weights, r.lr, betas=r.betas, weight_decay=r.weight_decay, fused=True),
    "adamw": lambda weights, r: torch.optim.AdamW(weights, r.lr, betas=r.betas, weight_decay=r.weight_decay, fused=True),
    "sgd": lambda weights, r: torch.optim.SGD(weights, r.lr, momentum=r.momentum, weight_decay=r.weight_decay, fused=True),
}

SCHEDULES: dict[str, Callable[[float, Recipe], float]] = {
    "constant": lambda _, __: 1.0,
    "one-cycle": lambda done, recipe: _one_cycle(done, recipe.warmup),
}
"""Share of the steps done (0 to 1) -> factor on the learning rate. They keep no state: the step says all."""


def _one_cycle(done: float, warmup: float) -> float:
    """Linear from 1 % to the peak, then a cosine down to nothing (after Smith 2018, arXiv 1803.09820)."""
    if done < warmup:
        return 0.01 + 0.99 * done / warmup
    return 0.5 + 0.5 * math.cos(math.pi * (done - warmup) / (1 - warmup))


class State:
    """All that changes in training, and so all that a checkpoint holds."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        """Fresh weights, drawn by torch's global generator, which the caller has seeded."""
        self.recipe, self.device = recipe, device
        self.network: Network = build_network(recipe).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if recipe.batch_size == 1 and any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in self.network.modules()):
            raise InputError(f"{recipe.system} normalises over its batch, so a batch size of 1 cannot train; use 2 or more")
        self.optimiser = pick(OPTIMISERS, recipe.optimiser, "optimiser")(self.network.parameters(), recipe)
        self.schedule = pick(SCHEDULES, recipe.schedule, "schedule")
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.average = {k: v.clone() for k, v in self.network.state_dict().items()} if recipe.ema else {}
        self.epoch = self.step = 0
        self.seconds = 0.0

    def follow(self) -> None:
        """Move the averaged weights after the network's; counters are copied."""
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - self.recipe.ema)
            else:
                self.average[name].copy_(value)

    def finish(self) -> Network:
        """The network that the run ends with: averaged where the recipe says so."""
        if self.average:
            self.network.load_state_dict(self.average)
        return self.network

    def save(self, run: Run) -> None:
        """Write ``checkpoint.safetensors``."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        for index, entry in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{k}": v for k, v in entry.items() if isinstance(v, Tensor)}
        tensors |= {"generator.batches": self.generator.get_state(), "generator.torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            tensors["generator.cuda"] = torch.cuda.get_rng_state(self.device)
        counters = {"epoch": self.epoch, "step": self.step, "seconds": self.seconds}
        save_tensors(run.directory / "checkpoint.safetensors", tensors, counters)

    def load(self, run: Run) -> None:
        """Go back to what ``save`` wrote.

        Raises:
            InputError: the checkpoint is missing, damaged, or not this network's.
        """
        path = run.directory / "checkpoint.safetensors"
        tensors, counters = load_tensors(path)
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimiser": {}, "generator": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = tensor
        try:
            self.network.load_state_dict(parts["network"])
        except RuntimeError as error:
            raise InputError(f"{path} does not fit the network {self.recipe.system!r}; train the run anew") from error
        trained = list(self.network.parameters())
        entries: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["optimiser"].items():
            index, _, key = name.partition(".")
            # fused optimisers walk storage, not indices: a state must lie in memory as its weight does (channels last)
            laid_out = torch.empty_like(trained[int(index)]).copy_(tensor) if tensor.dim() else tensor
            entries.setdefault(int(index), {})[key] = laid_out
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": entries, "param_groups": groups})
        self.average = {name: value.to(self.device) for name, value in parts["average"].items()}
        self.generator.set_state(parts["generator"]["batches"])
        torch.set_rng_state(parts["generator"]["torch"])
        if self.device.type == "cuda" and "cuda" in parts["generator"]:
            torch.cuda.set_rng_state(parts["generator"]["cuda"], self.device)
        self.epoch, self.step, self.seconds = counters["epoch"], counters["step"], counters["seconds"]


TALLY = ("loss", "digit_loss", "sum_loss", "digit_accuracy", "sum_accuracy", "both_accuracy")
"""What is kept of every step, over its batch."""


def train_epoch(state: State, batches: Batches, progress: Progress) -> list[dict[str, float]]:
    """One pass over the training images; a row per step, with the means over its batch."""
    recipe, network, device = state.recipe, state.network, state.device
    steps = recipe.epochs * batches.count_steps()
    native = recipe.precision == "bf16"
    tallies, rates = [], []
    network.train()
    for batch in batches.shuffle(state.epoch):
        rate = recipe.lr * state.schedule(state.step / steps, recipe)
        for group in state.optimiser.param_groups:
            group["lr"] = rate
        image = batch.image.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=native):
            encoded = network.encode(image)
        output = network.add(encoded, batch.addend)
        loss = measure_loss(output, batch.digit, batch.answer, recipe)
        state.optimiser.zero_grad(set_to_none=True)
        loss.total.backward()  # type: ignore[no-untyped-call]
        state.optimiser.step()
        if state.average:
            state.follow()
        with torch.no_grad():
            digit_right = (output.digit_logp.argmax(1) == batch.digit).float()
            sum_right = (output.sum_logp.argmax(1) == batch.answer).float()
            shares = (digit_right.mean(), sum_right.mean(), (digit_right * sum_right).mean())
            tallies.append(torch.stack([*(part.detach() for part in loss), *shares]))
        rates.append(rate)
        state.step += 1
        if state.step % 20 == 0:
            progress.update(state.step, _describe(tallies[-1].tolist()))
    rows = torch.stack(tallies).cpu().tolist()
    first = state.step - len(rows) + 1
    return [
        {"step": first + i, "epoch": state.epoch + 1, "lr": rates[i], **dict(zip(TALLY, row, strict=True))}
        for i, row in enumerate(rows)
    ]


def train_run(
    run: Run,
    splits: Splits,
    device_name: str,
    test: bool = False,
    watch: tuple[str, ...] = ("validation",),
    quiet: bool = False,
) -> Run:
    """Train what ``run.json`` says, from its checkpoint if there is one, to weights and metrics in the run directory.

    The clock (``train_seconds``) starts with uint8 images in memory and stops after the last step; evaluation and
    writing files between epochs are not counted.

    Args:
        run: a directory with ``run.json``; its recipe has a settled precision.
        splits: the images that the recipe trains on, chooses on and is tested on.
        device_name: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        test: under ``validate``, also measure on the test images at the end.
        watch: what is measured after every epoch, of ``validation`` (where the run has it) and ``test`` (as published
            systems did; for display, never for choosing).
        quiet: show no progress.

    Raises:
        InputError: a checkpoint that is damaged, or a device that is not here.
        JobError: the loss stopped being a number.
    """
    recipe, device = run.recipe, choose_device(device_name)
    parts = {"validation": splits.validation, "test": splits.test}
    measured = {name: part for name, part in parts.items() if name in watch and part is not None}
    history: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    with torch.random.fork_rng(devices=[device.index or 0] if device.type == "cuda" else []):
        torch.manual_seed(recipe.seed)
        state = State(recipe, device)
        if (run.directory / "checkpoint.safetensors").is_file():
            state.load(run)
            history = [row for row in run.read_rows("history.csv") if row["epoch"] <= state.epoch]
            steps = [row for row in run.read_rows("steps.csv") if row["epoch"] <= state.epoch]
        else:
            state.save(run)
        clock = time.perf_counter()
        batches = Batches(splits.train, recipe, device, state.generator)
        job = f"{recipe.system}, {recipe.epochs} epoch{'s' * (recipe.epochs > 1)} of {len(splits.train.digits):,} images"
        with Progress(job, recipe.epochs * batches.count_steps(), quiet) as progress:
            try:
                while state.epoch < recipe.epochs:
                    rows = train_epoch(state, batches, progress)
                    if device.type == "cuda":
                        torch.cuda.synchronize(device)
                    state.seconds += time.perf_counter() - clock
                    state.epoch += 1
                    history.append(_summarise_epoch(state, rows, measured))
                    steps += rows
                    if not math.isfinite(history[-1]["loss"]):
                        raise JobError(f"the loss stopped being a number in epoch {state.epoch}; train with a smaller --lr")
                    write_rows(run.directory / "steps.csv", steps)
                    write_rows(run.directory / "history.csv", history)
                    if recipe.epochs > 1:
                        state.save(run)
                    progress.update(state.step, _describe([history[-1][name] for name in TALLY]))
                    if recipe.epochs > 1:
                        progress.note(_describe_epoch(history[-1]))
                    clock = time.perf_counter()
            except KeyboardInterrupt:
                progress.note(f"stopped; {state.epoch} of {recipe.epochs} epochs are kept in {run.directory}")
                progress.note(f"go on with: seesum train --resume {run.directory}")
                raise
    save_tensors(run.directory / "weights.safetensors", state.finish().state_dict())
    write_json(run.directory / "metrics.json", _measure_run(state, splits, test))
    return run


def check_recipe(recipe: Recipe) -> None:
    """Make sure that a recipe can be trained, before anything is written.

    Raises:
        InputError: an unknown name, an adder that cannot represent the operation, or a batch that is too small.
    """
    for registry, name, what in (
        (STRATEGIES, recipe.addends, "addend strategy"),
        (LOSSES, recipe.loss, "loss"),
    ):
        pick(registry, name, what)
    hold_out_pairs(pick(OPERATIONS, recipe.operation, "operation"), recipe.held_out, np.random.default_rng(recipe.seed))
    with torch.random.fork_rng(devices=[]):
        State(recipe, torch.device("cpu"))


def settle_precision(recipe: Recipe, device_name: str) -> Recipe:
    """The recipe with ``auto`` replaced by what the device has.

    Raises:
        InputError: an unknown precision, or a device that is not here.
    """
    return recipe.replaced({"precision": choose_precision(recipe.precision, choose_device(device_name))})


def _measure_run(state: State, splits: Splits, test: bool) -> dict[str, Any]:
    recipe = state.recipe
    part, name = splits.pick_part(test)
    return {
        "evaluated_on": name,
        **measure_part(state.network, part, recipe, state.device),
        "parameters": count_parameters(state.network),
        "train_seconds": state.seconds,
        "epochs": recipe.epochs,
        "seed": recipe.seed,
        "system": recipe.system,
        "adder": recipe.adder,
    }


def measure_part(network: Network, part: Part, recipe: Recipe, device: torch.device) -> dict[str, float | int]:
    """Metrics of a network over all images of a part x 10 addends; with pairs held out, also on exactly those."""
    operation = OPERATIONS[recipe.operation]
    forecast = forecast_every(network, part.images, recipe, device)
    measured = measure_forecast(forecast, part.digits, operation)
    if recipe.held_out:
        pairs = hold_out_pairs(operation, recipe.held_out, np.random.default_rng(recipe.seed))
        apart = measure_pairs(forecast, part.digits, operation, pairs)
        measured |= {f"held_out_{name}": value for name, value in apart.items()}
    return measured


def _summarise_epoch(state: State, rows: list[dict[str, float]], parts: dict[str, Part]) -> dict[str, Any]:
    means = {name: sum(row[name] for row in rows) / len(rows) for name in TALLY}
    row: dict[str, Any] = {"epoch": state.epoch, "train_seconds": state.seconds, **means}
    for part_name, part in parts.items():
        measured = measure_part(state.network, part, state.recipe, state.device)
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
