"""The verb serve: one network behind an HTTP API, and a page to draw on."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from seesum.checkpoint import Run
from seesum.reader import Reader
from seesum.recipe import InputError
from seesum.task import Operation

if TYPE_CHECKING:
    from seesum.server.limits import Limits

LOCAL = ("127.0.0.1", "localhost", "::1")
"""Addresses at which only this machine can be asked, and so only ``Host`` headers that name it are answered."""


def serve(
    run: str | os.PathLike[str] | Run | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: Limits | None = None,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve a page to draw on and an HTTP API until SIGTERM or Ctrl-C, which let running requests finish.

    Args:
        run: what ``Reader.load`` takes; None for the shipped ``best``.
        host: address to listen on. One that other machines can reach also accepts any ``Host`` header.
        port: 0 for any free one.
        limits: bounds on requests; None for the usual ones.
        ready: called with the page's address once it can be opened.

    Raises:
        InputError: no such run, an address that cannot be listened on, or packages of the extra ``web`` are missing.
    """
    try:
        import uvicorn

        from seesum.server.app import build_app
        from seesum.server.limits import Limits
    except ModuleNotFoundError as error:
        raise InputError(f"serve needs the package {error.name}; install it with: pip install 'seesum[web]'") from error
    if not 0 <= port < 65536:
        raise InputError(f"the port is {port}; expected a number from 0 to 65535, such as 8000")
    limits = limits or Limits()
    listener = _listen(host, port)
    with listener:
        reader = Reader.load(run)
        app = build_app(reader, describe_adder(reader), limits, any_host=host not in LOCAL)
        config = uvicorn.Config(
            *(app,),
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=limits.stopping,
        )
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            ready(_write_address(listener))
            uvicorn.Server(config).run(sockets=[listener])


def describe_adder(reader: Reader) -> dict[str, Any]:
    """What GET /adder says: the network's system, adder and operation, and its table [10, 10, S] where it has one."""
    from seesum.adders import Exact, TableAdder

    operation, adder = reader.operation, reader.network.adder
    table = None
    if isinstance(adder, TableAdder):
        table = np.round(adder.tabulate().detach().numpy(), 4).tolist()
    elif isinstance(adder, Exact):
        table = np.eye(operation.answers)[operation.tabulate()].tolist()
    return {
        "system": reader.recipe.system,
        "adder": reader.recipe.adder,
        "operation": reader.recipe.operation,
        "symbol": operation.symbol,
        "lowest": operation.lowest,
        "answers": operation.answers,
        "table": table,
        "known": isinstance(adder, Exact),
        "slide": _find_slide(operation),
    }


def _find_slide(operation: Operation) -> int:
    """By how many places one more addend moves every answer; 0 where that depends on the digit."""
    moves = {int(move) for move in np.diff(operation.tabulate(), axis=1).flatten()}
    return moves.pop() if len(moves) == 1 else 0


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise InputError(f"cannot listen on {host} port {port} ({error.strerror}); give another --host or --port") from error


def _write_address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}/"
