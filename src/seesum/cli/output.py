"""Print the results of commands: tables for people, one JSON object for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

READABLE = 24
"""A column of long texts is at least as wide as this many characters."""
EDGE, GAP = 1, 3
"""Characters at the left of a table, and beside each of its columns."""


def print_json(values: dict[str, Any]) -> None:
    """Print one JSON object, and nothing else, to standard output."""
    typer.echo(json.dumps(values, indent=2, allow_nan=False))


def print_path(what: str, path: Path, as_json: bool) -> None:
    """Print where a new file is."""
    print_json({what: str(path)}) if as_json else typer.echo(f"The {what} is in {path}")


def print_metrics(metrics: dict[str, Any]) -> None:
    """Print accuracies with intervals, losses and calibration errors of a run."""
    from seesum.measuring.metrics import METRICS, list_metrics

    table = make_table(f"{metrics['system']}, {metrics['evaluated_on']} images", *METRICS[1:])
    for row in list_metrics(metrics):
        table.add_row(*row)
    print_table(table)
    typer.echo(
        f"{metrics['images']:,} images x 10 addends; {metrics['parameters']:,} parameters; trained in "
        f"{metrics['train_seconds']:.1f} s ({metrics['epochs']} epoch{'s' * (metrics['epochs'] > 1)}, seed {metrics['seed']}); "
        f"the sum follows from the predicted digit on {metrics['consistency']:.2%} of the pairs"
    )


def make_table(*columns: str) -> Table:
    """Return an empty table with a column for each name."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def print_rows(rows: Sequence[Mapping[str, Any]], *columns: str) -> None:
    """Print the named columns of rows as a table. None becomes an empty cell."""
    table = make_table(*(column.replace("_", " ") for column in columns))
    for row in rows:
        values = ("" if row[name] is None else row[name] for name in columns)
        table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in values))
    print_table(table)


def print_table(table: Table) -> None:
    """Print a table if the terminal is wide enough, and otherwise a block of lines ``column: value`` for each row.

    Where there is no terminal, each row is one line of the width that it needs.
    """
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    narrow, wide = _measure_columns(table)
    if not console.is_terminal:
        console.width = EDGE + sum(wide)
    spare = console.width - EDGE - sum(narrow)
    if spare < 0:
        _print_blocks(table)
        return
    for column, least, most in zip(table.columns, narrow, wide, strict=True):
        more = min(spare, most - least)
        column.width = least + more - GAP  # a fixed width, since rich cuts off what is wider than it expects
        spare -= more
    console.print(table)


def _measure_columns(table: Table) -> tuple[list[int], list[int]]:
    """Return the least and the full width of each column, with the gap beside it.

    The least width has room for the longest word, and for texts up to ``READABLE`` characters.
    """
    from rich.cells import cell_len

    narrow, wide = [], []
    for column in table.columns:
        cells = [str(cell) for cell in column.cells]
        longest_word = max((cell_len(word) for text in (str(column.header), *cells) for word in text.split()), default=0)
        longest_cell = max(map(cell_len, cells), default=0)
        narrow.append(GAP + max(longest_word, min(READABLE, longest_cell)))
        wide.append(GAP + max(longest_word, longest_cell, cell_len(str(column.header))))
    return narrow, wide


def _print_blocks(table: Table) -> None:
    """Print each row as lines ``column: value``, with an empty line between rows."""
    headers = [str(column.header) for column in table.columns]
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        for header, cell in zip(headers, cells, strict=True):
            if cell:
                typer.echo(f"{header}: {cell}" if header else cell)
        typer.echo()
