"""The commands that make many runs: study, reproduce, compare. ``cli.py`` registers them."""

from __future__ import annotations

from typing import Annotated

import typer

from seesum.console import make_table, print_json, print_rows, print_table
from seesum.options import (
    Addends,
    Adder,
    BatchSize,
    Data,
    Device,
    Epochs,
    Images,
    Json,
    Operation,
    Precision,
    Rate,
    Set,
    Split,
    System,
    Test,
    gather_changes,
)


def study(
    system: System = None,
    seeds: Annotated[int, typer.Option(metavar="N", help="Train with the seeds 0 to N-1.")] = 5,
    csv: Annotated[str | None, typer.Option(metavar="FILE", help="Append a row to this file.")] = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    lr: Rate = None,
    images: Images = None,
    adder: Adder = None,
    operation: Operation = None,
    addends: Addends = None,
    split: Split = None,
    precision: Precision = None,
    change: Set = None,
    test: Test = False,
    data: Data = None,
    device: Device = "auto",
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Directory of the study. Default: one under runs.")] = None,
    as_json: Json = False,
) -> None:
    """Train one recipe with several seeds; give mean, standard deviation and interval. A stopped study goes on."""
    from dataclasses import asdict

    from seesum import campaigns

    changes = gather_changes(locals(), system, change)
    finished = campaigns.study(system, seeds=seeds, csv=csv, data=data, device=device, out=out, test=test, **changes)
    spreads = finished.spreads
    if as_json:
        row = {"directory": str(finished.directory), "n": len(finished.runs)}
        print_json({**row, **{name: asdict(spread) for name, spread in spreads.items()}})
        return
    table = make_table(f"{len(finished.runs)} seeds", "mean", "std", "95 % interval of the mean")
    for name, one in spreads.items():
        style = "{:.3%}" if name.endswith("accuracy") else "{:.4f}"
        mean, std, low, high = (style.format(value) for value in (one.mean, one.std, one.low, one.high))
        table.add_row(name.replace("_", " "), mean, std, f"{low} to {high}")
    print_table(table)
    typer.echo(f"The runs are in {finished.directory}" + (f"; the row is in {csv}" if csv else ""))


def reproduce(
    systems: Annotated[list[str] | None, typer.Argument(metavar="SYSTEM...", help="Default: all published ones.")] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Default: 3, but 1 for the large systems.")] = None,
    epochs: Epochs = None,
    images: Images = None,
    device: Device = "auto",
    data: Data = None,
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Folder for published.csv and .png. Default: results.")] = None,
    as_json: Json = False,
) -> None:
    """Train the published systems as published, and set what they reach beside what their authors report."""
    from seesum import campaigns

    found = campaigns.reproduce(*(systems or []), seeds=seeds, data=data, out=out, device=device, epochs=epochs, images=images)
    if as_json:
        print_json({"folder": str(found.folder), "rows": found.rows})
        return
    print_rows(found.rows, "system", "output", "on", "epoch", "published", "reproduced_mean", "reproduced_std", "n", "gap")
    typer.echo(f"The rows are in {found.folder / 'published.csv'}, the picture is beside them")


def compare(
    adders: Annotated[list[str] | None, typer.Argument(metavar="ADDER...", help="Default: all.")] = None,
    seeds: Annotated[int, typer.Option(metavar="N", help="Train with the seeds 0 to N-1.")] = 5,
    epochs: Epochs = None,
    images: Images = None,
    device: Device = "auto",
    data: Data = None,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder for adders.csv and pictures. Default: results.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train one encoder with every adder, and show what each way of combining the inputs is worth."""
    from seesum import campaigns

    found = campaigns.compare(*(adders or []), seeds=seeds, data=data, out=out, device=device, epochs=epochs, images=images)
    if as_json:
        print_json({"folder": str(found.folder), "rows": found.rows})
        return
    accuracies = ("digit_accuracy", "sum_accuracy", "both_accuracy", "consistency", "held_out_sum_accuracy")
    print_rows(found.rows, "adder", "condition", *(f"{name}_mean" for name in accuracies))
    typer.echo(f"The rows are in {found.folder / 'adders.csv'}, the pictures are beside them")
