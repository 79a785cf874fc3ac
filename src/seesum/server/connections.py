"""A connection with limits for what a client sends, and for how long the server waits for it."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from seesum.server.crowd import Crowd
from seesum.server.limits import Limits, RequestError
from seesum.server.protocol import PlainProtocol

SLICE = 1024
"""Bytes that are parsed at a time, but a body of known length at once. Between two slices, a client can be made to wait."""
PIECES = 64
"""Pieces that the parser may find in the bytes of one connection in one turn of the event loop: headers and parts of bodies."""
PER_HEADER = 32
"""Bytes that each header counts beside its name and value."""


def bind_connections(limits: Limits) -> type[Connection]:
    """Return a class of connections with these limits. All its connections are one crowd."""

    class Bound(Connection):
        crowd = Crowd(limits)

    return Bound


class Connection(PlainProtocol):
    """A connection with limits. A client that breaks one of them loses its connection.

    - The head of a request must be small, trailers included.
    - The head must arrive soon, and then the body, whether a handler reads it or not.
    - Answers must be read soon.
    - A client may send requests ahead of their answers. But only a few are parsed before the earlier ones are answered.

    Between two requests, uvicorn's own timeout of 5 seconds applies. If a client goes away, its request is cancelled.
    """

    crowd: Crowd
    address = ""
    """The client's address, or the /64 network of an IPv6 address."""
    _flow: _Flow
    _in_head = _in_message = False
    _size = 0
    """Bytes of the head so far, trailers included, with ``PER_HEADER`` more for each header."""
    _others = 0
    """Bytes since the start of the request, or since the last byte of its body, counted in whole slices."""
    _rest = b""
    """Bytes that are not parsed yet."""
    _left = 0
    """Bytes of the body that are still to come, if its length was told."""
    _pieces = 0
    """Pieces that were found in this turn of the event loop."""
    _running: RequestResponseCycle | None = None
    _task: asyncio.Task[Any] | None = None
    """The request that is being answered, and its task."""
    _waiting_since: float | None = None
    _stuck_since: float | None = None
    """Since when the server has waited for the client to send, or to read."""

    @property
    def idleness(self) -> int:
        """0 if the server works for the client, 1 if it waits for it, 2 if the client sends ahead or does not read."""
        if self.pipeline or self.flow.write_paused:
            return 2
        return 1 if self._task is None or self._in_message else 0

    def is_late(self, now: float) -> bool:
        """Return whether the client has kept the server waiting for too long. The crowd calls this at short intervals."""
        if not self.transport.get_write_buffer_size():
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = now
        if self._waiting_since is not None and (self._task is not None or self.flow.read_paused):
            self._waiting_since = now  # the server is busy with an earlier request, or a handler reads the body
        limits = self.crowd.limits
        return _has_passed(self._waiting_since, limits.receiving, now) or _has_passed(self._stuck_since, limits.sending, now)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start a connection."""
        super().connection_made(transport)
        self.flow = self._flow = _Flow(transport)
        self.address = _find_network(self.client[0]) if self.client else ""
        self._waiting_since = self.loop.time()
        self.crowd.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection. Nobody waits for the answer any more."""
        self.crowd.remove(self)
        super().connection_lost(exc)
        self._rest = b""
        self.pipeline.clear()
        if self._task is not None and self._running is not None:
            self._running.disconnected = True
            self._task.cancel()

    def data_received(self, data: bytes | memoryview) -> None:
        """Take bytes of the client."""
        self._rest += data
        self._advance()

    def _advance(self) -> None:
        """Parse some of the bytes that wait, but none while a request waits for the one before it.

        Each turn of the event loop parses a few slices, so that no client delays the others by what it sends.
        """
        view, place, self._pieces = memoryview(self._rest), 0, 0
        while place < len(view) and self._pieces < PIECES and not self.pipeline and not self.transport.is_closing():
            size = max(SLICE, self._left)
            self._parse(view[place : place + size])
            place += size
        if self.transport.is_closing():
            self._rest = b""
            return
        self._rest = self._rest[place:]
        self._flow.hold(bool(self._rest))
        if self._rest and not self.pipeline:
            self.loop.call_soon(self._advance)
        if not self._in_message and self.cycle is not None and not self.cycle.response_complete:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = self.loop.time()

    def _parse(self, data: memoryview) -> None:
        self._others += len(data)
        super().data_received(data)
        if self._others > self.crowd.limits.head and not self.transport.is_closing():
            if self._in_head:
                self._refuse_size()
                self.send_400_response("")
            else:
                self.transport.abort()

    def on_message_begin(self) -> None:
        """Start to parse a request."""
        super().on_message_begin()
        self._in_head = self._in_message = True
        self._size = self._others = self._left = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. A trailer only counts."""
        self._count(len(name) + len(value) + PER_HEADER)
        if self._in_head:
            super().on_header(name, value)
            if name.lower() == b"content-length":
                self._left = int(value)

    def _count(self, size: int) -> None:
        self._size += size
        self._pieces += 1
        if self._size > self.crowd.limits.head:
            raise self._refuse_size()

    def _refuse_size(self) -> RequestError:
        most = self.crowd.limits.head
        return self._refuse(431, f"the head of the request has more than {most:,} bytes; send fewer or shorter headers")

    def on_headers_complete(self) -> None:
        """End the head of a request. Its body has its own time."""
        self._in_head, self._waiting_since = False, None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._others = 0
        self._left -= len(body)
        self._pieces += 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        super().on_message_complete()
        self._flow.resume_reading()  # what is paused while a body arrives; else nobody notices that the client goes
        if not self._upgrading:
            self._in_message = False

    def on_response_complete(self) -> None:
        """Start the next request that waits. If it was the last one, parse more."""
        super().on_response_complete()
        if self._rest and not self.pipeline:
            self._advance()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ARG002  (there is one application)
        self._running = cycle
        super()._start_asgi_task(cycle, self._run)

    async def _run(self, scope: Any, receive: Any, send: Any) -> None:
        """Run the application for one request."""
        self._task = asyncio.current_task()
        try:
            await self.app(scope, receive, send)
        except asyncio.CancelledError:
            if not self.transport.is_closing():
                raise
        finally:
            self._task = None


class _Flow(FlowControl):
    """Pauses reading when uvicorn wants that, and while bytes of the client wait to be parsed."""

    _wanted = _held = False

    def pause_reading(self) -> None:
        self._wanted = True
        self._apply()

    def resume_reading(self) -> None:
        self._wanted = False
        self._apply()

    def hold(self, held: bool) -> None:
        if held != self._held:
            self._held = held
            self._apply()

    def _apply(self) -> None:
        if self._transport.is_closing():
            return
        if self._wanted or self._held:
            super().pause_reading()
        else:
            super().resume_reading()


def _has_passed(since: float | None, seconds: float, now: float) -> bool:
    return since is not None and now - since > seconds


def _find_network(address: str) -> str:
    """Return an IPv4 address as it is, and the /64 network of an IPv6 address, since a client can have all addresses there."""
    if ":" not in address:
        return address
    return str(int(ipaddress.IPv6Address(address.partition("%")[0])) >> 64)
