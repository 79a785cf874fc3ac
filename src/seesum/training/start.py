"""Start a run: check its recipe before anything is written, and make its directory."""

from __future__ import annotations

import torch

from seesum.base.devices import native_precision, resolve_device
from seesum.base.errors import InputError
from seesum.base.files import PathLike
from seesum.base.recipe import Recipe
from seesum.base.registry import look_up
from seesum.data.idx import Dataset
from seesum.data.operations import find_held_out
from seesum.data.samples import ADDEND_STRATEGIES
from seesum.data.sources import Data
from seesum.data.splits import Splits, split_images
from seesum.networks.systems import find_system
from seesum.runs.creation import create_run
from seesum.runs.provenance import describe_origin
from seesum.runs.run import Run
from seesum.runs.starts import Start
from seesum.training.losses import LOSSES
from seesum.training.state import State


def start_run(
    recipe: Recipe,
    dataset: Dataset,
    data: Data | None,
    device: str,
    out: PathLike | None,
    test: bool = False,
    monitor: tuple[str, ...] = ("validation",),
    start: Start | None = None,
) -> tuple[Run, Splits]:
    """Make a new run directory, after all that can be wrong has been checked; returns the run and its images.

    Args:
        recipe: its precision is resolved.
        dataset: the images, from the folder ``data`` or embedded.
        data: what the user gave; a path is stored, so that the run finds the images again. None for the embedded MNIST.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        out: the run directory; None for a new one under ``runs``.
        test: under ``split="validate"``, report the test images rather than the validation images.
        monitor: the splits to evaluate after every epoch: ``validation`` (where the run has it), ``test`` or both.
        start: the network whose weights are fine-tuned; None for new weights.

    Raises:
        InputError: a recipe that cannot be trained, weights that cannot be read, or a directory that cannot be made.
    """
    check_recipe(recipe)
    if start is not None:
        start.load_weights()
    splits = split_images(dataset, recipe)
    return create_run(recipe, describe_origin(recipe, dataset, data, device, test, monitor, start), out), splits


def check_recipe(recipe: Recipe) -> None:
    """Make sure that a recipe can be trained, before anything is written.

    Raises:
        InputError: an unknown name, a teacher that has teachers, an adder that cannot represent the operation, or a batch
            that is too small.
    """
    for registry, name, what in (
        (ADDEND_STRATEGIES, recipe.addends, "addend strategy"),
        (LOSSES, recipe.loss, "loss"),
    ):
        look_up(registry, name, what)
    find_held_out(recipe)
    for name in recipe.teachers:
        if find_system(name).recipe.teachers:
            raise InputError(f"{name} has teachers itself and so cannot be one; name systems that learn from labels")
    with torch.random.fork_rng(devices=[]):
        State(recipe, torch.device("cpu"))


def resolve_precision(recipe: Recipe, device_name: str) -> Recipe:
    """Return the recipe with the precision ``auto`` replaced by what the device supports.

    Raises:
        InputError: an unknown precision, or a device that this machine does not have.
    """
    return recipe.replaced({"precision": native_precision(recipe.precision, resolve_device(device_name))})
