"""The command serve."""

from __future__ import annotations

from typing import Annotated

import typer

from seesum.cli.options import Json, SourceOption
from seesum.cli.output import print_json

Host = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS",
        help="Address to listen on. 0.0.0.0 opens the server to other machines, under any name unless --allow-host names "
        "some. Give a --token then.",
    ),
]
Token = Annotated[
    str,
    typer.Option(
        envvar="SEESUM_TOKEN",
        show_envvar=True,
        metavar="TEXT",
        help="16 or more letters and digits. Only requests with this text are answered, as Authorization: Bearer. The page "
        "takes it from the address that is printed. Default: all requests are answered.",
    ),
]


def serve(
    run: SourceOption = None,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="Port to listen on, or 0 for any free port.")] = 8000,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = False,
    token: Token = "",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Also answer under this host name, as behind a proxy. May be repeated."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Let pages of this origin use the API (CORS). May be repeated."),
    ] = None,
    root_path: Annotated[
        str, typer.Option(metavar="PATH", help="Path under which a proxy offers the server. Default: none.")
    ] = "",
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="All connections come from a proxy: do not limit the connections of one address."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Serve a page to draw on and an HTTP API, until Ctrl-C.

    Examples:
        seesum serve --open                  # the page opens in the browser
        seesum serve --run fast --port 8001  # another network and port
    """
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
