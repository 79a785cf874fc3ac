"""The command evaluate."""

from __future__ import annotations

from typing import Annotated

import typer

from seesum.cli.options import Json, SourceArgument
from seesum.cli.output import make_table, print_json, print_metrics, print_table
from seesum.runs.names import LATEST


def evaluate(
    run: SourceArgument = LATEST,
    data: Annotated[str | None, typer.Option(metavar="DIR", help="Folder of IDX files whose test images are used.")] = None,
    test: Annotated[bool, typer.Option("--test", help="Use the test images even if the run has validation images.")] = False,
    as_json: Json = False,
) -> None:
    """Compute the metrics of a run over all images x 10 addends. Accuracies per digit and per addend are added."""
    import seesum
    from seesum.measuring.metrics import format_percent

    metrics = seesum.evaluate(run, data=data, test=test)
    if as_json:
        print_json(metrics)
        return
    print_metrics(metrics)
    table = make_table("digit", "images", "digit right", "sum right", "addend", "digit right", "sum right")
    for digit, addend in zip(metrics["per_digit"], metrics["per_addend"], strict=True):
        by_digit, by_addend = (
            [format_percent(row[name]) for name in ("digit_accuracy", "sum_accuracy")] for row in (digit, addend)
        )
        table.add_row(str(digit["digit"]), f"{digit['images']:,}", *by_digit, str(addend["addend"]), *by_addend)
    print_table(table)
