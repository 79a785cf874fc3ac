"""The forms in which users have images, written from arrays, and the cache that tests use. Tests import this."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset as TorchDataset, TensorDataset

from conftest import write_idx
from seesum.base.recipe import Recipe
from seesum.data.idx import NAMINGS, Dataset, Digits, Images, LabelledImages
from seesum.data.splits import split_images


def take_validation(mnist: Dataset) -> tuple[LabelledImages, LabelledImages]:
    """Return 300 and 60 validation images of MNIST, sorted by digit, as folders of classes sort them."""
    validation = split_images(mnist, Recipe("fast", split="validate")).validation
    assert validation is not None

    def take(rows: slice) -> LabelledImages:
        images, digits = validation.images[rows], validation.digits[rows]
        order = np.argsort(digits, kind="stable")
        return LabelledImages(images[order], digits[order])

    return take(slice(300)), take(slice(300, 360))


def list_levels(labelled: LabelledImages) -> list[list[int]]:
    rows: list[list[int]] = np.column_stack([labelled.digits, labelled.images.reshape(-1, 784)]).tolist()
    return rows


class Pairs(TorchDataset[Any]):
    """Images and digits as torchvision's MNIST gives them: PIL images and whole numbers."""

    def __init__(self, labelled: LabelledImages) -> None:
        self.labelled = labelled

    def __len__(self) -> int:
        return len(self.labelled.digits)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return Image.fromarray(self.labelled.images[index]), int(self.labelled.digits[index])


def write_csv(path: Path, labelled: LabelledImages) -> Path:
    """Write Kaggle's form."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", *(f"pixel{number}" for number in range(784))])
        writer.writerows(list_levels(labelled))
    return path


def write_plain_csv(path: Path, labelled: LabelledImages) -> Path:
    """Write the same without a header."""
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in list_levels(labelled)))
    return path


def write_npz(path: Path, train: LabelledImages, test: LabelledImages) -> Path:
    """Write Keras' form."""
    np.savez_compressed(
        path, x_train=train.images, y_train=train.digits.astype(np.uint8), x_test=test.images, y_test=test.digits
    )
    return path


def write_classes(folder: Path, labelled: LabelledImages, draw: Callable[[Images], Image.Image] = Image.fromarray) -> Path:
    """Write a picture of each image into a folder of its digit."""
    for row, (image, digit) in enumerate(zip(labelled.images, labelled.digits, strict=True)):
        (folder / str(digit)).mkdir(parents=True, exist_ok=True)
        draw(image).save(folder / str(digit) / f"{row:04}.png")
    return folder


def draw_page(image: Images) -> Image.Image:
    """Draw an image as a person would hand it in: a larger digit in grey ink, somewhere on a bright page."""
    page = Image.new("L", (120, 110), 235)
    ink = Image.fromarray((235 - 0.75 * image).round().astype(np.uint8)).resize((70, 70), Image.Resampling.BICUBIC)
    page.paste(ink, (30, 22))
    return page


def encode(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def write_collection(folder: Path, name: str, train: LabelledImages, test: LabelledImages, suffix: str = "") -> Path:
    """Write IDX files under the names of a collection, transposed where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    naming = NAMINGS[name]
    for images, digits, labelled in (
        (naming.train_images, naming.train_digits, train),
        (naming.test_images, naming.test_digits, test),
    ):
        arrays: dict[str, Images | Digits] = {images: labelled.images, digits: labelled.digits}
        if naming.transposed:
            arrays[images] = labelled.images.transpose(0, 2, 1)
        for file, values in arrays.items():
            write_idx(folder / file, values)
            if suffix == ".gz":
                (folder / f"{file}.gz").write_bytes(gzip.compress((folder / file).read_bytes(), 1))
                (folder / file).unlink()
    return folder


def nest(folder: Path) -> Path:
    """Put each file into a folder of its own name, as Kaggle unpacks them."""
    for path in [*folder.iterdir()]:
        content = path.read_bytes()
        path.unlink()
        path.mkdir()
        (path / path.name).write_bytes(content)
    return folder


def write_parquet(path: Path, labelled: LabelledImages) -> Path:
    """Write Hugging Face's form: a column of structs of bytes and path, and a column of labels."""
    import pyarrow
    from pyarrow import parquet

    images = [{"bytes": encode(Image.fromarray(image)), "path": None} for image in labelled.images]
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    table = pyarrow.table({"image": pyarrow.array(images, kind), "label": labelled.digits})
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path)
    return path


def _tensors(labelled: LabelledImages) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(labelled.images).unsqueeze(1) / 255, torch.from_numpy(labelled.digits)


def _pair(labelled: LabelledImages) -> tuple[Images, Digits]:
    return labelled.images, labelled.digits


def _name(labelled: LabelledImages) -> dict[str, Any]:
    return {"images": labelled.images, "digits": labelled.digits}


Form = Callable[[Path, LabelledImages, LabelledImages], Any]
WITH_TEST: dict[str, Form] = {
    "a pair of pairs": lambda _, train, test: (_pair(train), _pair(test)),
    "a pair of LabelledImages": lambda _, train, test: [train, test],
    "a Dataset": lambda _, train, test: Dataset(train, test, {}),
    "train and test": lambda _, train, test: {"train": _tensors(train), "test": _name(test)},
    "x_train": lambda _, train, test: {
        "x_train": train.images,
        "y_train": train.digits[:, None],
        "x_test": test.images,
        "y_test": test.digits,
    },
    "torch datasets": lambda _, train, test: (Pairs(train), TensorDataset(*_tensors(test))),
    "IDX files": lambda place, train, test: write_collection(place, "MNIST", train, test),
    "torchvision's root": lambda place, train, test: write_collection(place / "MNIST" / "raw", "MNIST", train, test).parents[1],
    "torchvision's folder": lambda place, train, test: write_collection(place / "raw", "MNIST", train, test).parent,
    "nested IDX files": lambda place, train, test: nest(write_collection(place, "MNIST", train, test)),
    "EMNIST digits": lambda place, train, test: write_collection(place / "gzip", "EMNIST digits", train, test, ".gz").parent,
    "EMNIST mnist": lambda place, train, test: write_collection(place / "EMNIST" / "raw", "EMNIST mnist", train, test).parents[
        1
    ],
    "mnist.npz": lambda place, train, test: str(write_npz(place / "mnist.npz", train, test)),
}
"""Forms with a test part, each as a function of a folder, training images and test images."""
WITHOUT_TEST: dict[str, Form] = {
    "a pair of arrays": lambda _, train, __: _pair(train),
    "a pair of tensors": lambda _, train, __: _tensors(train),
    "a dictionary": lambda _, train, __: {
        "images": train.images[..., None].astype(np.float64),
        "digits": train.digits.tolist(),
    },
    "rows of levels": lambda _, train, __: (train.images.reshape(-1, 784), train.digits.astype(np.float32)),
    "LabelledImages": lambda _, train, __: train,
    "a torch dataset": lambda _, train, __: Pairs(train),
    "train.csv": lambda place, train, _: write_csv(place / "train.csv", train),
    "train.csv in a folder": lambda place, train, _: write_csv(place / "train.csv", train).parent,
    "a CSV without a header": lambda place, train, _: write_plain_csv(place / "mnist_train.csv", train),
}
"""Forms whose test part is split off."""
