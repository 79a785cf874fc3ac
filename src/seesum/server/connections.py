"""A connection of uvicorn that ignores upgrades to other protocols, and has limits for the head of a request."""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from seesum.server.limits import Limits, RequestError


def bound_heads(limits: Limits) -> type[HttpToolsProtocol]:
    """Return a protocol that closes a connection if a request's head arrives too slowly or is too large.

    The head is the request line and the headers. Without these limits, a client that sends a byte a minute, or nothing, keeps
    its connection for ever. A client that sends headers without end fills the memory. Between two requests, uvicorn's own
    timeout of 5 seconds applies.
    """

    class BoundProtocol(PlainProtocol):
        _timer: asyncio.TimerHandle | None = None
        _head_bytes = 0
        """Bytes of the head received so far, counted in whole packets."""
        _in_head = True

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._start_timer()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if not self._in_head:
                return
            self._head_bytes += len(data)
            if self._head_bytes > limits.head:
                self.transport.abort()
            elif self._timer is None:
                self._start_timer()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._in_head, self._head_bytes = True, 0

        def on_headers_complete(self) -> None:
            self._in_head = False
            self._stop_timer()
            super().on_headers_complete()

        def _start_timer(self) -> None:
            self._timer = self.loop.call_later(limits.receiving, self.transport.abort)

        def _stop_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return BoundProtocol


class PlainProtocol(HttpToolsProtocol):
    """A protocol that answers a request to upgrade the connection, such as to HTTP/2, in HTTP/1.1 (RFC 9110, 7.8).

    The parser skips the body of such a request. So the request is parsed again, without its header ``Upgrade``.
    """

    _parser: _Parser
    _upgrading = False
    """Whether the head that was parsed last asks for an upgrade, so that its request must be parsed again."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start a connection."""
        super().connection_made(transport)
        self.parser = self._parser = _make_parser(self)

    def data_received(self, data: bytes) -> None:
        """Parse bytes of the client."""
        super().data_received(data)
        while (rest := self._parser.unparsed) is not None:
            head = self._write_head() if self._upgrading else b""
            self.parser = self._parser = _make_parser(self)
            super().data_received(head + rest)

    def on_headers_complete(self) -> None:
        """Start the request, unless it is parsed again."""
        self._upgrading = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._upgrading:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the body of the request, unless it is parsed again."""
        if not self._upgrading:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  (uvicorn's own words)
        """Send an error like every other: a sentence in JSON."""
        body = RequestError(400, "the request cannot be parsed; send HTTP/1.1, without TLS, HTTP/2 or CONNECT").encode()
        head = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % len(body) + body)
        self.transport.close()

    def _write_head(self) -> bytes:
        """Return the head of the current request without its header ``Upgrade``."""
        line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        headers = [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([line, *headers, b"", b""])


class _Parser(httptools.HttpRequestParser):
    """A parser that stops after the head of a request with an upgrade, and keeps the bytes after this head."""

    unparsed: bytes | None = None

    def feed_data(self, data: Any) -> None:
        try:
            super().feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.unparsed = data[upgrade.args[0] :]


def _make_parser(protocol: HttpToolsProtocol) -> _Parser:
    """Return a parser that is set up as uvicorn's own."""
    parser = _Parser(protocol)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser
