"""Fine-tuning: find the network that a training starts from, and the recipe that fits it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from seesum.base.errors import InputError
from seesum.base.files import PathLike
from seesum.base.recipe import Recipe
from seesum.networks.systems import find_system
from seesum.runs.run import Run, find_run
from seesum.runs.schemas import StartInfo
from seesum.runs.shipped import SHIPPED, names_shipped

if TYPE_CHECKING:
    from torch import Tensor

KEPT = ("system", "adder", "operation")
"""Fields of a recipe that the weights decide, so that a fine-tuned network has those of its start."""
SLOWER = 0.3
"""Learning rates of fine-tuning, as a share of those with which the start was trained.

On simulated pictures (docs/howto/fine-tuning.md), 0.1 and 1 teach as much. But 0.1 takes twice the epochs, and 1 forgets more.
"""
MNIST = 60_000
"""The images with which the shipped networks were trained."""
SEEN, FEWEST, MOST = 10_000, 5, 60
"""How many images fine-tuning sees, all epochs together, and the fewest and most epochs."""
BATCH = 32
"""The largest batch, so that an epoch of few images has several steps."""


@dataclass(frozen=True)
class Start:
    """A finished run whose weights a training starts from."""

    run: Run
    name: str
    """The name of a shipped network, or the path of the run."""

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file of the weights."""
        return hashlib.sha256(self.run.weights.read_bytes()).hexdigest()

    @property
    def info(self) -> StartInfo:
        """What ``run.json`` stores of it."""
        return {"run": self.name, "sha256": self.sha256}

    @property
    def calibrated(self) -> bool:
        """Whether it has a temperature and a threshold, which hold for its own weights alone."""
        return (self.run.directory / "calibration.json").is_file()

    def fit_recipe(self, images: int) -> Recipe:
        """Return the recipe that fine-tunes the network with so many training images.

        It is the recipe of the start with smaller rates and fewer steps. A fifth of the images is held out for choosing.
        Synthetic images keep their share of all images. If the start was fine-tuned itself, the rates are not lowered again.
        """
        recipe = self.run.recipe
        usual = find_system(recipe.system).recipe if "start_from" in self.run.info else recipe
        share = images / MNIST
        return recipe.replaced(
            {
                "teachers": (),
                "split": "validate",
                "images": "all",
                "precision": "auto",
                "seed": 0,
                "epochs": max(FEWEST, min(MOST, SEEN // images)),
                "batch_size": min(usual.batch_size, BATCH),
                "lr": usual.lr * SLOWER,
                "muon_lr": usual.muon_lr * SLOWER,
                "synthetic_digits": round(usual.synthetic_digits * share),
                "synthetic_non_digits": round(usual.synthetic_non_digits * share),
            }
        )

    def refuse_changes(self, changes: Mapping[str, Any]) -> None:
        """Make sure that changes of the recipe leave the network as its weights need it.

        Raises:
            InputError: they name another system, adder or operation, or teachers.
        """
        for name in KEPT:
            own = getattr(self.run.recipe, name)
            if changes.get(name) not in (None, own):
                raise InputError(
                    f"the weights of {self.name} are for the {name} {own}, not {changes[name]}; leave the {name} out"
                )
        if changes.get("teachers"):
            raise InputError("fine-tuning learns from the labels and not from teachers; leave the teachers out")

    def load_weights(self) -> dict[str, Tensor]:
        """Return the weights by name, on the CPU.

        Raises:
            InputError: they are missing or damaged, or what the network needs is not known here.
        """
        return self.run.load_network().state_dict()


def find_start(source: PathLike | Run) -> Start:
    """Return the start that a user means, as ``find_run`` finds it.

    Raises:
        InputError: there is no such run, it is not finished, or its weights are missing.
    """
    run = find_run(source)
    run.check_finished()
    if not run.trained:
        raise InputError(f"{run.directory} has no weights, so no training can start from it; name another run")
    return Start(run, run.directory.name if run.shipped else str(run.directory.resolve()))


def reopen_start(run: Run) -> Start | None:
    """Return the start of a fine-tuned run, and None for any other run.

    Raises:
        InputError: it is not there any more, or has other weights now.
    """
    info: StartInfo | None = run.info.get("start_from")
    if info is None:
        return None
    start = find_start(SHIPPED / info["run"] if names_shipped(info["run"]) else info["run"])
    if start.sha256 != info["sha256"]:
        raise InputError(f"{start.name} has other weights now than when {run.directory} was started from it; start a new run")
    return start


def refuse_other_start(run: Run, start: Start | None) -> None:
    """Make sure that a run that is continued was started from the weights that a user gives, if any are given.

    Raises:
        InputError: it was not.
    """
    stored: StartInfo | None = run.info.get("start_from")
    if start is not None and (stored is None or stored["sha256"] != start.sha256):
        was = "new weights" if stored is None else stored["run"]
        raise InputError(f"{run.directory} was started from {was}, not from {start.name}; leave --from out")
