"""batches.py: every sample once an epoch, normalisation, augmentation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seesum.batches import Batches, normalise
from seesum.distortions import augment
from seesum.mnist import Mnist, Part
from seesum.recipe import Augmentation, Recipe

CPU = torch.device("cpu")


def make_batches(mnist: Mnist, count: int, **changes: object) -> Batches:
    part = Part(mnist.train.images[:count], mnist.train.digits[:count])
    recipe = Recipe("fast", batch_size=16).replaced(changes)
    return Batches(part, recipe, CPU, torch.Generator().manual_seed(recipe.seed))


def test_an_epoch_has_every_sample_once(mnist: Mnist) -> None:
    batches = make_batches(mnist, 50)
    seen = torch.cat([batch.image for batch in batches.shuffle(0)])
    expected = torch.from_numpy(normalise_by_hand(mnist.train.images[:50]))
    assert len(seen) == 50
    assert batches.count_steps() == 4
    assert torch.allclose(seen.flatten(1).sum(1).sort().values, expected.flatten(1).sum(1).sort().values, atol=1e-3)


def normalise_by_hand(images: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = ((images.astype(np.float64) / 255 - 0.1307) / 0.3081).astype(np.float32)
    return scaled


def test_normalise(mnist: Mnist) -> None:
    recipe = Recipe("fast")
    assert np.allclose(
        normalise(mnist.test.images[:9], recipe, CPU).numpy()[:, 0], normalise_by_hand(mnist.test.images[:9]), atol=1e-5
    )


@pytest.mark.parametrize(("count", "steps", "seen"), [(33, 2, 32), (34, 3, 34), (17, 1, 16), (2, 1, 2)])
def test_a_lone_last_sample_is_left_out(mnist: Mnist, count: int, steps: int, seen: int) -> None:
    batches = make_batches(mnist, count)
    sizes = [len(batch.digit) for batch in batches.shuffle(0)]
    assert batches.count_steps() == len(sizes) == steps
    assert sum(sizes) == seen


@pytest.mark.parametrize(("strategy", "same"), [("fixed", True), ("fresh", False)])
def test_fresh_addends_differ_between_epochs(mnist: Mnist, strategy: str, same: bool) -> None:
    batches = make_batches(mnist, 40, addends=strategy, batch_size=40)
    pairs = []
    for epoch in (0, 1):
        (batch,) = batches.shuffle(epoch)
        key = batch.image.flatten(1).sum(1).argsort()
        pairs.append(batch.addend[key])
        assert torch.equal(batch.answer, batch.digit + batch.addend)
    assert torch.equal(*pairs) == same


def test_augmentation_of_nothing_changes_nothing(mnist: Mnist) -> None:
    pixels = torch.from_numpy(mnist.train.images[:4]).unsqueeze(1).float()
    turned = augment(pixels, Augmentation(rotate=1e-9), torch.Generator())
    assert torch.allclose(turned, pixels, atol=0.05)


def test_shift_stays_within_its_share() -> None:
    dot = torch.zeros(500, 1, 28, 28)
    dot[:, :, 14, 14] = 255
    moved = augment(dot, Augmentation(shift=0.1), torch.Generator().manual_seed(0))
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    for axis in (rows, columns):
        offsets = (moved[:, 0] * axis).sum((1, 2)) / moved.sum((1, 2, 3)) - 14
        assert offsets.abs().max() <= 2.81
        assert offsets.abs().max() > 2.0


def test_rotation_keeps_lengths_and_the_middle() -> None:
    line = torch.zeros(200, 1, 28, 28)
    line[:, :, 4:24, 13:15] = 255
    turned = augment(line, Augmentation(rotate=20), torch.Generator().manual_seed(0))
    assert torch.allclose(turned.sum((1, 2, 3)), line.sum((1, 2, 3)), rtol=0.05)
    rows, columns = torch.meshgrid(torch.arange(28.0) - 13.5, torch.arange(28.0) - 13.5, indexing="ij")
    mass = turned[:, 0] / turned.sum((1, 2, 3)).view(-1, 1, 1)
    along, across, both = ((mass * product).sum((1, 2)) for product in (rows**2, columns**2, rows * columns))
    angles = torch.rad2deg(0.5 * torch.atan2(2 * both, along - across))
    assert angles.abs().max() <= 20.5
    assert angles.abs().max() > 17
    assert angles.mean().abs() < 3


def test_light_stays_in_range(mnist: Mnist) -> None:
    pixels = torch.from_numpy(mnist.train.images[:64]).unsqueeze(1).float()
    lit = augment(pixels, Augmentation(brightness=0.2, contrast=0.2), torch.Generator().manual_seed(0))
    assert lit.min() >= 0
    assert lit.max() <= 255
    assert not torch.equal(lit, pixels)
