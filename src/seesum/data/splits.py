"""Splits: which images a run trains on, which it chooses by, and which give the final figure. numpy only."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from seesum.base.errors import InputError
from seesum.base.recipe import Recipe
from seesum.base.registry import look_up
from seesum.data.idx import Dataset, Digits, LabelledImages
from seesum.data.operations import find_operation
from seesum.data.samples import Samples, make_samples, make_training_samples


@dataclass(frozen=True)
class Splits:
    """The images of a run: for training, for choosing (None under ``full``), and for the final figure."""

    train: LabelledImages
    validation: LabelledImages | None
    test: LabelledImages

    @property
    def by_name(self) -> dict[str, LabelledImages]:
        """The splits that exist, by name."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: labelled for name, labelled in splits.items() if labelled is not None}

    @property
    def sizes(self) -> dict[str, int]:
        """Number of images of each split that exists."""
        return {name: len(labelled.digits) for name, labelled in self.by_name.items()}

    def evaluation_images(self, test: bool) -> tuple[LabelledImages, str]:
        """Return the images to evaluate on, and their name: ``validation`` where it exists, unless ``test`` is wanted."""
        if test or self.validation is None:
            return self.test, "test"
        return self.validation, "validation"


def split_images(dataset: Dataset, recipe: Recipe) -> Splits:
    """Divide a data set as the recipe says: MNIST into 60,000 / 10,000 or 48,000 / 12,000 / 10,000.

    ``validate`` keeps a fifth of the training images, each digit in its share, chosen by ``recipe.split_seed``.
    ``recipe.images`` are then chosen from the rest by ``recipe.seed``.

    Raises:
        InputError: an unknown split, or a number of images that the data set does not have.
    """
    keep_validation = look_up({"full": False, "validate": True}, recipe.split, "split")
    train, validation = dataset.train, None
    if keep_validation:
        kept = len(train.digits) - len(train.digits) // 5
        if kept == len(train.digits):
            raise InputError(f"the validate split needs at least 5 training images, but there are {kept}; use full")
        chosen = draw_evenly(train.digits, kept, np.random.default_rng(recipe.split_seed))
        validation = _take(train, ~chosen)
        train = _take(train, chosen)
    if len(train.digits) < 2 or not len(dataset.test.digits):
        raise InputError("the data has fewer than 2 training images or no test image; give more")
    count = count_images(recipe.images, len(train.digits))
    if count < len(train.digits):
        train = _take(train, draw_evenly(train.digits, count, np.random.default_rng(recipe.seed)))
    return Splits(train, validation, dataset.test)


def count_images(images: str, available: int) -> int:
    """Return the number that ``all``, ``500`` (at most so many) or ``10%`` means for so many available images.

    Raises:
        InputError: another text, a number below 2 (one image cannot be normalised over), or more than 100 %.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", images.strip())
    if images == "all":
        return available
    if match is None or (not match[2] and "." in match[1]):
        raise InputError(f"images is {images!r}; expected a number such as 500, a share such as 10%, or all")
    count = round(available * float(match[1]) / 100) if match[2] else min(int(match[1]), available)
    if not 2 <= count <= available:
        raise InputError(f"images is {images}, which is {count:,} images; expected 2 to {available:,}")
    return count


def draw_evenly(digits: Digits, count: int, rng: Generator) -> NDArray[np.bool_]:
    """Return a mask [N] of ``count`` rows chosen at random, each digit in its share to within one image (stratified)."""
    order = rng.permutation(len(digits))
    by_digit = order[np.argsort(digits[order], kind="stable")]
    rank_in_digit = np.empty(len(digits))
    sizes = np.bincount(digits, minlength=10)
    rank_in_digit[by_digit] = np.concatenate([(np.arange(n) + 0.5) / n for n in sizes if n])
    mask = np.zeros(len(digits), np.bool_)
    mask[np.argsort(rank_in_digit, kind="stable")[:count]] = True
    return mask


def preview_samples(splits: Splits, recipe: Recipe, count: int) -> dict[str, Samples]:
    """Return the first ``count`` samples of every split, by its name, for a picture.

    Training samples are those of the first epoch, before shuffling. With ``every``, each image has its first addends.
    """
    operation = find_operation(recipe.operation)
    samples = {}
    for name, labelled in splits.by_name.items():
        if name == "train":
            few = LabelledImages(labelled.images[:count], labelled.digits[:count])
            made = make_training_samples(few if recipe.addends == "every" else labelled, recipe, epoch=0)
        else:
            made = make_samples(labelled, operation, "fixed", np.random.default_rng(recipe.seed))
        samples[name] = made.first(count)
    return samples


def _take(labelled: LabelledImages, mask: NDArray[np.bool_]) -> LabelledImages:
    return LabelledImages(labelled.images[mask], labelled.digits[mask])
