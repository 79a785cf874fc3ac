"""data/operations.py, data/samples.py and data/splits.py: operations, addends, splits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from seesum.base.errors import InputError
from seesum.base.recipe import Recipe
from seesum.data.idx import Dataset, LabelledImages
from seesum.data.operations import OPERATIONS, find_operation, hold_out_pairs
from seesum.data.samples import ADDEND_STRATEGIES, make_samples, make_training_samples
from seesum.data.splits import count_images, draw_evenly, preview_samples, split_images

TRUTH: dict[str, Callable[[int, int], int]] = {
    "add": lambda d, a: d + a,
    "subtract": lambda d, a: d - a,
    "multiply": lambda d, a: d * a,
    "max": max,
    "add-modulo-10": lambda d, a: (d + a) % 10,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_by_hand(name: str) -> None:
    operation = OPERATIONS[name]
    table = operation.tabulate()
    for digit in range(10):
        for addend in range(10):
            assert operation.values[table[digit, addend]] == TRUTH[name](digit, addend)
    assert table.min() == 0
    assert table.max() == operation.num_classes - 1


@pytest.mark.parametrize("strategy", ["fixed", "fresh"])
def test_random_addends_are_uniform_and_follow_the_seed(mnist: Dataset, strategy: str) -> None:
    labelled = LabelledImages(mnist.train.images[:20_000], mnist.train.digits[:20_000])
    samples = make_samples(labelled, OPERATIONS["add"], strategy, np.random.default_rng(3))
    again = make_samples(labelled, OPERATIONS["add"], strategy, np.random.default_rng(3))
    other = make_samples(labelled, OPERATIONS["add"], strategy, np.random.default_rng(4))
    assert np.array_equal(samples.addends, again.addends)
    assert not np.array_equal(samples.addends, other.addends)
    assert np.abs(np.bincount(samples.addends, minlength=10) - 2000).max() < 200
    assert np.array_equal(samples.answers, samples.digits + samples.addends)
    assert ADDEND_STRATEGIES[strategy].redraw_each_epoch == (strategy == "fresh")


def test_every_crosses_images_with_addends(mnist: Dataset) -> None:
    labelled = LabelledImages(mnist.train.images[:7], mnist.train.digits[:7])
    samples = make_samples(labelled, OPERATIONS["add"], "every", np.random.default_rng(0))
    assert len(samples) == 70
    assert samples.addends[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert np.array_equal(samples.images[10], labelled.images[1])
    assert np.array_equal(samples.images[19], labelled.images[1])


def test_validate_keeps_a_stratified_fifth(mnist: Dataset) -> None:
    splits = split_images(mnist, Recipe("fast", split="validate"))
    assert splits.validation is not None
    assert (len(splits.train.digits), len(splits.validation.digits), len(splits.test.digits)) == (48_000, 12_000, 10_000)
    shares = np.bincount(splits.validation.digits) / np.bincount(mnist.train.digits)
    assert np.allclose(shares, 0.2, atol=0.001)
    together = np.concatenate([splits.train.images, splits.validation.images]).reshape(60_000, -1)
    assert np.array_equal(np.sort(together.sum(1)), np.sort(mnist.train.images.reshape(60_000, -1).sum(1)))


def test_validation_does_not_depend_on_the_run_seed(mnist: Dataset) -> None:
    first, second = (split_images(mnist, Recipe("fast", split="validate", seed=seed)).validation for seed in (0, 1))
    other = split_images(mnist, Recipe("fast", split="validate", split_seed=1)).validation
    assert first is not None
    assert second is not None
    assert other is not None
    assert np.array_equal(first.digits, second.digits)
    assert not np.array_equal(first.digits, other.digits)


def test_fewer_images_are_even_and_follow_the_seed(mnist: Dataset) -> None:
    subsets = [split_images(mnist, Recipe("fast", images="1%", seed=seed)).train for seed in (0, 0, 1)]
    assert [len(labelled.digits) for labelled in subsets] == [600, 600, 600]
    assert np.array_equal(subsets[0].images, subsets[1].images)
    assert not np.array_equal(subsets[0].images, subsets[2].images)
    assert np.abs(np.bincount(subsets[0].digits) - np.bincount(mnist.train.digits) / 100).max() <= 1


def test_other_data_sets_are_split_80_20(mnist: Dataset) -> None:
    small = Dataset(LabelledImages(mnist.train.images[:103], mnist.train.digits[:103]), mnist.test, {})
    splits = split_images(small, Recipe("fast", split="validate"))
    assert splits.validation is not None
    assert (len(splits.train.digits), len(splits.validation.digits)) == (83, 20)
    tiny = Dataset(LabelledImages(mnist.train.images[:4], mnist.train.digits[:4]), mnist.test, {})
    with pytest.raises(InputError, match="at least 5"):
        split_images(tiny, Recipe("fast", split="validate"))


@pytest.mark.parametrize(
    ("text", "count"), [("all", 60_000), ("500", 500), ("10%", 6_000), ("0.5%", 300), ("60000", 60_000), ("70000", 60_000)]
)
def test_count_images(text: str, count: int) -> None:
    assert count_images(text, 60_000) == count


@pytest.mark.parametrize("text", ["0", "1", "-5", "5.5", "many", "", "101%", "0%", "nan", "1e3"])
def test_bad_counts_of_images(text: str) -> None:
    with pytest.raises(InputError, match="images is"):
        count_images(text, 60_000)


def test_draw_evenly_with_a_missing_digit() -> None:
    digits = np.array([1] * 10 + [7] * 90)
    mask = draw_evenly(digits, 50, np.random.default_rng(0))
    assert np.bincount(digits[mask], minlength=10)[[1, 7]].tolist() == [5, 45]


@pytest.mark.parametrize("strategy", ADDEND_STRATEGIES)
@pytest.mark.parametrize("seed", range(5))
def test_held_out_pairs_are_never_shown_and_every_answer_is(mnist: Dataset, strategy: str, seed: int) -> None:
    operation = OPERATIONS["add"]
    held = hold_out_pairs(operation, 10, np.random.default_rng(seed))
    assert held.sum() == 10
    assert held.sum(0).max() == held.sum(1).max() == 1
    labelled = LabelledImages(mnist.train.images[:5_000], mnist.train.digits[:5_000])
    samples = make_samples(labelled, operation, strategy, np.random.default_rng(0), held)
    assert not held[samples.digits, samples.addends].any()
    shown = np.zeros((10, 10), bool)
    shown[samples.digits, samples.addends] = True
    assert np.array_equal(shown, ~held)
    assert set(samples.answers) == set(range(19))
    assert np.array_equal(samples.answers, samples.digits + samples.addends)


@pytest.mark.parametrize("strategy", ADDEND_STRATEGIES)
def test_samples_to_look_at_are_those_trained_on(mnist: Dataset, strategy: str) -> None:
    recipe = Recipe("fast", addends=strategy, held_out_pairs=10, split="validate", seed=3)
    splits = split_images(mnist, recipe)
    shown = preview_samples(splits, recipe, 10)
    trained = (
        make_training_samples(LabelledImages(splits.train.images, splits.train.digits), recipe, 0)
        if strategy != "every"
        else None
    )
    held = hold_out_pairs(OPERATIONS["add"], 10, np.random.default_rng(3))
    assert {name: len(samples) for name, samples in shown.items()} == {"train": 10, "validation": 10, "test": 10}
    assert not held[shown["train"].digits, shown["train"].addends].any()
    if trained is not None:
        assert np.array_equal(shown["train"].addends, trained.addends[:10])


def test_pairs_that_cannot_be_held_out() -> None:
    with pytest.raises(InputError, match="hold out fewer"):
        hold_out_pairs(find_operation("10 * d + a"), 1, np.random.default_rng(0))
    assert not hold_out_pairs(find_operation("10 * d + a"), 0, np.random.default_rng(0)).any()


def test_classes_that_no_pair_gives_need_not_be_seen() -> None:
    held = hold_out_pairs(OPERATIONS["multiply"], 10, np.random.default_rng(0))
    answers = OPERATIONS["multiply"].tabulate()
    assert set(answers[~held]) == set(answers.flat) < set(range(82))
