"""data/arrays.py and data/sources.py: what is wrong with arrays, dictionaries, torch datasets, CSV and npz files.

tests/reading/test_datasets.py has what is right.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from seesum.base.errors import InputError
from seesum.data.arrays import make_dataset
from seesum.data.idx import LabelledImages
from seesum.reading.datasets import load_data

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
DIGITS = np.arange(20) % 10


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (IMAGES[:, :20], r"the images have the shape \(20, 20, 28\); expected \[N, 28, 28\], .*pictures in folders 0 to 9"),
        (np.repeat(IMAGES[..., None], 3, 3), r"have the shape \(20, 28, 28, 3\)"),
        (IMAGES[0], r"have the shape \(28, 28\)"),
        (IMAGES[:0], r"the images hold no image"),
        ((IMAGES - 33.3) / 78.6, r"have values from .* to .*; expected 0 to 255, or 0 to 1, before normalisation"),
        (IMAGES * 300.0, r"have values from 0 to 76500"),
        (np.where(IMAGES == 0, np.nan, IMAGES), r"have values from nan to nan"),
        ([IMAGES[0], IMAGES[1, :20]], r"have different shapes"),
        (["three.png"] * 20, r"the images hold <U9 and no numbers"),
        (IMAGES[:19], r"the digits hold 20 labels for 19 images; give one label per image"),
    ],
)
def test_wrong_images_are_explained(images: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        load_data((images, DIGITS))


@pytest.mark.parametrize(
    ("digits", "sentence"),
    [
        (DIGITS + 1, r"the digits holds labels from 1 to 10 \(a 10 may stand for the digit 0\)"),
        (DIGITS / 2, r"hold numbers that are not whole"),
        (np.eye(10)[DIGITS], r"have the shape \(20, 10\); .* \(for rows of 0 and 1: digits.argmax\(1\)\)"),
        (list("01234567890123456789"), r"the digits hold <U1 and no numbers"),
    ],
)
def test_wrong_digits_are_explained(digits: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        load_data((IMAGES, digits))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            {"pictures": IMAGES},
            r"the dictionary has the keys pictures; expected one of: images, digits; train, test; x_",
        ),
        ({}, r"the dictionary has the keys none"),
        ({"images": IMAGES}, r"the dictionary has no digits; its keys are images"),
        ({"x_train": IMAGES, "x_test": IMAGES}, r"the dictionary has no y_train"),
        ({"x_train": IMAGES, "y_train": DIGITS, "x_test": IMAGES}, r"the dictionary has no y_test"),
        ({"train": IMAGES}, r"the training part is of the type ndarray; expected images and digits"),
        (((IMAGES, DIGITS), (IMAGES, DIGITS[:3])), r"the test digits hold 3 labels for 20 images"),
        (TensorDataset(torch.from_numpy(IMAGES)), r"item 0 of the dataset is no pair of an image and its digit"),
        (TensorDataset(torch.zeros(3, 3, 32, 32), torch.arange(3)), r"the image 0 of the dataset has the shape \(3, 32, 32\)"),
    ],
)
def test_wrong_collections_are_explained(data: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        load_data(data)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("label,pixel0\n", r"has 0 rows of 2 columns; expected label,pixel0,...,pixel783"),
        ("1,2\n3,4\n", r"has 2 rows of 2 columns"),
        (",".join(f"pixel{n}" for n in range(784)) + "\n" + ",".join(["0"] * 784), r"Kaggle's test.csv has no digits"),
        ("label,pixel0\n" + ",".join(["1"] + ["x"] * 784), r"cannot be read .*expected whole numbers: label,pixel0"),
        (",".join(["12"] + ["0"] * 784), r"the labels of .*train.csv holds labels from 12 to 12"),
        (",".join(["1"] + ["300"] * 784), r"the images of .*train.csv have values from 300 to 300"),
    ],
)
def test_wrong_csv_is_explained(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        load_data(path)


def test_wrong_npz_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "mnist.npz"
    np.savez(path, pictures=IMAGES)
    with pytest.raises(InputError, match=r"mnist.npz has the keys pictures; expected one of"):
        load_data(path)
    np.savez(path, images=np.array([object()]), digits=DIGITS)
    with pytest.raises(InputError, match=r"mnist.npz cannot be read .*allow_pickle"):
        load_data(path)
    np.savez(path, images=IMAGES, digits=DIGITS)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"mnist.npz cannot be read"):
        load_data(path)


def test_levels_of_0_and_1_are_black_and_white() -> None:
    ink = IMAGES > 127
    expected = make_dataset(LabelledImages(255 * ink.astype(np.uint8), DIGITS)).sha256
    for images in (ink, ink.astype(np.int64), ink.astype(np.float32)):
        assert load_data((images, DIGITS)).sha256 == expected


def test_five_images_are_the_fewest_that_leave_a_test_image() -> None:
    assert len(load_data((IMAGES[:5], DIGITS[:5])).test.digits) == 1
    with pytest.raises(InputError, match="there are 4 images and none for the test; give at least 5"):
        load_data((IMAGES[:4], DIGITS[:4]))


def test_a_tensor_that_learns_is_taken() -> None:
    images = torch.from_numpy(IMAGES).bfloat16().requires_grad_()
    assert load_data((images, torch.from_numpy(DIGITS))).train.images.shape == (16, 28, 28)
