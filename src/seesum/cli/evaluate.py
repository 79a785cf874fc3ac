"""The command evaluate."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seesum.cli.options import OWN_DATA, Json, SourceArgument, add_data_options
from seesum.cli.output import make_table, print_json, print_metrics, print_table
from seesum.runs.names import LATEST

ACCURACIES = ("digit_accuracy", "sum_accuracy")
SHOWN = 10
"""So many of the surest mistakes are printed. --json has all of them."""


TestData = Annotated[
    str | None,
    typer.Option(metavar="PATH", help=f"{OWN_DATA} The test images among them are used. Default: the data of the run."),
]


@add_data_options(TestData)
def evaluate(
    *,
    run: SourceArgument = LATEST,
    pictures: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Your pictures: a folder with subfolders 0 to 9, or a CSV of file,digit[,addend]."),
    ] = None,
    plot: Annotated[
        str | None, typer.Option(metavar="FILE", help="With --pictures: PNG, SVG, PDF or JPEG file for the surest mistakes.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Use the test images even if the run has validation images.")] = False,
    reading: dict[str, Any],
    as_json: Json = False,
) -> None:
    """Compute the metrics of a run with all ten addends. With --pictures: its accuracy on pictures of your own.

    Examples:
        seesum evaluate latest                       # the newest run
        seesum evaluate fast --json                  # a shipped network
        seesum evaluate model.onnx                   # an ONNX file
        seesum evaluate hand --pictures my_pictures  # a folder of subfolders 0 to 9
    """
    import seesum
    from seesum.measuring.metrics import format_percent

    metrics = seesum.evaluate(run, pictures=pictures, plot=plot, test=test, **reading)
    if as_json:
        print_json(metrics)
        return
    if pictures is not None:
        print_pictures(metrics)
        if plot is not None:
            typer.echo(f"The picture is in {plot}")
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


def print_pictures(values: dict[str, Any]) -> None:
    """Print the accuracy on pictures, what is accepted, the confusion, the surest mistakes, and what cannot be read."""
    count, accepted = values["pictures"], round(values["accepted"] * values["pictures"])
    table = make_table(f"{count:,} pictures", "accuracy", "95 % interval")
    for name, label in (("digit", "digit"), ("sum", "sum"), ("both", "both"), ("accepted", f"both, of {accepted:,} accepted")):
        share, interval = values[f"{name}_accuracy"], values[f"{name}_interval"]
        if interval is not None:
            table.add_row(label, f"{share:.2%}", f"{interval[0]:.2%} to {interval[1]:.2%}")
    print_table(table)
    typer.echo(
        f"{values['milliseconds_per_picture']:.1f} ms per picture; {values['accepted']:.2%} of the pictures are accepted"
    )
    table = make_table("true digit", *map(str, range(10)))
    for digit, row in enumerate(values["confusion"]):
        table.add_row(str(digit), *(str(number or "") for number in row))
    print_table(table)
    if values["mistakes"]:
        table = make_table("mistake", "it is", "digit", "add", "sum", "confidence", "")
        for one in values["mistakes"][:SHOWN]:
            cells = (one["true_digit"], one["digit"], one["addend"], one["sum"], f"{one['confidence']:.1%}")
            table.add_row(one["picture"], *map(str, cells), "unsure" * one["unsure"])
        print_table(table)
    for one in values["failures"]:
        typer.echo(f"not read, counted as wrong: {one['error']}")
