"""The verb serve: serve a network as an HTTP API and as a page to draw on."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from seesum.base.errors import InputError, import_extra
from seesum.reading.onnx_model import OnnxModel
from seesum.reading.reader import Reader
from seesum.runs.run import Run

if TYPE_CHECKING:
    from seesum.server.limits import Limits


def serve(
    run: str | os.PathLike[str] | Run | OnnxModel | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: Limits | None = None,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve a page to draw on and an HTTP API, until SIGTERM or Ctrl-C. Running requests are finished first.

    Args:
        run: a run or network as in ``Reader.load``; None for the shipped ``hand``.
        host: address to listen on. If other machines can reach it, requests with any ``Host`` header are accepted.
        port: port to listen on; 0 for any free port.
        limits: limits on requests; None for the default ones.
        ready: called with the address of the page as soon as it can be opened.

    Raises:
        InputError: the run does not exist, or the server cannot listen on the address.
        JobError: a package of the extra ``web`` is missing.
    """
    for name in ("uvicorn", "httptools", "fastapi"):
        import_extra(name, "web")
    import uvicorn

    from seesum.server.adder import describe_adder
    from seesum.server.app import build_app
    from seesum.server.connections import bound_heads
    from seesum.server.guard import LOOPBACK
    from seesum.server.limits import Limits

    if not 0 <= port < 65536:
        raise InputError(f"the port is {port}; expected a number from 0 to 65535, such as 8000")
    limits = limits or Limits()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the network is small: more threads would only compete with the server
    listener = _listen(host, port)
    with listener:
        reader = Reader.load(run)
        app = build_app(reader, describe_adder(reader), limits, any_host=not LOOPBACK.fullmatch(_bracket(host).encode()))
        config = uvicorn.Config(
            app,
            http=bound_heads(limits),
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=limits.stopping,
        )
        with suppress(KeyboardInterrupt), _handle_sigterm():
            ready(_write_address(listener))
            uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _handle_sigterm() -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C, so that the exit code is 0 after uvicorn has finished.

    In another thread than the main one nothing is changed, since Python handles signals only in its main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, UnicodeError) as error:  # UnicodeError: the text is not a host name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot listen on {host} port {port} ({reason}); give another --host or --port") from error


def _write_address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{_bracket(name)}:{port}/"


def _bracket(host: str) -> str:
    """Return a host as it is written in an address; an IPv6 address gets brackets."""
    return f"[{host}]" if ":" in host else host
