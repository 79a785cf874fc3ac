"""The command evaluate."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seesum.cli.options import Invert, Json, SourceArgument, Transpose
from seesum.cli.output import make_table, print_json, print_metrics, print_table
from seesum.runs.names import LATEST

ACCURACIES = ("digit_accuracy", "sum_accuracy")


def evaluate(
    run: SourceArgument = LATEST,
    data: Annotated[str | None, typer.Option(metavar="DIR", help="Folder of IDX files whose test images are used.")] = None,
    invert: Invert = False,
    transpose: Transpose = False,
    test: Annotated[bool, typer.Option("--test", help="Use the test images even if the run has validation images.")] = False,
    as_json: Json = False,
) -> None:
    """Compute the metrics of a run over all images x 10 addends. Accuracies per digit and per addend are added."""
    import seesum
    from seesum.measuring.metrics import format_percent

    metrics = seesum.evaluate(run, data=data, invert=invert, transpose=transpose, test=test)
    if as_json:
        print_json(metrics)
        return
    print_metrics(metrics)
    print_breakdown("digit", metrics["per_digit"])
    addends = metrics["per_addend"]
    if all(row == addends[0] | {"addend": row["addend"]} for row in addends):
        shares = (format_percent(addends[0][name]) for name in ACCURACIES)
        typer.echo("Every addend from 0 to 9 has the same accuracy: digit right {}, sum right {}".format(*shares))
    else:
        print_breakdown("addend", addends)


def print_breakdown(name: str, rows: list[dict[str, Any]]) -> None:
    """Print the accuracies of both outputs for each digit or each addend."""
    from seesum.measuring.metrics import format_percent

    table = make_table(name, "images", "digit right", "sum right")
    for row in rows:
        table.add_row(str(row[name]), f"{row['images']:,}", *(format_percent(row[key]) for key in ACCURACIES))
    print_table(table)
