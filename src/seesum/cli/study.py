"""The command study."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seesum.base.settings import FLAGS
from seesum.cli.options import Device, Json, Seeds, Set, System, Test, add_data_options, add_recipe_options, gather_changes
from seesum.cli.output import make_table, print_json, print_table


@add_recipe_options(*(name for name in FLAGS if name != "seed"))
@add_data_options()
def study(
    *,
    system: System = None,
    seeds: Seeds = 5,
    csv: Annotated[
        str | None, typer.Option(metavar="FILE", help="CSV file to which a row with the result is appended.")
    ] = None,
    fields: dict[str, Any],
    change: Set = None,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Directory of the study. Default: a directory under runs.")
    ] = None,
    reading: dict[str, Any],
    device: Device = "auto",
    test: Test = False,
    as_json: Json = False,
) -> None:
    """Train one recipe with several seeds. The mean, the standard deviation and the interval of each metric are printed.

    Finished runs are kept. So the same command continues a stopped study.

    Examples:
        seesum study fast --seeds 5 --csv results/systems.csv
        seesum study fast --split validate --set label_smoothing=0.2 --seeds 3
    """
    from dataclasses import asdict

    import seesum
    from seesum.networks.plugins import resolve_system
    from seesum.networks.systems import DEFAULT_SYSTEM

    changes = gather_changes(resolve_system(system, DEFAULT_SYSTEM).recipe, fields, change)
    finished = seesum.study(
        system,
        seeds=seeds,
        csv=csv,
        device=device,
        out=out,
        test=test,
        **reading,
        **changes,
    )
    spreads = finished.spreads
    if as_json:
        row = {"directory": str(finished.directory), "n": len(finished.runs)}
        print_json({**row, **{name: asdict(spread) for name, spread in spreads.items()}})
        return
    table = make_table(f"{len(finished.runs)} seeds", "mean", "std", "95 % interval of the mean")
    for name, spread in spreads.items():
        style = "{:.3%}" if name.endswith("accuracy") else "{:.4f}"
        mean, std, low, high = (style.format(value) for value in (spread.mean, spread.std, spread.low, spread.high))
        table.add_row(name.replace("_", " "), mean, std, f"{low} to {high}")
    print_table(table)
    typer.echo(f"The runs are in {finished.directory}" + (f"; the row is in {csv}" if csv else ""))
