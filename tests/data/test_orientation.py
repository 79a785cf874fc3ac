"""data/orientation.py: how images lie, told by their likeness to upright ones."""

from __future__ import annotations

import numpy as np
import pytest

from seesum.data.idx import Dataset
from seesum.data.orientation import FEWEST, ORIENTATIONS, average_digits, find_orientation
from seesum.data.rendering import render_digits

LAYS = {
    "transposed": lambda images: images.transpose(0, 2, 1),
    "mirrored from left to right": lambda images: np.flip(images, 2),
    "mirrored from top to bottom": lambda images: np.flip(images, 1),
    "upside down": lambda images: np.flip(images, (1, 2)),
    "rotated by 90 degrees to the left": lambda images: np.rot90(images, 1, (1, 2)),
    "rotated by 90 degrees to the right": lambda images: np.rot90(images, -1, (1, 2)),
    "transposed and upside down": lambda images: np.flip(images.transpose(0, 2, 1), (1, 2)),
}


@pytest.fixture(scope="module")
def upright(mnist: Dataset) -> np.ndarray:
    return average_digits(mnist.train.images[:5000], mnist.train.digits[:5000])


@pytest.mark.parametrize("name", ORIENTATIONS)
@pytest.mark.parametrize("count", [FEWEST, 3000])
def test_each_orientation_is_found(mnist: Dataset, upright: np.ndarray, name: str, count: int) -> None:
    images, digits = mnist.test.images[:count], mnist.test.digits[:count]
    assert find_orientation(images, digits, upright) is None
    assert find_orientation(LAYS[name](images), digits, upright) == name
    assert np.array_equal(ORIENTATIONS[name](LAYS[name](images)), images)


def test_some_digits_are_enough(mnist: Dataset, upright: np.ndarray) -> None:
    some = np.isin(mnist.test.digits, (2, 4, 7))
    images, digits = mnist.test.images[some], mnist.test.digits[some]
    assert find_orientation(images, digits, upright) is None
    assert find_orientation(images.transpose(0, 2, 1), digits, upright) == "transposed"


def test_digits_of_other_hands_are_upright(upright: np.ndarray) -> None:
    rendered = render_digits(300, np.random.default_rng(0))
    assert find_orientation(rendered.images, rendered.digits, upright) is None


def test_where_images_do_not_tell_nothing_is_said(mnist: Dataset, upright: np.ndarray) -> None:
    images, digits = mnist.test.images.transpose(0, 2, 1), mnist.test.digits
    assert find_orientation(images[: FEWEST - 1], digits[: FEWEST - 1], upright) is None
    assert find_orientation(images[digits == 4], digits[digits == 4], upright) is None
    rng = np.random.default_rng(0)
    for _ in range(20):  # the signs of another script have other shapes under the same labels
        names = rng.permutation(10)
        shuffled = names[digits] if (names != np.arange(10)).all() else (digits + 1) % 10
        assert find_orientation(images, shuffled, upright) is None
    assert find_orientation(np.zeros((100, 28, 28), np.uint8), digits[:100], upright) is None
    assert find_orientation(rng.integers(0, 256, (100, 28, 28), np.uint8), digits[:100], upright) is None
