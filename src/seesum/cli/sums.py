"""The command sums."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seesum.cli.completion import list_own_runs
from seesum.cli.options import Data, Device, Json, Set, add_recipe_options, gather_changes, gather_options
from seesum.cli.output import print_json

TASK = {
    "digits": Annotated[int | None, typer.Option(metavar="N", help="Digits of each number. Default: 1.")],
    "numbers": Annotated[int | None, typer.Option(metavar="K", help="How many numbers are added. Default: 2.")],
    "network": Annotated[str | None, typer.Option(metavar="NETWORK", help="ours or lenet. Default: ours.")],
    "observed": Annotated[
        str | None,
        typer.Option(
            metavar="WHAT", help="What is known: sum, its last or first digit, or which number is larger. Default: sum."
        ),
    ],
    "wrong": Annotated[
        float | None, typer.Option(metavar="SHARE", help="Share of the training sums that are wrong. Default: 0.")
    ],
    "held_out": Annotated[bool, typer.Option("--held-out", help="Keep a fifth of the training sums for choosing.")],
}
"""What is learned, and by which network."""


@gather_options("task", TASK)
@add_recipe_options("epochs", "batch_size", "lr", "seed", "precision")
def sums(
    *,
    task: dict[str, Any],
    fields: dict[str, Any],
    change: Set = None,
    data: Data = None,
    device: Device = "auto",
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Run directory. Default: a new one under runs.")] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", autocompletion=list_own_runs, help="Continue this unfinished run, or latest for the newest one."
        ),
    ] = None,
    plot: Annotated[bool, typer.Option(help="Write pictures and report.html.")] = True,
    as_json: Json = False,
) -> None:
    """Train a network that sees only sums of handwritten numbers.

    Every training image is in one sum. No label of an image is used. The result is a run directory like that of train.

    Examples:
        seesum sums --digits 4                   # numbers of four digits
        seesum sums --digits 15 --network lenet  # the benchmark's usual network
        seesum sums --digits 2 --wrong 0.1       # a tenth of the sums is wrong
    """
    import seesum
    from seesum.base.registry import look_up
    from seesum.runs.run import find_unfinished
    from seesum.training.sums import NETWORKS

    resumed = find_unfinished(resume) if resume else None
    recipe = resumed.recipe if resumed else look_up(NETWORKS, task.get("network", "ours"), "network").recipe
    changes = gather_changes(recipe, fields, change)
    run = seesum.sums(**task, data=data, device=device, out=out, resume=resumed, plot=plot, **changes)
    if as_json:
        print_json({"run": str(run.directory), **run.metrics})
        return
    _print_metrics(run.metrics)
    typer.echo(f"\nThe run is in {run.directory}" + (f"; open {run.directory / 'report.html'}" if plot else ""))


def _print_metrics(metrics: dict[str, Any]) -> None:
    typer.echo(f"digits of images  {metrics['digit_accuracy']:.2%} right")
    typer.echo(f"digits of sums    {metrics['column_accuracy']:.2%} right")
    typer.echo(f"whole sums        {metrics['sum_accuracy']:.2%} of {metrics['sums']:,} right")
    typer.echo(
        f"over {metrics['pairings']} pairings of the test images: {metrics['mean_sum_accuracy']:.2%} of the sums, "
        f"standard deviation {metrics['std_sum_accuracy']:.2%}"
    )
