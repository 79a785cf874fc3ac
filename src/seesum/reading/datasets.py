"""Own data: any form of images and digits -> a Dataset. The verbs load all their images here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from seesum.base.errors import InputError, import_extra
from seesum.data.arrays import make_dataset
from seesum.data.idx import (
    OPTIONS,
    TURNS,
    Dataset,
    LabelledImages,
    check_digits,
    check_images,
    read_embedded,
    turn_images,
)
from seesum.data.sources import SOURCES, Data, Source, find_source, name_data, starts_with
from seesum.data.splits import Splits
from seesum.reading.labelled import LabelledPicture, holds_classes, list_class_folders
from seesum.reading.onnx_model import OnnxModel
from seesum.reading.pictures import PictureError
from seesum.reading.preparing import PictureFile, prepare_all, take_as_is
from seesum.reading.reader import Reader
from seesum.runs.run import Run

PARQUET = b"PAR1"
IMAGE_COLUMNS, DIGIT_COLUMNS = ("image", "img", "picture"), ("label", "digit")
"""The columns of a Parquet file; the first that it has counts."""
MOST_NAMED = 5
"""So many pictures that cannot be read are named in a message."""


def load_data(
    data: Data | None = None, *, invert: bool = False, transpose: bool = False, as_is: bool = False, quiet: bool = False
) -> Dataset:
    """Load the embedded MNIST, or images of your own in one of many forms (docs/howto/own-data.md).

    Args:
        data: the path of a file or folder, or arrays, tensors, a dictionary of these, or a torch dataset; None for the
            embedded MNIST. Where there is no test part, a fifth of the images becomes one.
        invert: turn black ink on white into bright ink on black.
        transpose: exchange rows and columns.
        as_is: take picture files of 28x28 pixels as they are, instead of preparing them as ``predict`` does.
        quiet: show no progress.

    Returns:
        ``.train`` and ``.test``, each with ``.images`` uint8 [N, 28, 28] and ``.digits`` int64 [N].

    Raises:
        InputError: the data has none of the forms; something is missing, damaged or has wrong values; or most images are
            black ink on white, or do not lie upright.
        JobError: a Parquet file needs pyarrow, which is not installed.
    """
    if data is None:
        if as_is:
            raise InputError("--as-is is for picture files; leave it out, or give --data")
        return read_embedded(invert, transpose)
    source, given = find_source(data, ALL_SOURCES)
    if as_is and not source.prepares:
        raise InputError(f"{name_data(data)} is {source.name}, which is taken as it is anyway; leave --as-is out")
    dataset = _read(source, given, quiet, {"invert": invert, "transpose": transpose, "as_is": as_is})
    check_images(dataset, name_data(data))
    return dataset


def load_splits(found: Run | OnnxModel, data: Data | None = None, quiet: bool = False) -> Splits:
    """Load the images of a run or an ONNX file as it was made with, from where it read them or from ``data``.

    Raises:
        InputError: the data cannot be read, is not what the run was made with, or was given as arrays and is not given now.
    """
    stored = found.info["data"] if isinstance(found, Run) else found.metadata["run"]["data"]
    place = stored["directory"] if data is None else data
    if place is None:
        return found.load_splits()
    options = {name: bool(stored.get(name)) for name in OPTIONS}
    return found.load_splits(_read(*find_source(place, ALL_SOURCES), quiet, options))


def _read(source: Source, given: Any, quiet: bool, options: dict[str, bool]) -> Dataset:
    """Read data of a form with these of ``OPTIONS``, without a look at how the images lie."""
    turns = {name: options[name] for name in TURNS}
    if not source.prepares:
        return turn_images(source.read(given), **turns)
    dataset = turn_images(source.read(given, options["as_is"], quiet), **turns)
    return replace(dataset, turns=(*dataset.turns, "as_is")) if options["as_is"] else dataset


def _read_class_folders(folder: Path, as_is: bool, quiet: bool) -> Dataset:
    """Read pictures in subfolders 0 to 9, or in such subfolders of ``train`` and ``test``."""
    if holds_classes(folder):
        return make_dataset(_read_pictures(list_class_folders(folder), as_is, quiet))
    test = folder / "test"
    parts = [_read_pictures(list_class_folders(part), as_is, quiet) for part in (folder / "train", test) if part.is_dir()]
    return make_dataset(*parts)


def _read_pictures(pictures: Sequence[LabelledPicture], as_is: bool, quiet: bool) -> LabelledImages:
    paths = [picture.path for picture in pictures]
    return _label(paths, [picture.digit for picture in pictures], list(map(str, paths)), as_is, quiet)


def _label(
    pictures: Sequence[PictureFile], digits: Sequence[int], names: Sequence[str], as_is: bool, quiet: bool
) -> LabelledImages:
    """Prepare pictures with known digits. ``names`` is what messages call them."""
    results = [take_as_is(picture) for picture in pictures] if as_is else prepare_all(pictures, quiet)
    failed = {name: result for name, result in zip(names, results, strict=True) if isinstance(result, PictureError)}
    if failed:
        shown = ", ".join([*failed][:MOST_NAMED]) + (" and others" if len(failed) > MOST_NAMED else "")
        first = next(iter(failed.values()))
        raise InputError(
            f"{len(failed)} of {len(pictures)} pictures cannot be read: {shown}; remove or replace them (the first: {first})"
        )
    prepared = [result for result in results if not isinstance(result, PictureError)]
    if any(one.others for one in prepared):
        prepared = Reader.load().settle(prepared)
    return LabelledImages(np.stack([one.image for one in prepared]), np.array(digits, np.int64))


def _find_parquet(path: Path, part: str = "train") -> list[Path]:
    """Return the Parquet files of a part in a folder, under the names of Hugging Face: ``train-00000-of-00001.parquet``."""
    return sorted(file for place in (path, path / "data") for file in place.glob(f"{part}*.parquet"))


def _read_parquet(path: Path, as_is: bool, quiet: bool) -> Dataset:
    """Read a Parquet file with a column of pictures and one of digits, or a folder of such files."""
    import_extra("pyarrow", "scale")
    if path.is_file():
        return make_dataset(_read_tables([path], as_is, quiet))
    parts = [_read_tables(files, as_is, quiet) for part in ("train", "test") if (files := _find_parquet(path, part))]
    return make_dataset(*parts)


def _read_tables(paths: Sequence[Path], as_is: bool, quiet: bool) -> LabelledImages:
    pictures: list[PictureFile] = []
    digits: list[int] = []
    names: list[str] = []
    for path in paths:
        try:
            table = import_module("pyarrow.parquet").read_table(path, partitioning=None)
        except (OSError, ValueError) as error:  # what pyarrow raises is of these kinds
            raise InputError(f"{path} cannot be read ({error}); download or write it again") from error
        found = _take_bytes(_take_column(table, IMAGE_COLUMNS, path), path)
        labels = np.array(_take_column(table, DIGIT_COLUMNS, path).to_pylist())
        if labels.dtype.kind not in "iu":
            raise InputError(f"the digits of {path} are no whole numbers; give a column {DIGIT_COLUMNS[0]} of 0 to 9")
        if not len(labels):
            raise InputError(f"{path} holds no rows; give one with at least one picture")
        check_digits(labels, str(path))
        pictures += found
        digits += labels.tolist()
        names += [f"row {row} of {path}" for row in range(len(found))]
    return _label(pictures, digits, names, as_is, quiet)


def _take_column(table: Any, names: Sequence[str], path: Path) -> Any:
    name = next((name for name in names if name in table.column_names), None)
    if name is None:
        raise InputError(
            f"{path} has the columns {', '.join(table.column_names)}; expected {IMAGE_COLUMNS[0]} and {DIGIT_COLUMNS[0]}"
        )
    return table.column(name)


def _take_bytes(column: Any, path: Path) -> list[PictureFile]:
    """Return the bytes of the pictures: the values themselves, or those of the field ``bytes``, as Hugging Face writes them."""
    values: list[Any] = [value.get("bytes") if isinstance(value, dict) else value for value in column.to_pylist()]
    if not all(isinstance(value, bytes) for value in values):
        raise InputError(
            f"{path} does not hold the bytes of all its pictures; write the files into the column, not their paths"
        )
    return values


ALL_SOURCES = (
    *SOURCES,
    Source(
        "a folder with subfolders 0 to 9 of pictures, or with train and test above them",
        lambda path: holds_classes(path) or holds_classes(path / "train"),
        _read_class_folders,
        prepares=True,
        on_disk=True,
    ),
    Source(
        "a Parquet file with the columns image and label",
        lambda path: starts_with(path, PARQUET) or bool(_find_parquet(path)),
        _read_parquet,
        prepares=True,
        on_disk=True,
    ),
)
"""All forms of data, in the order in which they are tried."""
