"""Find pictures whose digits are known: in folders 0 to 9, or listed in a CSV. Nothing is decoded here."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from seesum.base.errors import InputError
from seesum.base.files import PathLike
from seesum.data.operations import ADDENDS

CLASSES = tuple(map(str, range(10)))
"""The names of the subfolders."""
COLUMNS = ("file", "digit", "addend")
"""The columns of a CSV. The last one may be missing."""


class LabelledPicture(NamedTuple):
    """A file of a picture, and what it shows."""

    path: Path
    digit: int
    addend: int | None = None
    """None where the user gave none."""


def holds_classes(folder: Path) -> bool:
    """Return whether a folder has a subfolder for a digit."""
    return any((folder / name).is_dir() for name in CLASSES)


def list_class_folders(folder: Path) -> list[LabelledPicture]:
    """Return the pictures in the subfolders 0 to 9 of a folder, by digit and name. Hidden files are left out.

    Raises:
        InputError: there is none.
    """
    found = [
        LabelledPicture(path, int(name)) for name in CLASSES for path in sorted((folder / name).glob("[!.]*")) if path.is_file()
    ]
    if not found:
        raise InputError(
            f"{folder} holds no labelled pictures; put the pictures of each digit into a subfolder with its name, 0 to 9"
        )
    return found


def list_labelled(place: PathLike) -> list[LabelledPicture]:
    """Return the pictures in the subfolders 0 to 9 of a folder, or those in a CSV of file, digit and perhaps addend.

    Raises:
        InputError: there is no such file or folder, it has no pictures, or the CSV has other columns or values.
    """
    path = Path(place)
    if path.is_dir():
        return list_class_folders(path)
    if not path.is_file():
        raise InputError(f"there is no folder or file {path}; give a folder with subfolders 0 to 9, or a CSV of file and digit")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [(number, row) for number, row in enumerate(csv.reader(file), 1) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error}); expected lines of {', '.join(COLUMNS)}") from error
    if rows and len(rows[0][1]) > 1 and not rows[0][1][1].strip().isdecimal():
        del rows[0]  # the header
    if not rows:
        raise InputError(f"{path} lists no picture; expected lines of {', '.join(COLUMNS)}")
    return [_parse_row(path, number, row) for number, row in rows]


def _parse_row(path: Path, number: int, row: list[str]) -> LabelledPicture:
    if len(row) not in (2, 3):
        raise InputError(
            f"line {number} of {path} has {len(row)} columns; expected {', '.join(COLUMNS)}, the addend if you like"
        )
    name, *texts = (cell.strip() for cell in row)
    values: list[int | None] = []
    for column, text in zip(COLUMNS[1:], texts, strict=False):
        if column == "addend" and not text:
            continue
        if not (text.isdecimal() and len(text) < 20 and int(text) < ADDENDS):
            raise InputError(f"the {column} in line {number} of {path} is {text!r}; expected a whole number from 0 to 9")
        values.append(int(text))
    digit, addend = (*values, None)[:2]
    return LabelledPicture(path.parent / name, int(digit or 0), addend)
