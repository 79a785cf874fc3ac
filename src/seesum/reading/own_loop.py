"""What a training loop of your own needs: samples as a torch data set, and networks as torch modules."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from seesum.base.recipe import Recipe
from seesum.base.registry import look_up
from seesum.data.batches import normalise
from seesum.data.idx import LabelledImages
from seesum.data.operations import Operation, find_operation
from seesum.data.samples import ADDEND_STRATEGIES, make_samples, make_training_samples
from seesum.data.sources import Data
from seesum.data.splits import split_images
from seesum.networks.plugins import resolve_changes
from seesum.networks.systems import DEFAULT_SYSTEM
from seesum.reading.datasets import load_data
from seesum.runs.run import Run, find_run

if TYPE_CHECKING:
    from seesum.networks.network import Network

Sample = tuple[Tensor, int, int, int]
"""Image float32 [1, 28, 28], normalised; addend 0..9; digit 0..9; answer class 0..S-1, which for addition is the sum."""


class SampleDataset(Dataset[Sample]):
    """Samples as a torch data set: ``(image, addend, digit, sum)``.

    The image is float32 [1, 28, 28], normalised as networks get it: (x/255 - 0.1307) / 0.3081 for grey levels x from 0 (paper)
    to 255 (ink). For another operation than addition, the sum is the class of the answer, 0..S-1. The answer itself is
    ``dataset.operation.values[class]``.
    """

    def __init__(self, labelled: LabelledImages, recipe: Recipe, training: bool) -> None:
        """Give the images their addends and answers.

        Args:
            labelled: images and digits.
            recipe: decides operation, addends and seed.
            training: whether the images get the addends of training. If not, each image gets all ten, as in evaluation.
        """
        self.labelled, self.recipe, self.training = labelled, recipe, training
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Give the training images their addends of an epoch, counted from 0. They only differ with ``addends="fresh"``."""
        strategy = look_up(ADDEND_STRATEGIES, self.recipe.addends, "addend strategy")
        if self.training:
            samples = make_training_samples(self.labelled, self.recipe, epoch if strategy.redraw_each_epoch else 0)
        else:
            samples = make_samples(self.labelled, self.operation, "every", np.random.default_rng(self.recipe.seed))
        self.samples = samples

    @property
    def operation(self) -> Operation:
        """What is computed from digit and addend."""
        return find_operation(self.recipe.operation)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        """Return one sample."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """Return several samples. A ``DataLoader`` takes those of a batch together, since that is faster."""
        rows = np.asarray(indices)
        samples = self.samples
        images = normalise(samples.images[rows], self.recipe, torch.device("cpu"))
        labels = (samples.addends[rows].tolist(), samples.digits[rows].tolist(), samples.answers[rows].tolist())
        return list(zip(images.unbind(), *labels, strict=True))

    def __repr__(self) -> str:
        """Return one short line."""
        return f"SampleDataset({len(self):,} samples of {len(self.labelled.digits):,} images)"


def datasets(
    data: Data | None = None,
    *,
    operation: str | Operation = "add",
    addends: str = "fixed",
    images: str = "all",
    split: str = "full",
    held_out_pairs: int = 0,
    seed: int = 0,
    invert: bool = False,
    transpose: bool = False,
    as_is: bool = False,
) -> tuple[SampleDataset, SampleDataset]:
    """Return the samples for training and for testing, as torch data sets of ``(image, addend, digit, sum)``.

    With the same arguments, ``seesum.train`` uses the same images, addends and answers. The samples for testing are every image
    with all ten addends, as in its evaluation.

    Args:
        data: images of your own in any form that ``seesum.train`` takes; None for the embedded MNIST.
        operation: its name, a formula of d and a, or an ``Operation``.
        addends: the addends of training images: ``fixed`` (one for each), ``fresh`` (one for each, new after ``set_epoch``), or
            ``every`` (all ten).
        images: the number of training images: ``all``, such as ``500``, or a share such as ``10%``.
        split: ``full``, or ``validate`` to keep the test images for later. Then a fifth of the training images is for testing.
        held_out_pairs: the number of pairs of digit and addend that training never shows.
        seed: decides addends, chosen images and pairs.
        invert, transpose: turn the images of ``data``: black ink on white, or rows and columns exchanged.
        as_is: take picture files of 28x28 pixels as they are, instead of preparing them as ``predict`` does.

    Raises:
        InputError: the data cannot be read, or a value is impossible.
    """
    values = {
        "operation": operation,
        "addends": addends,
        "images": images,
        "split": split,
        "held_out_pairs": held_out_pairs,
        "seed": seed,
    }
    recipe = Recipe(DEFAULT_SYSTEM).replaced(resolve_changes(values))
    splits = split_images(load_data(data, invert=invert, transpose=transpose, as_is=as_is), recipe)
    test, _ = splits.evaluation_images(test=False)
    return SampleDataset(splits.train, recipe, training=True), SampleDataset(test, recipe, training=False)


def load_network(source: str | os.PathLike[str] | Run | None = None) -> Network:
    """Return a trained network as a torch module, in evaluation mode, on the CPU.

    Call it with images float32 [B, 1, 28, 28] and addends int64 [B]. It gives the log-probabilities ``digit_logp`` [B, 10] and
    ``sum_logp`` [B, 19], or [B, S] for the S answers of another operation. ``network.encode(image)`` and
    ``network.add(encoded, addend)`` are its two halves.

    An image is bright ink on black, prepared as MNIST's are, and normalised: (x/255 - 0.1307) / 0.3081 for grey levels x from 0
    to 255. These are the mean and the standard deviation of MNIST's training images. A run that was trained with others has
    them in ``run.recipe.mean`` and ``run.recipe.std``. ``seesum.datasets`` gives such images.

    Args:
        source: a shipped network's name, a ``Run``, a run directory, ``latest``, or None for the shipped ``hand``.

    Raises:
        InputError: there is no such run, its weights are missing or damaged, or it is an ONNX file, which is no torch module.
    """
    return find_run(source).load_network()
