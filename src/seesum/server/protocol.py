"""The protocol HTTP/1.1 of uvicorn and httptools, without upgrades to others, for requests that name one host."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from seesum.server.limits import RequestError

AUTHORITY = re.compile(rb"\A[a-z]+://([^/?]*)", re.IGNORECASE)
"""The host and port of a whole address, as a request to a proxy has it in its first line."""


class PlainProtocol(HttpToolsProtocol):
    """A protocol that answers a request to upgrade the connection, such as to HTTP/2, in HTTP/1.1 (RFC 9110, 7.8).

    The parser skips the body of such a request. So the request is parsed again, without its header ``Upgrade``.
    """

    _parser: _Parser
    _upgrading = False
    """Whether the head that was parsed last asks for an upgrade, so that its request must be parsed again."""
    _refusal: RequestError | None = None
    """Why the bytes of the client are not parsed further."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start a connection."""
        super().connection_made(transport)
        self.parser = self._parser = _make_parser(self)

    def data_received(self, data: bytes | memoryview) -> None:
        """Parse bytes of the client."""
        super().data_received(data)  # type: ignore[arg-type]
        while (rest := self._parser.unparsed) is not None:
            head = self._write_head() if self._upgrading else b""
            self.parser = self._parser = _make_parser(self)
            super().data_received(head + rest)

    def on_headers_complete(self) -> None:
        """Start the request, unless it is parsed again."""
        self._upgrading = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._upgrading:
            self._check_hosts()
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the body of the request, unless it is parsed again."""
        if not self._upgrading:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  (uvicorn's own words)
        """Send an error like every other: a sentence in JSON."""
        default = RequestError(400, "the request cannot be parsed; send HTTP/1.1, without TLS, HTTP/2 or CONNECT")
        refusal = self._refusal or default
        body, reason = refusal.encode(), {400: b"Bad Request", 431: b"Request Header Fields Too Large"}[refusal.status]
        head = b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % (refusal.status, reason, len(body)) + body)
        self.transport.close()

    def _refuse(self, status: int, sentence: str) -> RequestError:
        """Return an error to raise in a callback of the parser. The parser stops, and the client gets the sentence."""
        self._refusal = RequestError(status, sentence)
        return self._refusal

    def _check_hosts(self) -> None:
        """Refuse a request that names no host, several hosts, or another one in its first line (RFC 9112, 3.2)."""
        hosts = [value.lower() for name, value in self.headers if name == b"host"]
        named = [] if self.url.startswith(b"/") else [host.lower() for host in AUTHORITY.findall(self.url)]
        if len(hosts) > 1 or (named and named != hosts) or (not hosts and self.parser.get_http_version() == "1.1"):
            raise self._refuse(400, "the request must name one host; send one Host header, and no other host in the first line")

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
