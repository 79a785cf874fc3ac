"""Print the results of commands: tables for people, one JSON object for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table


def print_json(values: dict[str, Any]) -> None:
    """Print one JSON object, and nothing else, to standard output."""
    typer.echo(json.dumps(values, indent=2, allow_nan=False))


def print_path(what: str, path: Path, as_json: bool) -> None:
    """Print where a new file is."""
    print_json({what: str(path)}) if as_json else typer.echo(f"The {what} is in {path}")


def print_metrics(metrics: dict[str, Any]) -> None:
    """Print accuracies with intervals, losses and calibration errors of a run."""
    from seesum.measuring.metrics import wilson_interval

    table = make_table(f"{metrics['system']}, {metrics['evaluated_on']} images", "accuracy", "95 % interval", "loss", "ECE")
    for output in ("digit", "sum", "both"):
        share = metrics[f"{output}_accuracy"]
        low, high = wilson_interval(share, metrics["images"])
        rest = (f"{metrics[f'{output}_loss']:.4f}", f"{metrics[f'{output}_ece']:.2%}") if output != "both" else ("", "")
        table.add_row(output, f"{share:.2%}", f"{low:.2%} to {high:.2%}", *rest)
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
    """Print a table with the width of the terminal, or at least 100 characters wide if there is none."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    console.width = max(console.width, 100) if not console.is_terminal else console.width
    console.print(table)
