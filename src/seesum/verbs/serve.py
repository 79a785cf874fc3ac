"""The verb serve: serve a network as an HTTP API and as a page to draw on."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from seesum.base.errors import InputError, import_extra
from seesum.reading.onnx_model import OnnxModel
from seesum.runs.run import Run

if TYPE_CHECKING:
    import uvicorn

    from seesum.server.access import Access
    from seesum.server.limits import Limits

BUFFERS = {socket.SO_SNDBUF: 64 * 2**10, socket.SO_RCVBUF: 256 * 2**10}
"""Bytes that the system keeps for each connection and direction. Its own limits are megabytes, also for a client that reads
nothing."""
ACCEPTING = 16
"""How many times uvloop watches the listening socket. It accepts only one connection a turn for each."""


class Serving:
    """A server that runs in a thread of its own. ``with serve(...) as serving:`` stops it at the end of the block."""

    def __init__(self, server: uvicorn.Server, listener: socket.socket, token: str = "") -> None:
        """Start the thread, and return when the server answers."""
        self.url = _write_address(listener, token)
        """The address of the page."""
        self._server, self._listener = server, listener
        self._thread = threading.Thread(target=self._run, name="seesum.serve", daemon=True)
        self._thread.start()
        while not server.started and self._thread.is_alive():
            time.sleep(0.005)

    def stop(self) -> None:
        """Finish the running requests, and stop the server."""
        self._server.should_exit = True
        self._thread.join()

    def _run(self) -> None:
        with self._listener:
            _run(self._server, self._listener)

    def __enter__(self) -> Serving:
        """Return the server itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self.stop()

    def __repr__(self) -> str:
        """Return the address, and whether the server runs."""
        return f"<seesum.serve at {self.url}, {'running' if self._thread.is_alive() else 'stopped'}>"


def serve(
    run: str | os.PathLike[str] | Run | OnnxModel | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    allow_host: Sequence[str] = (),
    allow_origin: Sequence[str] = (),
    root_path: str = "",
    token: str = "",
    behind_proxy: bool = False,
    limits: Limits | None = None,
    ready: Callable[[str], None] = print,
) -> Serving | None:
    """Serve a page to draw on and an HTTP API, until SIGTERM or Ctrl-C. Running requests are finished first.

    Inside a running event loop, as in a notebook, the server runs in a thread. The function returns a ``Serving`` at once, with
    ``url`` and ``stop()``. Elsewhere it returns None at the end.

    Args:
        run: a run or network as in ``Reader.load``; None for the shipped ``hand``.
        host: address to listen on. If other machines can reach it, requests with any ``Host`` header are accepted, unless
            ``allow_host`` names some. Without a token, a warning is logged then.
        port: port to listen on; 0 for any free port.
        allow_host: further names that the ``Host`` header may have, such as ``digits.school.example`` behind a proxy.
        allow_origin: origins of other pages that may use the API (CORS), such as ``https://school.example``.
        root_path: path under which a proxy offers the server, such as ``/seesum``.
        token: a text of 16 or more letters and digits that requests must send as ``Authorization: Bearer TOKEN``. The page gets
            it from its address, after the ``#``. Empty: no token is needed.
        behind_proxy: whether all connections come from a proxy, so that their number is not limited for one address.
        limits: limits on requests; None for the default ones.
        ready: called with the address of the page as soon as it can be opened.

    Raises:
        InputError: the run does not exist, the server cannot listen on the address, or another argument is not valid.
        JobError: a package of the extra ``web`` is missing.
    """
    for name in ("uvicorn", "httptools", "fastapi"):
        import_extra(name, "web")
    from seesum.server.access import parse_access
    from seesum.server.limits import Limits

    if not 0 <= port < 65536:
        raise InputError(f"the port is {port}; expected a number from 0 to 65535, such as 8000")
    access = parse_access(host, allow_host, allow_origin, root_path, token)
    limits = limits or Limits()
    listener = _listen(host, port, bool(token))
    try:
        server = _load_server(run, replace(limits, address=limits.connections) if behind_proxy else limits, access)
    except BaseException:
        listener.close()
        raise
    if _is_in_event_loop():
        serving = Serving(server, listener, token)
        ready(serving.url)
        return serving
    with listener, suppress(KeyboardInterrupt), _handle_sigterm():
        ready(_write_address(listener, token))
        _run(server, listener)
    return None


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    server.run(sockets=[listener, *(listener.dup() for _ in range(ACCEPTING - 1))])


def _load_server(run: str | os.PathLike[str] | Run | OnnxModel | None, limits: Limits, access: Access) -> uvicorn.Server:
    """Load the network, and build its server."""
    import uvicorn

    from seesum.server.app import build_app
    from seesum.server.connections import bind_connections
    from seesum.server.networks import load_network, name_shipped

    app = build_app(*load_network(run), limits, access, name_shipped(run))
    config = uvicorn.Config(
        app,
        http=bind_connections(limits),
        ws="none",
        log_config=None,  # a program's own logging stays as it is
        log_level="error",  # a warning for each request that cannot be parsed would fill a disk
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=limits.stopping,
    )
    return uvicorn.Server(config)


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


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


def _listen(host: str, port: int, has_token: bool) -> socket.socket:
    """Listen on an address. Warn if other machines can reach it and need no token."""
    from seesum.server.access import is_loopback

    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, UnicodeError) as error:  # UnicodeError: the text is not a host name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot listen on {host} port {port} ({reason}); give another --host or --port") from error
    for option, size in BUFFERS.items():
        listener.setsockopt(socket.SOL_SOCKET, option, size)
    if not has_token and not is_loopback(host):
        logging.getLogger(__name__).warning("other machines can use this server; give a token to allow only those who know it")
    return listener


def _write_address(listener: socket.socket, token: str) -> str:
    """Return the address of the page. A browser keeps what is after the # to itself; the page reads the token there."""
    host, port = listener.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/{f'#token={token}' if token else ''}"
