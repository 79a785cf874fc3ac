"""Turn samples into shuffled, augmented, normalised batches on a device.

All images are kept on the device as uint8, and a batch is made by indexing them. An epoch takes a second or two. With a
per-sample data set and a loader, it takes most of a minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from seesum.base.recipe import Augmentation, Recipe
from seesum.base.registry import look_up
from seesum.data.augmentation import augment
from seesum.data.idx import Images, LabelledImages
from seesum.data.samples import ADDEND_STRATEGIES, make_synthetic_samples, make_training_samples


class Batch(NamedTuple):
    """The samples of one step, on the device."""

    image: Tensor
    """[B, 1, 28, 28] float32, normalised."""
    addend: Tensor
    """[B] int64, 0..9."""
    digit: Tensor
    """[B] int64, 0..9, or ``NO_DIGIT``."""
    answer: Tensor
    """[B] int64, answer classes 0..S-1, or ``NO_DIGIT``."""


class Batches:
    """Make the batches of any number of epochs over the training images of a recipe."""

    def __init__(self, labelled: LabelledImages, recipe: Recipe, device: torch.device, generator: Generator) -> None:
        """Put the images on the device.

        Args:
            labelled: the training images, N of them.
            recipe: decides batch size, addend strategy, operation, augmentation, mean, std and seed.
            device: where the batches are used.
            generator: on the CPU; decides order and augmentation, so a checkpoint needs only its state.
        """
        self.labelled, self.recipe, self.device, self.generator = labelled, recipe, device, generator
        self.strategy = look_up(ADDEND_STRATEGIES, recipe.addends, "addend strategy")
        self.has_synthetic = bool(recipe.synthetic_digits or recipe.synthetic_non_digits)
        self._epoch_made: int | None = None
        self._make_samples(0)

    def _make_samples(self, epoch: int) -> None:
        """Make the samples of an epoch. Samples that exist already are kept, since rendering synthetic images takes seconds."""
        epoch = epoch if self.strategy.redraw_each_epoch or self.has_synthetic else 0
        if epoch == self._epoch_made:
            return
        self._epoch_made, recipe = epoch, self.recipe
        samples = make_training_samples(self.labelled, recipe, epoch if self.strategy.redraw_each_epoch else 0)
        if self.has_synthetic:
            samples = samples.joined(make_synthetic_samples(recipe, epoch))
        arrays = (samples.images, samples.addends, samples.digits, samples.answers)
        self._tensors = tuple(torch.from_numpy(np.ascontiguousarray(array)).to(self.device) for array in arrays)

    def count_steps(self) -> int:
        """Return the number of steps in an epoch. The last batch may be smaller; a single last sample is left out."""
        full, rest = divmod(len(self._tensors[0]), self.recipe.batch_size)
        return full + (rest > 1 or full == 0)

    def shuffle(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch in random order. ``epoch`` counts from 0 and decides addends and synthetic images."""
        self._make_samples(epoch)
        images, *others = self._tensors
        order = torch.randperm(len(images), generator=self.generator).to(self.device)
        # BatchNorm needs two samples, so a single last sample is left out of this epoch
        for rows in torch.split(order, self.recipe.batch_size)[: self.count_steps()]:
            pixels = images[rows].unsqueeze(1).float()
            if self.recipe.augmentation != Augmentation():
                pixels = augment(pixels, self.recipe.augmentation, self.generator)
            yield Batch(scale_pixels(pixels, self.recipe), *(values[rows] for values in others))


def scale_pixels(pixels: Tensor, recipe: Recipe) -> Tensor:
    """Normalise intensities 0..255 (float, any shape) with the recipe's mean and std."""
    return (pixels - 255 * recipe.mean) / (255 * recipe.std)


def normalise(images: Images, recipe: Recipe, device: torch.device) -> Tensor:
    """Turn images uint8 [N, 28, 28] into the input of a network: float32 [N, 1, 28, 28] on the device."""
    pixels = torch.from_numpy(np.ascontiguousarray(images)).to(device).unsqueeze(1).float()
    return scale_pixels(pixels, recipe)
