"""Samples: images and digits with addends and answers, as training and evaluation consume them. numpy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from seesum.base.recipe import Recipe
from seesum.base.registry import look_up
from seesum.data.idx import Digits, Images, LabelledImages
from seesum.data.operations import ADDENDS, NO_DIGIT, Operation, Pairs, draw_addends, find_held_out, find_operation
from seesum.data.rendering import render_digits, render_non_digits


@dataclass(frozen=True)
class Samples:
    """N samples: row i of each array belongs to sample i."""

    images: Images
    """uint8 [N, 28, 28]."""
    addends: Digits
    """int64 [N], 0..9."""
    digits: Digits
    """int64 [N], 0..9."""
    answers: Digits
    """int64 [N], answer classes of the operation, 0..S-1."""

    def joined(self, other: Samples) -> Samples:
        """Return these samples followed by others."""
        return Samples(
            np.concatenate([self.images, other.images]),
            np.concatenate([self.addends, other.addends]),
            np.concatenate([self.digits, other.digits]),
            np.concatenate([self.answers, other.answers]),
        )

    def first(self, count: int) -> Samples:
        """Return the first ``count`` samples."""
        return Samples(self.images[:count], self.addends[:count], self.digits[:count], self.answers[:count])

    def __len__(self) -> int:
        return len(self.digits)


def _draw_one_addend(labelled: LabelledImages, held_out: Pairs, rng: Generator) -> tuple[Images, Digits, Digits]:
    """Give each image one random addend, never one that makes a held-out pair."""
    if not held_out.any():
        return labelled.images, labelled.digits, draw_addends(len(labelled.digits), rng)
    shown = np.argsort(held_out, axis=1, kind="stable")  # the addends of each digit, those held out last
    choices = ADDENDS - held_out.sum(1)
    addends = shown[labelled.digits, rng.integers(0, choices[labelled.digits])]
    return labelled.images, labelled.digits, addends.astype(np.int64)


def _take_all_addends(labelled: LabelledImages, held_out: Pairs, _: Generator) -> tuple[Images, Digits, Digits]:
    """Give each image all ten addends, except those that make a held-out pair."""
    count = len(labelled.digits)
    digits, addends = np.repeat(labelled.digits, ADDENDS), np.tile(np.arange(ADDENDS), count)
    shown = ~held_out[digits, addends]
    return np.repeat(labelled.images, ADDENDS, 0)[shown], digits[shown], addends[shown]


@dataclass(frozen=True)
class AddendStrategy:
    """One way in which training images get their addends."""

    meaning: str
    """In words, for the report."""
    draw: Callable[[LabelledImages, Pairs, Generator], tuple[Images, Digits, Digits]]
    """Images and digits, pairs held out, generator -> images, digits and addends of the samples."""
    redraw_each_epoch: bool = False
    """Whether the addends are chosen again at the start of every epoch."""


ADDEND_STRATEGIES = {
    "fixed": AddendStrategy("chosen once per image by the seed, uniform over 0..9", _draw_one_addend),
    "fresh": AddendStrategy(
        "chosen again for every image in every epoch, uniform over 0..9", _draw_one_addend, redraw_each_epoch=True
    ),
    "every": AddendStrategy("every image with all ten addends 0..9", _take_all_addends),
}


def make_samples(
    labelled: LabelledImages, operation: Operation, addends: str, rng: Generator, held_out: Pairs | None = None
) -> Samples:
    """Give images their addends and answers.

    Args:
        labelled: N images and digits.
        operation: decides the answers.
        addends: a name in ``ADDEND_STRATEGIES``. ``every`` gives 10 N samples: image 0 with 0..9, then image 1, and so on.
        rng: draws addends.
        held_out: pairs that no sample may have; None for none.

    Raises:
        InputError: an unknown strategy.
    """
    nothing = np.zeros((10, ADDENDS), np.bool_)
    strategy = look_up(ADDEND_STRATEGIES, addends, "addend strategy")
    images, digits, chosen = strategy.draw(labelled, nothing if held_out is None else held_out, rng)
    return Samples(images, chosen, digits, operation.classify(digits, chosen))


def make_training_samples(labelled: LabelledImages, recipe: Recipe, epoch: int) -> Samples:
    """Make the samples that a recipe trains on in an epoch, counted from 0.

    Raises:
        InputError: an unknown operation or strategy, or pairs that cannot be held out.
    """
    operation = find_operation(recipe.operation)
    rng = np.random.default_rng([recipe.seed, epoch])
    return make_samples(labelled, operation, recipe.addends, rng, find_held_out(recipe))


def make_synthetic_samples(recipe: Recipe, epoch: int) -> Samples:
    """Render the synthetic samples that a recipe adds to the training images of an epoch, counted from 0.

    First ``recipe.synthetic_digits`` digits (ten times as many samples with all ten addends), then
    ``recipe.synthetic_non_digits`` images of something else, whose digit and answer are ``NO_DIGIT``.
    """
    operation = find_operation(recipe.operation)
    rng = np.random.default_rng([recipe.seed, epoch, 1])
    digits = render_digits(recipe.synthetic_digits, rng)
    count = recipe.synthetic_non_digits
    images, nothing = render_non_digits(count, rng), np.full(count, NO_DIGIT, np.int64)
    others = Samples(images, draw_addends(count, rng), nothing, nothing)
    return make_samples(digits, operation, recipe.addends, rng, find_held_out(recipe)).joined(others)
