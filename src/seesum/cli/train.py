"""The command train."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seesum.base.settings import FLAGS
from seesum.cli.options import (
    AsIs,
    Data,
    Device,
    Invert,
    Json,
    Set,
    System,
    Test,
    Transpose,
    add_recipe_options,
    gather_changes,
)
from seesum.cli.output import print_json, print_metrics


@add_recipe_options(*FLAGS)
def train(
    system: System = None,
    change: Set = None,
    test: Test = False,
    data: Data = None,
    invert: Invert = False,
    transpose: Transpose = False,
    as_is: AsIs = False,
    device: Device = "auto",
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Run directory. Default: a new one under runs.")] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Continue this unfinished run; latest for the newest one.")
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Print layers, output shapes and parameter counts first.")] = False,
    plot: Annotated[bool, typer.Option(help="Write pictures and report.html.")] = True,
    start_from: Annotated[
        str | None,
        typer.Option("--from", metavar="RUN", help="Fine-tune: start from the weights of a run or a shipped network."),
    ] = None,
    log: Annotated[str | None, typer.Option(metavar="tensorboard", help="Write event files for TensorBoard.")] = None,
    as_json: Json = False,
    *,
    fields: dict[str, Any],
) -> None:
    """Train a system and evaluate it with all ten addends. The result is a run directory with a report."""
    import seesum
    from seesum.networks.plugins import resolve_system
    from seesum.networks.systems import DEFAULT_SYSTEM
    from seesum.runs.run import find_unfinished
    from seesum.runs.starts import find_start

    resumed = find_unfinished(resume) if resume else None
    start = find_start(start_from) if start_from else None
    known = resumed or (start.run if start else None)
    recipe = known.recipe if known else resolve_system(system, DEFAULT_SYSTEM).recipe
    changes = gather_changes(recipe, fields, change)
    run = seesum.train(
        system,
        start_from=start.run if start else None,
        data=data,
        invert=invert,
        transpose=transpose,
        as_is=as_is,
        device=device,
        out=out,
        resume=resumed,
        test=test,
        plot=plot,
        summary=summary,
        log=log,
        **changes,
    )
    if as_json:
        print_json({"run": str(run.directory), **run.metrics})
        return
    print_metrics(run.metrics)
    typer.echo(f"\nThe run is in {run.directory}" + (f"; open {run.directory / 'report.html'}" if plot else ""))
