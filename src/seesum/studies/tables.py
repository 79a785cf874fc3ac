"""CSV files of results: append rows, replace rows, and choose their folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seesum.base.errors import InputError
from seesum.base.files import PathLike, check_file, make_folder, read_csv, write_csv
from seesum.base.locks import hold_folder
from seesum.base.markup import format_table
from seesum.runs.names import RUNS

PATIENCE = 60.0
"""Seconds to wait for another process that writes into the same folder. A row takes it milliseconds."""


@dataclass(frozen=True, repr=False)
class ResultTable:
    """The rows that ``reproduce`` or ``compare`` wrote."""

    folder: Path
    """Folder of the CSV file and the pictures."""
    rows: list[dict[str, Any]]
    """The new rows of the CSV file."""
    columns: tuple[str, ...]
    """The columns that are shown to people."""

    def __repr__(self) -> str:
        """Return one short line."""
        return f"ResultTable({self.folder}, {len(self.rows)} row{'s' * (len(self.rows) != 1)})"

    def _repr_html_(self) -> str:
        """Return the columns for people as a table, for a notebook."""
        rows = [[row[name] for name in self.columns] for row in self.rows]
        return format_table([name.replace("_", " ") for name in self.columns], rows, repr(self))


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Append a row to a CSV file, which is created if it does not exist.

    A row that differs from an existing one only in its date is not written again.

    Raises:
        InputError: the file has other columns.
    """
    with _hold(path):
        rows = read_csv(path)
        if rows and list(rows[0]) != list(row):
            raise InputError(f"{path} has other columns than this row; give a new file")
        texts = {name: str(value) for name, value in row.items()}
        if not any({**known, "date": ""} == {**texts, "date": ""} for known in rows):
            write_csv(path, [*rows, row])


def merge_rows(
    path: Path, key: str, replaced: Sequence[str], rows: Sequence[Mapping[str, Any]], order: Sequence[str]
) -> list[dict[str, str]]:
    """Replace rows of a CSV file, and return all its rows.

    Args:
        path: the CSV file, which is created if it does not exist.
        key: name of the column that decides which rows are replaced, and that sorts the file.
        replaced: rows with one of these values in the column ``key`` are removed.
        rows: the new rows.
        order: values of the column ``key`` in the order of the file; rows with other values come last.

    Raises:
        InputError: the file has other columns.
    """
    positions = {name: position for position, name in enumerate(order)}
    with _hold(path):
        kept = [row for row in read_csv(path) if row.get(key) not in replaced]
        if rows and kept and list(kept[0]) != list(rows[0]):
            raise InputError(f"{path} has other columns than these rows; move it to another folder")
        write_csv(path, sorted([*kept, *rows], key=lambda row: positions.get(row[key], len(positions))))
        return read_csv(path)


def _hold(path: Path) -> AbstractContextManager[None]:
    """Hold the lock on a CSV file's folder, so that no other process changes the file between reading and writing.

    Raises:
        InputError: the file cannot be written, or another process holds the lock for long.
    """
    refusal = f"{path} is being written by another process; try again when that has ended"
    return hold_folder(check_file(path).parent, refusal, PATIENCE)


def choose_folder(out: PathLike | None, data: object, changes: Mapping[str, Any]) -> Path:
    """Return the folder for results: ``out`` if given, ``runs/trial`` for other data or changed recipes, else ``results``.

    A trial must not replace the results of the unchanged recipes.
    """
    trial = data is not None or any(value is not None for value in changes.values())
    return make_folder(out if out is not None else Path(RUNS) / "trial" if trial else "results")
