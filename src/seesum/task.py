"""Images + addends -> samples: the operations, the ways to draw addends, and the splits. numpy only."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from seesum.mnist import Digits, Images, Mnist, Part
from seesum.recipe import InputError, Recipe, pick
from seesum.strokes import draw_digits, draw_non_digits

NO_DIGIT = -1
"""In place of digit and answer: the image shows no digit, or several. Only training samples have it."""
SMALLEST = 1e-30
"""Probabilities are raised to this before their logarithm is taken."""
ADDENDS = 10
"""Addends are the whole numbers 0..9."""


@dataclass(frozen=True)
class Operation:
    """What is done with digit and addend. It fixes the answer classes: value = class + lowest."""

    symbol: str
    """Between digit and addend in a formula: ``+``."""
    compute: Callable[[Digits, Digits], Digits]
    """Digits and addends, arrays that broadcast -> values."""
    lowest: int
    """The value of class 0."""
    answers: int
    """S, the number of answer classes."""

    def classify(self, digits: Digits, addends: Digits) -> Digits:
        """Answer classes 0..S-1 of digits and addends (arrays that broadcast)."""
        return self.compute(digits, addends) - self.lowest

    def tabulate(self) -> Digits:
        """The true table: answer class for [digit, addend], int64 [10, 10]."""
        return self.classify(np.arange(10)[:, None], np.arange(ADDENDS)[None, :])


OPERATIONS = {
    "add": Operation("+", lambda d, a: d + a, 0, 19),
    "subtract": Operation("−", lambda d, a: d - a, -9, 19),
    "multiply": Operation("×", lambda d, a: d * a, 0, 82),
    "max": Operation("max", lambda d, a: np.maximum(d, a), 0, 10),
    "add-modulo-10": Operation("⊕", lambda d, a: (d + a) % 10, 0, 10),
}


@dataclass(frozen=True)
class Samples:
    """What training and evaluation consume: row i is one question with its two answers."""

    images: Images
    """uint8 [N, 28, 28]."""
    addends: Digits
    """int64 [N], 0..9."""
    digits: Digits
    """int64 [N], 0..9."""
    answers: Digits
    """int64 [N], answer classes of the operation, 0..S-1."""

    def joined(self, other: Samples) -> Samples:
        """These samples, then others."""
        return Samples(
            np.concatenate([self.images, other.images]),
            np.concatenate([self.addends, other.addends]),
            np.concatenate([self.digits, other.digits]),
            np.concatenate([self.answers, other.answers]),
        )

    def __len__(self) -> int:
        return len(self.digits)


def draw_addends(count: int, rng: Generator) -> Digits:
    """``count`` addends, independent and uniform over 0..9."""
    return rng.integers(0, ADDENDS, count, dtype=np.int64)


Pairs = NDArray[np.bool_]
"""[10, 10]: one truth for each digit and addend."""


def hold_out_pairs(operation: Operation, count: int, rng: Generator) -> Pairs:
    """Which pairs are never shown: ``count`` of them, no two with one digit or one addend, every answer still seen.

    Raises:
        InputError: the operation has answers that too few pairs give, such as multiplication's 81.
    """
    held = np.zeros((10, ADDENDS), np.bool_)
    answers = operation.tabulate()
    for _ in range(1000 if count else 0):
        held[:] = False
        digits, addends = rng.permutation(10)[:count], rng.permutation(ADDENDS)[:count]
        held[digits, addends] = True
        if len(np.unique(answers[~held])) == operation.answers:
            return held
    if count:
        raise InputError(f"no {count} pairs can be held out so that every answer is still seen; hold out fewer")
    return held


def _draw(part: Part, held_out: Pairs, rng: Generator) -> tuple[Images, Digits, Digits]:
    if not held_out.any():
        return part.images, part.digits, draw_addends(len(part.digits), rng)
    shown = np.argsort(held_out, axis=1, kind="stable")  # the addends of each digit, those held out last
    choices = ADDENDS - held_out.sum(1)
    addends = shown[part.digits, rng.integers(0, choices[part.digits])]
    return part.images, part.digits, addends.astype(np.int64)


def _cross(part: Part, held_out: Pairs, _: Generator) -> tuple[Images, Digits, Digits]:
    count = len(part.digits)
    digits, addends = np.repeat(part.digits, ADDENDS), np.tile(np.arange(ADDENDS), count)
    shown = ~held_out[digits, addends]
    return np.repeat(part.images, ADDENDS, 0)[shown], digits[shown], addends[shown]


@dataclass(frozen=True)
class Strategy:
    """One way in which samples get their addends."""

    meaning: str
    draw: Callable[[Part, Pairs, Generator], tuple[Images, Digits, Digits]]
    anew: bool = False
    """Whether the addends are drawn again at the start of every epoch."""


STRATEGIES = {
    "fixed": Strategy("drawn once per image from the seed, uniform over 0..9", _draw),
    "fresh": Strategy("drawn anew for every image in every epoch, uniform over 0..9", _draw, anew=True),
    "every": Strategy("every image with all ten addends 0..9", _cross),
}


def make_samples(part: Part, operation: Operation, addends: str, rng: Generator, held_out: Pairs | None = None) -> Samples:
    """Samples of images and digits, with addends after one of the ``STRATEGIES``, but without the pairs held out.

    ``every`` gives 10 N samples: image 0 with 0..9, then image 1 with 0..9, and so on.

    Raises:
        InputError: an unknown strategy.
    """
    nothing = np.zeros((10, ADDENDS), np.bool_)
    strategy = pick(STRATEGIES, addends, "addend strategy")
    images, digits, drawn = strategy.draw(part, nothing if held_out is None else held_out, rng)
    return Samples(images, drawn, digits, operation.classify(digits, drawn))


@dataclass(frozen=True)
class Splits:
    """The images of a run: for training, for choosing (None under ``full``), and for the final figure."""

    train: Part
    validation: Part | None
    test: Part

    @property
    def parts(self) -> dict[str, Part]:
        """The splits that there are, by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def sizes(self) -> dict[str, int]:
        """Number of images of each split that there is."""
        return {name: len(part.digits) for name, part in self.parts.items()}

    def pick_part(self, test: bool) -> tuple[Part, str]:
        """The images to measure on, with their name: ``validation`` where there is one, unless ``test`` is asked for."""
        if test or self.validation is None:
            return self.test, "test"
        return self.validation, "validation"


def sample_splits(splits: Splits, recipe: Recipe, count: int) -> dict[str, Samples]:
    """The first ``count`` samples of every split by its name, to be looked at.

    Training samples are those of the first epoch, before shuffling; ``every`` shows each image with its first addends.
    """
    operation = OPERATIONS[recipe.operation]
    samples = {}
    for name, part in splits.parts.items():
        if name == "train":
            shown = Part(part.images[:count], part.digits[:count]) if recipe.addends == "every" else part
            drawn = make_training_samples(shown, recipe, epoch=0)
        else:
            drawn = make_samples(part, operation, "fixed", np.random.default_rng(recipe.seed))
        samples[name] = Samples(drawn.images[:count], drawn.addends[:count], drawn.digits[:count], drawn.answers[:count])
    return samples


def make_training_samples(part: Part, recipe: Recipe, epoch: int) -> Samples:
    """The samples that a recipe trains on in an epoch, counted from 0.

    Raises:
        InputError: an unknown operation or strategy, or pairs that cannot be held out.
    """
    operation = pick(OPERATIONS, recipe.operation, "operation")
    rng = np.random.default_rng([recipe.seed, epoch])
    return make_samples(part, operation, recipe.addends, rng, find_held_out(recipe))


def make_drawn_samples(recipe: Recipe, epoch: int) -> Samples:
    """The samples that a recipe draws for an epoch, counted from 0, and trains on beside those of the data.

    First ``recipe.drawn`` digits (ten times as many samples with all ten addends), then ``recipe.non_digits`` images
    of something else, whose digit and answer are ``NO_DIGIT``.
    """
    operation = pick(OPERATIONS, recipe.operation, "operation")
    rng = np.random.default_rng([recipe.seed, epoch, 1])
    digits = draw_digits(recipe.drawn, rng)
    images, nothing = draw_non_digits(recipe.non_digits, rng), np.full(recipe.non_digits, NO_DIGIT, np.int64)
    others = Samples(images, draw_addends(recipe.non_digits, rng), nothing, nothing)
    return make_samples(digits, operation, recipe.addends, rng, find_held_out(recipe)).joined(others)


def find_held_out(recipe: Recipe) -> Pairs:
    """The pairs that a recipe never shows in training.

    Raises:
        InputError: an unknown operation, or pairs that cannot be held out.
    """
    operation = pick(OPERATIONS, recipe.operation, "operation")
    return hold_out_pairs(operation, recipe.held_out, np.random.default_rng(recipe.seed))


def split_images(mnist: Mnist, recipe: Recipe) -> Splits:
    """Divide a data set as the recipe says: MNIST into 60,000 / 10,000 or 48,000 / 12,000 / 10,000.

    ``validate`` keeps a fifth of the training images, each digit in its share, drawn by ``recipe.split_seed``;
    ``recipe.images`` then draws from the rest by ``recipe.seed``.

    Raises:
        InputError: an unknown split, or a number of images that the data set does not have.
    """
    keep_validation = pick({"full": False, "validate": True}, recipe.split, "split")
    train, validation = mnist.train, None
    if keep_validation:
        kept = len(train.digits) - len(train.digits) // 5
        if kept == len(train.digits):
            raise InputError(f"the validate split needs at least 5 training images, but there are {kept}; use full")
        chosen = draw_evenly(train.digits, kept, np.random.default_rng(recipe.split_seed))
        validation = _take(train, ~chosen)
        train = _take(train, chosen)
    if len(train.digits) < 2 or not len(mnist.test.digits):
        raise InputError("the data has fewer than 2 training images or no test image; give more")
    count = count_images(recipe.images, len(train.digits))
    if count < len(train.digits):
        train = _take(train, draw_evenly(train.digits, count, np.random.default_rng(recipe.seed)))
    return Splits(train, validation, mnist.test)


def count_images(images: str, available: int) -> int:
    """The number that ``all``, ``500`` (at most so many) or ``10%`` means for so many available images.

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
    """Mask of ``count`` rows drawn at random so that each digit keeps its share, within one image (stratified)."""
    order = rng.permutation(len(digits))
    by_digit = order[np.argsort(digits[order], kind="stable")]
    rank_in_digit = np.empty(len(digits))
    sizes = np.bincount(digits, minlength=10)
    rank_in_digit[by_digit] = np.concatenate([(np.arange(n) + 0.5) / n for n in sizes if n])
    mask = np.zeros(len(digits), np.bool_)
    mask[np.argsort(rank_in_digit, kind="stable")[:count]] = True
    return mask


def _take(part: Part, mask: NDArray[np.bool_]) -> Part:
    return Part(part.images[mask], part.digits[mask])
