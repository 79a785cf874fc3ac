"""The command check."""

from __future__ import annotations

import typer

from seesum.cli.options import Json
from seesum.cli.output import make_table, print_json, print_table


def check(as_json: Json = False) -> None:
    """Prove an installation in a second. It compares checksums, answers one picture, and lists versions and extras.

    Examples:
        seesum check         # the last line says whether the installation works
        seesum check --json  # the exit code is 1 if something is broken
    """
    from dataclasses import asdict

    import seesum

    found = seesum.check()
    if as_json:
        print_json({"works": found.works, **asdict(found)})
    else:
        table = make_table("part", "state", "")
        for one in found.findings:
            table.add_row(one.what, one.state, one.detail)
        print_table(table)
        typer.echo(str(found))
    if not found.works:
        raise typer.Exit(1)
