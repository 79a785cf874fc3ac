"""The command serve."""

from __future__ import annotations

from typing import Annotated

import typer

from seesum.cli.options import Json, SourceOption
from seesum.cli.output import print_json


def serve(
    run: SourceOption = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on. 0.0.0.0: open to other machines, under any host name.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any free port.")] = 8000,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = False,
    as_json: Json = False,
) -> None:
    """Serve a page to draw on and an HTTP API, until Ctrl-C."""
    import seesum

    def announce(address: str) -> None:
        if as_json:
            print_json({"address": address})
        else:
            typer.echo(f"Open {address} to draw a digit (stop with Ctrl-C)")
        if open_page:
            typer.launch(address)

    seesum.serve(run, host=host, port=port, ready=announce)
