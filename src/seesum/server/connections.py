"""One connection to the server: uvicorn's, with bounds on a request's head, which uvicorn lacks."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from seesum.server.limits import Limits


def bound_heads(limits: Limits) -> type[HttpToolsProtocol]:
    """Return a protocol that closes a connection whose request line and headers come too slowly, or have too many bytes.

    Without it, a client that sends a byte a minute, or nothing, keeps its connection for ever. One that sends headers without
    end fills the memory. Between two requests, uvicorn's own timeout (5 seconds) applies.
    """

    class BoundProtocol(HttpToolsProtocol):
        _timer: asyncio.TimerHandle | None = None
        _head = 0
        """Bytes of the head so far, in whole packets."""
        _in_head = True

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if not self._in_head:
                return
            self._head += len(data)
            if self._head > limits.head:
                self.transport.abort()
            elif self._timer is None:
                self._wait()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._in_head, self._head = True, 0

        def on_headers_complete(self) -> None:
            self._in_head = False
            self._stop()
            super().on_headers_complete()

        def _wait(self) -> None:
            self._timer = self.loop.call_later(limits.receiving, self.transport.abort)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return BoundProtocol
