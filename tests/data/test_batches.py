"""data/batches.py: every sample once an epoch, normalisation, new synthetic images in every epoch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seesum.base.recipe import Recipe
from seesum.data.batches import Batches, normalise
from seesum.data.idx import Dataset, LabelledImages
from seesum.data.operations import NO_DIGIT
from seesum.data.samples import Samples, make_synthetic_samples

CPU = torch.device("cpu")


def make_batches(mnist: Dataset, count: int, **changes: object) -> Batches:
    labelled = LabelledImages(mnist.train.images[:count], mnist.train.digits[:count])
    recipe = Recipe("fast", batch_size=16).replaced(changes)
    return Batches(labelled, recipe, CPU, torch.Generator().manual_seed(recipe.seed))


def test_an_epoch_has_every_sample_once(mnist: Dataset) -> None:
    batches = make_batches(mnist, 50)
    seen = torch.cat([batch.image for batch in batches.shuffle(0)])
    expected = torch.from_numpy(normalise_by_hand(mnist.train.images[:50]))
    assert len(seen) == 50
    assert batches.count_steps() == 4
    assert torch.allclose(seen.flatten(1).sum(1).sort().values, expected.flatten(1).sum(1).sort().values, atol=1e-3)


def normalise_by_hand(images: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = ((images.astype(np.float64) / 255 - 0.1307) / 0.3081).astype(np.float32)
    return scaled


def test_normalise(mnist: Dataset) -> None:
    recipe = Recipe("fast")
    assert np.allclose(
        normalise(mnist.test.images[:9], recipe, CPU).numpy()[:, 0], normalise_by_hand(mnist.test.images[:9]), atol=1e-5
    )


@pytest.mark.parametrize(("count", "steps", "seen"), [(33, 2, 32), (34, 3, 34), (17, 1, 16), (2, 1, 2)])
def test_a_lone_last_sample_is_left_out(mnist: Dataset, count: int, steps: int, seen: int) -> None:
    batches = make_batches(mnist, count)
    sizes = [len(batch.digit) for batch in batches.shuffle(0)]
    assert batches.count_steps() == len(sizes) == steps
    assert sum(sizes) == seen


@pytest.mark.parametrize(("strategy", "same"), [("fixed", True), ("fresh", False)])
def test_fresh_addends_differ_between_epochs(mnist: Dataset, strategy: str, same: bool) -> None:
    batches = make_batches(mnist, 40, addends=strategy, batch_size=40)
    pairs = []
    for epoch in (0, 1):
        (batch,) = batches.shuffle(epoch)
        key = batch.image.flatten(1).sum(1).argsort()
        pairs.append(batch.addend[key])
        assert torch.equal(batch.answer, batch.digit + batch.addend)
    assert torch.equal(*pairs) == same


@pytest.mark.parametrize("strategy", ["fixed", "fresh", "every"])
def test_new_synthetic_images_in_every_epoch(mnist: Dataset, strategy: str) -> None:
    batches = make_batches(mnist, 40, addends=strategy, batch_size=1000, synthetic_digits=8, synthetic_non_digits=5)
    times = 10 if strategy == "every" else 1
    known = {image.tobytes() for image in normalise(mnist.train.images[:40], batches.recipe, CPU).numpy()}
    rendered, addends = [], []
    for epoch in (0, 1, 0):
        (batch,) = batches.shuffle(epoch)
        nothing = batch.digit == NO_DIGIT
        assert len(batch.digit) == 48 * times + 5
        assert nothing.sum() == 5
        assert torch.equal(batch.answer == NO_DIGIT, nothing)
        assert torch.equal(batch.answer[~nothing], (batch.digit + batch.addend)[~nothing])
        questions = [(image.numpy().tobytes(), int(addend)) for image, addend in zip(batch.image, batch.addend, strict=True)]
        rendered.append({image for image, _ in questions if image not in known})
        addends.append(sorted(question for question in questions if question[0] in known))
        assert len(addends[-1]) == 40 * times
    assert len(rendered[0]) == 13
    assert rendered[0] == rendered[2]
    assert not rendered[0] & rendered[1]
    assert (addends[0] == addends[1]) == (strategy != "fresh")


def test_images_are_rendered_once_for_an_epoch(mnist: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[int] = []

    def render_and_count(recipe: Recipe, epoch: int) -> Samples:
        rendered.append(epoch)
        return make_synthetic_samples(recipe, epoch)

    monkeypatch.setattr("seesum.data.batches.make_synthetic_samples", render_and_count)
    batches = make_batches(mnist, 20, synthetic_digits=4)
    for epoch in (0, 1, 2):
        assert sum(len(batch.digit) for batch in batches.shuffle(epoch)) == 24
    assert rendered == [0, 1, 2]
