"""The verb serve: serve a network as an HTTP API and as a page to draw on."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from seesum.base.errors import InputError, import_extra
from seesum.reading.onnx_model import OnnxModel
from seesum.reading.reader import Reader
from seesum.runs.run import Run

if TYPE_CHECKING:
    import uvicorn

    from seesum.server.access import Access
    from seesum.server.limits import Limits


class Serving:
    """A server that runs in a thread of its own. ``with serve(...) as serving:`` stops it at the end of the block."""

    def __init__(self, server: uvicorn.Server, listener: socket.socket) -> None:
        """Start the thread, and return when the server answers."""
        self.url = _write_address(listener)
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
            self._server.run(sockets=[self._listener])

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
    limits: Limits | None = None,
    ready: Callable[[str], None] = print,
) -> Serving | None:
    """Serve a page to draw on and an HTTP API, until SIGTERM or Ctrl-C. Running requests are finished first.

    Inside a running event loop, as in a notebook, the server runs in a thread. The function returns a ``Serving`` at once, with
    ``url`` and ``stop()``. Elsewhere it returns None at the end.

    Args:
        run: a run or network as in ``Reader.load``; None for the shipped ``hand``.
        host: address to listen on. If other machines can reach it, requests with any ``Host`` header are accepted, unless
            ``allow_host`` names some.
        port: port to listen on; 0 for any free port.
        allow_host: further names that the ``Host`` header may have, such as ``digits.school.example`` behind a proxy.
        allow_origin: origins of other pages that may use the API (CORS), such as ``https://school.example``.
        root_path: path under which a proxy offers the server, such as ``/seesum``.
        limits: limits on requests; None for the default ones.
        ready: called with the address of the page as soon as it can be opened.

    Raises:
        InputError: the run does not exist, the server cannot listen on the address, or a name, origin or path is not valid.
        JobError: a package of the extra ``web`` is missing.
    """
    for name in ("uvicorn", "httptools", "fastapi"):
        import_extra(name, "web")
    from seesum.server.access import parse_access
    from seesum.server.limits import Limits

    if not 0 <= port < 65536:
        raise InputError(f"the port is {port}; expected a number from 0 to 65535, such as 8000")
    access = parse_access(host, allow_host, allow_origin, root_path)
    listener = _listen(host, port)
    try:
        server = _load_server(run, limits or Limits(), access)
    except BaseException:
        listener.close()
        raise
    if _is_in_event_loop():
        serving = Serving(server, listener)
        ready(serving.url)
        return serving
    with listener, suppress(KeyboardInterrupt), _handle_sigterm():
        ready(_write_address(listener))
        server.run(sockets=[listener])
    return None


def _load_server(run: str | os.PathLike[str] | Run | OnnxModel | None, limits: Limits, access: Access) -> uvicorn.Server:
    """Load the network, and build its server."""
    import uvicorn

    from seesum.server.adder import describe_adder
    from seesum.server.app import build_app
    from seesum.server.connections import bound_heads

    with _use_one_thread():
        reader = Reader.load(run)
        app = build_app(reader, describe_adder(reader), limits, access)
    config = uvicorn.Config(
        app,
        http=bound_heads(limits),
        ws="none",
        log_config=None,  # a program's own logging stays as it is
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=limits.stopping,
    )
    return uvicorn.Server(config)


@contextmanager
def _use_one_thread() -> Iterator[None]:
    """Load a network with one thread, unless the user has set a number. More threads would only compete with the server."""
    own = "OMP_NUM_THREADS" not in os.environ
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        yield
    finally:
        if own:
            del os.environ["OMP_NUM_THREADS"]


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
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/"
