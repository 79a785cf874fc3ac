"""The command train."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seesum.base.settings import FLAGS
from seesum.cli.options import Data, Device, Invert, Json, Set, System, Test, Transpose, add_recipe_options, gather_changes
from seesum.cli.output import print_json, print_metrics


@add_recipe_options(*FLAGS)
def train(
    system: System = None,
    change: Set = None,
    test: Test = False,
    data: Data = None,
    invert: Invert = False,
    transpose: Transpose = False,
    device: Device = "auto",
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Run directory. Default: a new one under runs.")] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Continue this unfinished run; latest for the newest one.")
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Print layers, output shapes and parameter counts first.")] = False,
    plot: Annotated[bool, typer.Option(help="Write pictures and report.html.")] = True,
    as_json: Json = False,
    *,
    fields: dict[str, Any],
) -> None:
    """Train a system and evaluate it with all ten addends. The result is a run directory with a report."""
    import seesum
    from seesum.networks.systems import DEFAULT_SYSTEM, find_system
    from seesum.runs.run import find_unfinished

    resumed = find_unfinished(resume) if resume else None
    recipe = resumed.recipe if resumed else find_system(system or DEFAULT_SYSTEM).recipe
    changes = gather_changes(recipe, fields, change)
    run = seesum.train(
        system,
        data=data,
        invert=invert,
        transpose=transpose,
        device=device,
        out=out,
        resume=resumed,
        test=test,
        plot=plot,
        summary=summary,
        **changes,
    )
    if as_json:
        print_json({"run": str(run.directory), **run.metrics})
        return
    print_metrics(run.metrics)
    typer.echo(f"\nThe run is in {run.directory}" + (f"; open {run.directory / 'report.html'}" if plot else ""))
