"""CSV files of results: rows appended or replaced, and the folder they belong in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seesum.base.errors import InputError
from seesum.base.files import PathLike, check_file, make_folder, read_csv, write_csv
from seesum.runs.names import RUNS


@dataclass(frozen=True)
class ResultTable:
    """Rows that ``reproduce`` or ``compare`` wrote."""

    folder: Path
    """Where its CSV and pictures are."""
    rows: list[dict[str, Any]]
    """Its rows of the CSV."""


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Append a row to a CSV, or start one; a row that is there already, but for its date, is not written twice.

    Raises:
        InputError: the file has other columns.
    """
    rows = read_csv(path)
    if rows and list(rows[0]) != list(row):
        raise InputError(f"{path} has other columns than this row; give a new file")
    texts = {name: str(value) for name, value in row.items()}
    if not any({**known, "date": ""} == {**texts, "date": ""} for known in rows):
        write_csv(check_file(path), [*rows, row])


def merge_rows(
    path: Path, key: str, replaced: Sequence[str], rows: Sequence[Mapping[str, Any]], order: Sequence[str]
) -> list[dict[str, str]]:
    """Put rows into a CSV in place of those whose ``key`` is among ``replaced``, sorted by it in ``order``; gives all.

    Raises:
        InputError: the file has other columns.
    """
    kept = [row for row in read_csv(path) if row.get(key) not in replaced]
    if rows and kept and list(kept[0]) != list(rows[0]):
        raise InputError(f"{path} has other columns than these rows; move it away")
    places = {name: place for place, name in enumerate(order)}
    write_csv(path, sorted([*kept, *rows], key=lambda row: places.get(row[key], len(places))))
    return read_csv(path)


def choose_folder(out: PathLike | None, data: PathLike | None, changes: Mapping[str, Any]) -> Path:
    """Return the folder for rows: ``results``, or ``runs/trial`` where data or recipe were changed, unless ``out`` is given.

    A trial must not replace results of the recipes as they stand.
    """
    trial = data is not None or any(value is not None for value in changes.values())
    return make_folder(out if out is not None else Path(RUNS) / "trial" if trial else "results")
