"""Knowledge distillation: teachers are trained first, and the student learns from their probabilities instead of the labels.

Networks with other initial weights and another order of images make partly different mistakes, so the mean of their
probabilities is better than each of them. One network can learn that mean (Hinton, Vinyals and Dean 2015, "Distilling the
knowledge in a neural network", arXiv 1503.02531). The teachers predict the same augmented images that the student sees (Beyer
et al. 2022, "Knowledge distillation: a good teacher is patient and consistent", arXiv 2106.05237).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from seesum.base.files import make_folder, write_json
from seesum.base.recipe import Recipe
from seesum.data.operations import SMALLEST
from seesum.networks.contract import Output
from seesum.networks.network import Network
from seesum.networks.systems import find_system
from seesum.runs.run import Run

SHARED = ("adder", "operation", "split", "split_seed", "images", "mean", "std", "precision")
"""Fields of a recipe that its teachers share."""
FOLDER = "teachers"
"""In a run directory: it has a folder for each teacher, with the files of a run but no metrics."""


class Teachers:
    """Trained networks. For each batch a few of them are picked at random and predict together."""

    def __init__(self, networks: Sequence[Network], recipe: Recipe, generator: Generator) -> None:
        """Keep the networks.

        Args:
            networks: in evaluation mode, on the device of the batches.
            recipe: decides how many teachers predict a batch.
            generator: on the CPU; picks the teachers.
        """
        self.networks, self.recipe, self.generator = networks, recipe, generator

    def predict(self, image: Tensor, addend: Tensor) -> Output:
        """Return the mean of the picked teachers' probabilities for a batch, as logarithms: [B, 10] and [B, S].

        The loss is linear in these probabilities. So a few random teachers give on average the same gradient as all of
        them, in less time.
        """
        order = torch.randperm(len(self.networks), generator=self.generator)
        chosen = [self.networks[index] for index in order[: self.recipe.teachers_per_batch].tolist()]
        with torch.no_grad():
            with torch.autocast(image.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
                encoded = [network.encode(image) for network in chosen]
            outputs = [network.add(features, addend) for network, features in zip(chosen, encoded, strict=True)]
        means = [torch.stack(logps).exp().mean(0) for logps in zip(*outputs, strict=True)]
        return Output(*(mean.clamp_min(SMALLEST).log() for mean in means))


def adapt_recipes(recipe: Recipe) -> list[Recipe]:
    """Return the recipe of each teacher: its system's, but with the task, images, adder and precision of the student.

    Each teacher has a seed of its own, derived from the recipe's. It learns from exactly the images of the student, and from
    labels.

    Raises:
        InputError: an unknown system.
    """
    shared = {name: getattr(recipe, name) for name in SHARED}
    seeds = [int(np.random.SeedSequence((recipe.seed, place)).generate_state(1)[0]) for place in range(len(recipe.teachers))]
    systems = zip(recipe.teachers, seeds, strict=True)
    return [find_system(name).recipe.replaced({**shared, "teachers": (), "seed": seed}) for name, seed in systems]


def list_teachers(run: Run) -> list[Run]:
    """Return the runs of a run's teachers. A run that does not exist yet is made, but not trained.

    Raises:
        InputError: an unknown system, or a directory that cannot be made.
    """
    teachers = []
    for number, recipe in enumerate(adapt_recipes(run.recipe), start=1):
        teacher = Run(make_folder(run.directory / FOLDER / str(number)))
        path = teacher.directory / "run.json"
        if not path.is_file():
            no_evaluation = {"test": False, "monitor": []}
            write_json(path, {**run.info, "is_teacher": True, "evaluation": no_evaluation, "recipe": recipe.to_dict()})
        teachers.append(teacher)
    return teachers
