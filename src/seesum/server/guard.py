"""What every request passes before the application sees it: checks of its host and of the load, headers, counts."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING

from seesum.server.counters import Counters
from seesum.server.limits import Limits, RequestError, make_busy

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = re.compile(rb"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)
"""Hosts that name this machine. Any port is allowed: behind a tunnel it is another one, and the name alone stops rebinding."""
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
"""Headers of every response."""
CLOSED = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""A header of every response that has no policy of its own."""


class Guard:
    """ASGI middleware. It is one layer, since each layer costs every request some microseconds."""

    def __init__(self, app: ASGIApp, counters: Counters, limits: Limits, any_host: bool) -> None:
        """Wrap an application.

        Args:
            app: the application.
            counters: counts its requests.
            limits: how many requests there may be at once.
            any_host: answer whatever ``Host`` a request names. Otherwise only names of this machine are answered. So a page of
                somebody else gets nothing when its name is made to point here (DNS rebinding).
        """
        self.app, self.counters, self.limits, self.any_host = app, counters, limits, any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request, or the start and end of the application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status: int | None = None

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = [*message.get("headers", ()), *HEADERS]
                if not any(name == b"content-security-policy" for name, _ in headers):
                    headers.append(CLOSED)
            await send(message)

        counters = self.counters
        counters.running += 1
        try:
            refusal = self._refuse(scope)
            if refusal is None:
                await self.app(scope, receive, send_guarded)
            else:
                await _send_refusal(refusal, send_guarded)
        except Exception:
            logging.getLogger(__name__).exception("a request failed")
            if status is None:
                await _send_refusal(RequestError(500, "the server failed to answer; its log says why"), send_guarded)
        finally:
            counters.running -= 1
            counters.record(scope["path"], status or 500, time.perf_counter() - started)

    def _refuse(self, scope: Scope) -> RequestError | None:
        if not self.any_host:
            host = next((value for name, value in scope["headers"] if name == b"host"), b"")
            if not LOOPBACK.fullmatch(host):
                return RequestError(
                    421, "this server answers only to localhost; start it with --host to open it to other names"
                )
        if self.counters.running > self.limits.requests and scope["path"] not in ("/health", "/metrics"):
            return make_busy()
        return None


async def _send_refusal(refusal: RequestError, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
    body = refusal.encode()
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
