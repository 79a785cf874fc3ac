"""Everything that changes in training: weights, their average, the optimiser, the generators; and its checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seesum.base.errors import InputError
from seesum.base.files import check_room, load_tensors, save_tensors
from seesum.base.recipe import Recipe
from seesum.base.registry import look_up
from seesum.networks.network import Network
from seesum.networks.systems import build_network
from seesum.runs.run import Run
from seesum.training.choosing import Kept
from seesum.training.optimisers import build_optimiser
from seesum.training.schedules import SCHEDULES


class State:
    """Everything that changes in training, and so everything that a checkpoint holds."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        """Build the network with new weights from torch's global generator, which the caller has seeded."""
        self.recipe, self.device = recipe, device
        self.network: Network = build_network(recipe).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if not any(parameter.requires_grad for parameter in self.network.parameters()):
            raise InputError(
                f"{recipe.system} with the adder {recipe.adder} has nothing to train; give a network with parameters"
            )
        if recipe.batch_size == 1 and any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in self.network.modules()):
            raise InputError(f"{recipe.system} normalises over its batch, so a batch size of 1 cannot train; use 2 or more")
        self.optimiser = build_optimiser(self.network, recipe)
        self.schedule = look_up(SCHEDULES, recipe.schedule, "schedule")
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.average = {k: v.clone() for k, v in self.network.state_dict().items()} if recipe.ema_decay else {}
        self.kept: Kept | None = None
        """The best weights so far, where the network is fine-tuned and has validation images."""
        self.stopped = False
        """Whether the user's function has stopped the training."""
        self.epoch = self.step = 0
        self.seconds = 0.0

    def take_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Put weights into the network, and start their average anew."""
        self.network.load_state_dict(weights)
        self.average = {name: value.clone() for name, value in self.network.state_dict().items()} if self.average else {}

    def offer_weights(self, row: Mapping[str, Any]) -> None:
        """Keep the weights of the epoch with this row of ``history.csv``, if they are the best so far."""
        if self.kept:
            with self.averaged() as network:
                self.kept.offer(self.epoch, network.state_dict(), row["validation_loss"], row["validation_both_accuracy"])

    def update_average(self) -> None:
        """Move the averaged weights towards the network's; counters are copied.

        The first steps weigh more. Otherwise a short training would keep much of the random initial weights: with a decay of
        0.998, nine tenths of them after fifty steps. After 4,500 steps this makes no difference.
        """
        decay = min(self.recipe.ema_decay, (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    @contextmanager
    def averaged(self) -> Iterator[Network]:
        """Use the averaged weights in the network within a block, where the recipe has them."""
        if not self.average:
            yield self.network
            return
        current = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        try:
            yield self.network
        finally:
            self.network.load_state_dict(current)

    def save(self, run: Run) -> None:
        """Write ``checkpoint.safetensors``. The checkpoint before it is kept under its other name."""
        newest, before = list_checkpoints(run)
        if newest.is_file():
            newest.replace(before)
        counters = {"epoch": self.epoch, "step": self.step, "seconds": self.seconds, "run": run.fingerprint}
        counters |= {"kept": self.kept.numbers} if self.kept else {}
        save_tensors(newest, self._gather(), counters | ({"stopped": True} if self.stopped else {}))

    def check_room(self, run: Run) -> None:
        """Make sure that the files of the whole training can be written: two checkpoints, and the final weights.

        Raises:
            InputError: the place is full or read-only.
        """
        checkpoints = list_checkpoints(run)
        size = sum(tensor.numel() * tensor.element_size() for tensor in self._gather().values())
        check_room(checkpoints[0], size, copies=1 + sum(not path.is_file() for path in checkpoints))

    def load(self, run: Run) -> str:
        """Go back to the newest state that ``save`` wrote and that can be read.

        Returns:
            A sentence where that is not the newest checkpoint, and otherwise an empty text.

        Raises:
            InputError: no checkpoint can be read, or it is of another run or network.
        """
        newest, before = list_checkpoints(run)
        try:
            tensors, counters = load_tensors(newest)
        except InputError:
            if not before.is_file():
                raise
            tensors, counters = load_tensors(before)
            self._restore(run, before, tensors, counters)
            before.replace(newest)  # it is the newest now, so that the next one does not push it out
            return f"{newest} is missing or damaged; going on from the one before it, after epoch {self.epoch}"
        self._restore(run, newest, tensors, counters)
        return ""

    def _gather(self) -> dict[str, Tensor]:
        """Return all tensors of the state by name."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        if self.kept:
            tensors |= {f"kept.{name}": value for name, value in self.kept.weights.items()}
        for index, entry in enumerate(self.optimiser.state):
            tensors |= {f"optimiser.{index}.{name}": value for name, value in entry.items()}
        tensors |= {"generator.batches": self.generator.get_state(), "generator.torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            tensors["generator.device"] = torch.cuda.get_rng_state(self.device)
        elif self.device.type == "mps":
            tensors["generator.device"] = torch.mps.get_rng_state()
        return tensors

    def _restore(self, run: Run, path: Path, tensors: dict[str, Tensor], counters: dict[str, Any]) -> None:
        """Take over what a checkpoint holds."""
        run.check_fingerprint(path, counters)
        groups: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "kept": {}, "optimiser": {}, "generator": {}}
        try:
            for name, tensor in tensors.items():
                group, _, rest = name.partition(".")
                groups[group][rest] = tensor
            self.network.load_state_dict(groups["network"])
            for name, tensor in groups["optimiser"].items():
                index, _, key = name.partition(".")
                # fused kernels walk storage, not indices: a copy into place keeps the memory layout of the weight
                self.optimiser.state[int(index)][key].copy_(tensor)
            self.average = {name: value.to(self.device) for name, value in groups["average"].items()}
            if groups["kept"]:
                self.kept = Kept({name: value.to(self.device) for name, value in groups["kept"].items()}, counters["kept"])
            self.generator.set_state(groups["generator"]["batches"])
            torch.set_rng_state(groups["generator"]["torch"])
            if self.device.type == "cuda" and "device" in groups["generator"]:
                torch.cuda.set_rng_state(groups["generator"]["device"], self.device)
            elif self.device.type == "mps" and "device" in groups["generator"]:
                torch.mps.set_rng_state(groups["generator"]["device"])
            self.epoch, self.step, self.seconds = counters["epoch"], counters["step"], counters["seconds"]
            self.stopped = counters.get("stopped", False)
        except (RuntimeError, LookupError, ValueError, TypeError) as error:
            raise InputError(f"{path} does not fit the network {self.recipe.system!r}; train the run anew") from error


def list_checkpoints(run: Run) -> tuple[Path, Path]:
    """Return the paths of the newest checkpoint of a run and of the one before it."""
    return run.directory / "checkpoint.safetensors", run.directory / "checkpoint-before.safetensors"


@contextmanager
def preserve_rng_state(device: torch.device) -> Iterator[None]:
    """Restore torch's global generators after a block. Training seeds them for the initial weights and for dropout."""
    before = torch.mps.get_rng_state() if device.type == "mps" else None
    with torch.random.fork_rng(devices=[device.index or 0] if device.type == "cuda" else []):
        yield
    if before is not None:
        torch.mps.set_rng_state(before)
