"""All that changes in training: weights, their average, the optimiser, the generators; how it starts, is kept and read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from seesum.checkpoint import Run
from seesum.devices import choose_device, choose_precision
from seesum.files import load_tensors, save_tensors
from seesum.losses import LOSSES
from seesum.network import Network
from seesum.optimisers import build_optimiser
from seesum.recipe import InputError, Recipe, pick
from seesum.systems import build_network, find_system
from seesum.task import STRATEGIES, find_held_out

SCHEDULES: dict[str, Callable[[float, Recipe], float]] = {
    "constant": lambda _, __: 1.0,
    "one-cycle": lambda done, recipe: _one_cycle(done, recipe.warmup),
    "triangle": lambda done, recipe: _triangle(done, recipe.warmup),
}
"""Share of the steps done (0 to 1) -> factor on the learning rate. They keep no state: the step says all."""


def _one_cycle(done: float, warmup: float) -> float:
    """Linear from 1 % to the peak, then a cosine down to nothing (after Smith 2018, arXiv 1803.09820)."""
    if done < warmup:
        return 0.01 + 0.99 * done / warmup
    return 0.5 + 0.5 * math.cos(math.pi * (done - warmup) / (1 - warmup))


def _triangle(done: float, warmup: float) -> float:
    """Linear from 1 % to the peak, then linear down to nothing."""
    return 0.01 + 0.99 * done / warmup if done < warmup else (1 - done) / (1 - warmup)


class State:
    """All that changes in training, and so all that a checkpoint holds."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        """Fresh weights, drawn by torch's global generator, which the caller has seeded."""
        self.recipe, self.device = recipe, device
        self.network: Network = build_network(recipe).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if recipe.batch_size == 1 and any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in self.network.modules()):
            raise InputError(f"{recipe.system} normalises over its batch, so a batch size of 1 cannot train; use 2 or more")
        self.optimiser = build_optimiser(self.network, recipe)
        self.schedule = pick(SCHEDULES, recipe.schedule, "schedule")
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.average = {k: v.clone() for k, v in self.network.state_dict().items()} if recipe.ema else {}
        self.epoch = self.step = 0
        self.seconds = 0.0

    def follow(self) -> None:
        """Move the averaged weights after the network's; counters are copied.

        The first steps weigh more, or much of the weights that were drawn at random would be left in a short training: of
        0.998 nine tenths after fifty steps. After 4,500 steps that makes no difference.
        """
        ema = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - ema)
            else:
                self.average[name].copy_(value)

    @contextmanager
    def averaged(self) -> Iterator[Network]:
        """The network with its averaged weights, where the recipe has them, for the length of a block."""
        if not self.average:
            yield self.network
            return
        own = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        try:
            yield self.network
        finally:
            self.network.load_state_dict(own)

    def save(self, run: Run) -> None:
        """Write ``checkpoint.safetensors``."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        for index, entry in enumerate(self.optimiser.state):
            tensors |= {f"optimiser.{index}.{name}": value for name, value in entry.items()}
        tensors |= {"generator.batches": self.generator.get_state(), "generator.torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            tensors["generator.device"] = torch.cuda.get_rng_state(self.device)
        elif self.device.type == "mps":
            tensors["generator.device"] = torch.mps.get_rng_state()
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
        for name, tensor in parts["optimiser"].items():
            index, _, key = name.partition(".")
            # fused kernels walk storage, not indices: copied into place, a state lies in memory as its weight does
            self.optimiser.state[int(index)][key].copy_(tensor)
        self.average = {name: value.to(self.device) for name, value in parts["average"].items()}
        self.generator.set_state(parts["generator"]["batches"])
        torch.set_rng_state(parts["generator"]["torch"])
        if self.device.type == "cuda" and "device" in parts["generator"]:
            torch.cuda.set_rng_state(parts["generator"]["device"], self.device)
        elif self.device.type == "mps" and "device" in parts["generator"]:
            torch.mps.set_rng_state(parts["generator"]["device"])
        self.epoch, self.step, self.seconds = counters["epoch"], counters["step"], counters["seconds"]


def check_recipe(recipe: Recipe) -> None:
    """Make sure that a recipe can be trained, before anything is written.

    Raises:
        InputError: an unknown name, a teacher that has teachers, an adder that cannot represent the operation, or a batch
            that is too small.
    """
    for registry, name, what in (
        (STRATEGIES, recipe.addends, "addend strategy"),
        (LOSSES, recipe.loss, "loss"),
    ):
        pick(registry, name, what)
    find_held_out(recipe)
    for name in recipe.teachers:
        if find_system(name).recipe.teachers:
            raise InputError(f"{name} has teachers itself and so cannot be one; name systems that learn from labels")
    with torch.random.fork_rng(devices=[]):
        State(recipe, torch.device("cpu"))


def settle_precision(recipe: Recipe, device_name: str) -> Recipe:
    """The recipe with ``auto`` replaced by what the device has.

    Raises:
        InputError: an unknown precision, or a device that is not here.
    """
    return recipe.replaced({"precision": choose_precision(recipe.precision, choose_device(device_name))})
