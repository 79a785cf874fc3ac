"""Sources: the forms in which own data may come, and how each is read. Those with pictures are in ``reading/datasets.py``."""

from __future__ import annotations

import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seesum.base.errors import InputError
from seesum.base.files import PathLike
from seesum.data.arrays import Items, is_items, label_images, make_dataset, read_dictionary, read_pair, read_part
from seesum.data.idx import SIDE, Dataset, LabelledImages, find_collection, read_folder

Data = PathLike | Dataset | LabelledImages | Mapping[str, Any] | Sequence[Any] | Items
"""Own data: the path of a file or folder, or images and digits in memory. ``SOURCES`` lists the forms."""
ZIP, COMMA = b"PK", b","
CSV_NAME = "train.csv"
"""Kaggle's training images. Its other file, test.csv, has no digits."""


class Source(NamedTuple):
    """One form of data."""

    name: str
    """In words, for messages."""
    fits: Callable[[Any], bool]
    """Whether what a user gave has this form. One on disk gets a ``Path`` that exists, and any other gets no path."""
    read: Callable[..., Dataset]
    """Reads it, not turned. One that prepares pictures also takes ``as_is`` and ``quiet``."""
    prepares: bool = False
    """Whether it prepares pictures."""
    on_disk: bool = False
    """Whether it is a file or a folder."""


def read_csv_images(path: Path) -> Dataset:
    """Read a CSV with the digit and 784 levels in each row, with or without a header, as Kaggle's ``train.csv``.

    Raises:
        InputError: it has other columns or values.
    """
    path = path / CSV_NAME if path.is_dir() else path
    with path.open("rb") as file:
        first = file.readline().strip().split(COMMA)
    try:
        header = not _is_number(first[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a file without rows
            table: NDArray[Any] = np.loadtxt(path, np.int32, delimiter=",", skiprows=int(header), ndmin=2)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path} cannot be read ({error}); expected whole numbers: label,pixel0,...,pixel783") from error
    if not table.size or table.shape[1] != 1 + SIDE * SIDE:
        hint = "; Kaggle's test.csv has no digits, so give train.csv" if len(first) == SIDE * SIDE else ""
        raise InputError(f"{path} has {len(table):,} rows of {len(first):,} columns; expected label,pixel0,...,pixel783{hint}")
    return make_dataset(label_images(table[:, 1:], table[:, 0], f"the images of {path}", f"the labels of {path}"))


def read_npz(path: Path) -> Dataset:
    """Read an ``.npz`` with ``x_train``, ``y_train``, ``x_test`` and ``y_test``, as Keras' ``mnist.npz``, or other ``KEYS``.

    Raises:
        InputError: it is damaged, holds objects that are no numbers, or has other keys.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            values = {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, EOFError, KeyError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}); save its arrays again with numpy.savez") from error
    return read_dictionary(values, str(path))


SOURCES = (
    Source("a seesum.Dataset", lambda data: isinstance(data, Dataset), lambda data: make_dataset(data.train, data.test)),
    Source(
        "images and digits (arrays or tensors), or a training and a test part",
        lambda data: isinstance(data, tuple | list) and len(data) == 2,
        read_pair,
    ),
    Source(
        "a dictionary with images and digits, train and test, or x_train, y_train, x_test and y_test",
        lambda data: isinstance(data, Mapping),
        read_dictionary,
    ),
    Source(
        "a torch Dataset of images and digits",
        lambda data: isinstance(data, LabelledImages) or is_items(data),
        lambda data: make_dataset(read_part(data, "the")),
    ),
    Source("a folder of IDX files", lambda path: find_collection(path) is not None, read_folder, on_disk=True),
    Source("a CSV with label,pixel0,...,pixel783", lambda path: _holds_csv(path), read_csv_images, on_disk=True),
    Source("an .npz with arrays", lambda path: starts_with(path, ZIP), read_npz, on_disk=True),
)
"""The forms that numpy reads, in the order in which they are tried."""


def find_source(data: Data, sources: Sequence[Source] = SOURCES) -> tuple[Source, Any]:
    """Return the form of data, and what its ``read`` takes.

    Raises:
        InputError: the path does not exist, or the data has none of the forms.
    """
    given: Any = Path(data) if isinstance(data, str | os.PathLike) else data
    if isinstance(given, Path) and not given.exists():
        raise InputError(f"there is no folder {given} and no such file; give one with images, or leave --data out")
    fitting = [source for source in sources if source.on_disk == isinstance(given, Path)]
    try:
        found = next((source for source in fitting if source.fits(given)), None)
    except OSError as error:
        raise InputError(f"{given} cannot be read ({error.strerror or error}); check its permissions") from error
    if found is None:
        what = str(given) if isinstance(given, Path) else f"data of the type {type(data).__name__}"
        names = "; or ".join(source.name for source in fitting)
        raise InputError(f"{what} holds no training images that can be read; give {names}")
    return found, given


def name_data(data: Data) -> str:
    """Return what messages call data: its path, or ``the data``."""
    return str(data) if isinstance(data, str | os.PathLike) else "the data"


def starts_with(path: Path, magic: bytes) -> bool:
    """Return whether a path is a file that starts with these bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _holds_csv(path: Path) -> bool:
    """Return whether a path is a text of columns, or a folder with Kaggle's ``train.csv``."""
    if path.is_dir():
        return (path / CSV_NAME).is_file()
    with path.open("rb") as file:
        first = file.readline(2**16)
    return COMMA in first and first.isascii() and b"\0" not in first


def _is_number(cell: bytes) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
