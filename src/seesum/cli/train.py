"""The command train."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seesum.base.settings import FLAGS
from seesum.cli.completion import list_runs
from seesum.cli.options import Device, Json, Resume, Set, System, Test, add_data_options, add_recipe_options, gather_changes
from seesum.cli.output import print_json, print_metrics

StartFrom = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="RUN",
        autocompletion=list_runs,
        help="Fine-tune: start from the weights of a run or a shipped network.",
    ),
]


@add_recipe_options(*FLAGS)
@add_data_options()
def train(
    *,
    system: System = None,
    fields: dict[str, Any],
    change: Set = None,
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Run directory. Default: a new one under runs.")] = None,
    resume: Resume = None,
    start_from: StartFrom = None,
    reading: dict[str, Any],
    device: Device = "auto",
    test: Test = False,
    plot: Annotated[bool, typer.Option(help="Write pictures and report.html.")] = True,
    summary: Annotated[bool, typer.Option("--summary", help="Print layers, output shapes and parameter counts first.")] = False,
    log: Annotated[str | None, typer.Option(metavar="tensorboard", help="Write event files for TensorBoard.")] = None,
    as_json: Json = False,
) -> None:
    """Train a system and evaluate it with all ten addends. The result is a run directory with a report.

    Every setting that is not given is the one of the system's recipe.

    Examples:
        seesum train fast                              # 99 % on both outputs
        seesum train fast --epochs 2 --split validate  # choose on validation images
        seesum train fast --operation "abs(d - a)"     # learn another operation
        seesum train --resume latest                   # go on after an interruption
    """
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
        device=device,
        out=out,
        resume=resumed,
        test=test,
        plot=plot,
        summary=summary,
        log=log,
        **reading,
        **changes,
    )
    if as_json:
        print_json({"run": str(run.directory), **run.metrics})
        return
    print_metrics(run.metrics)
    typer.echo(f"\nThe run is in {run.directory}" + (f"; open {run.directory / 'report.html'}" if plot else ""))
