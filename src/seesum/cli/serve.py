"""The command serve."""

from __future__ import annotations

from typing import Annotated

import typer

from seesum.cli.options import Json, SourceOption
from seesum.cli.output import print_json


def serve(
    run: SourceOption = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. 0.0.0.0: open to other machines, under any name, unless --allow-host names some. "
            "Give a --token then."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any free port.")] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Also answer under this host name, as behind a proxy. Repeat it for several."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Let pages of this origin use the API (CORS). Repeat it for several."),
    ] = None,
    root_path: Annotated[str, typer.Option(metavar="PATH", help="Path under which a proxy offers the server.")] = "",
    token: Annotated[
        str,
        typer.Option(
            envvar="SEESUM_TOKEN",
            show_envvar=True,
            help="Answer only who sends this text of 16 or more letters and digits, as Authorization: Bearer. The page gets it "
            "from the address that is printed.",
        ),
    ] = "",
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="All connections come from a proxy: do not limit those of one address.")
    ] = False,
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

    seesum.serve(
        run,
        host=host,
        port=port,
        allow_host=allow_host or (),
        allow_origin=allow_origin or (),
        root_path=root_path,
        token=token,
        behind_proxy=behind_proxy,
        ready=announce,
    )
