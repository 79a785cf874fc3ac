"""Middleware for every request: it checks host, page and token, answers HEAD and preflights, adds headers, and counts."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from seesum.server.access import SAFE, Access
from seesum.server.counters import Counters
from seesum.server.limits import RequestError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
"""The Content-Security-Policy of every response that does not set its own."""
NETWORK = b"seesum-network"
"""The header of every response with the id of the network with which the server was started."""
PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, HEAD, POST"),
    (b"access-control-allow-headers", b"content-type"),
    (b"access-control-max-age", b"600"),
]
"""Headers that tell a browser which requests a page of an allowed origin may send."""
GONE = 499
"""The status under which a request is counted if its client went away."""
READABLE = (b"access-control-expose-headers", NETWORK + b", retry-after")


class Guard:
    """ASGI middleware. All checks are in one layer, since each layer costs every request some microseconds."""

    def __init__(self, app: ASGIApp, counters: Counters, access: Access, network: str) -> None:
        """Wrap the application.

        Args:
            app: the application behind this layer.
            counters: count the requests.
            access: which hosts, origins and tokens are allowed, and the path in front of the server's own paths.
            network: the id of the network, for a header of every response.
        """
        self.app, self.counters, self.access = app, counters, access
        self.headers = [*HEADERS, (NETWORK, network.encode()), *([(b"vary", b"origin")] if access.origins else [])]
        self.preflight = [
            (name, value + b", authorization" if access.token and name == b"access-control-allow-headers" else value)
            for name, value in PREFLIGHT
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or pass on a start or stop event of the application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status: int | None = None
        scope, head = self._simplify(scope), scope["method"] == "HEAD"
        origin = self._find_origin(scope) if self.access.origins else None

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = [*message.get("headers", ()), *self.headers]
                if origin is not None:
                    headers += [(b"access-control-allow-origin", origin), READABLE]
                if not any(name == b"content-security-policy" for name, _ in headers):
                    headers.append(CLOSED)
            elif head:
                message = {**message, "body": b""}
            await send(message)

        counters = self.counters
        counters.running += 1
        try:
            refusal = self._refuse(scope)
            if refusal is not None:
                await _send_refusal(refusal, send_guarded)
            elif origin is not None and _is_preflight(scope):
                await send_guarded({"type": "http.response.start", "status": 204, "headers": self.preflight})
                await send_guarded({"type": "http.response.body", "body": b""})
            else:
                await self.app(scope, receive, send_guarded)
        except asyncio.CancelledError:
            status = status or GONE
            raise
        except Exception:
            logging.getLogger(__name__).exception("a request failed")
            if status is None:
                await _send_refusal(RequestError(500, "the server failed to answer; see its log for the reason"), send_guarded)
        finally:
            counters.running -= 1
            counters.record(scope["path"], status or 500, time.perf_counter() - started)

    def _simplify(self, scope: Scope) -> Scope:
        """Return the request as the application gets it: HEAD as GET, and the path without the root path.

        The response to HEAD has the headers of GET and no body (RFC 9110, 9.3.2).
        """
        path = self.access.find_path(scope["path"])
        if scope["method"] == "HEAD":
            return {**scope, "method": "GET", "path": path}
        return scope if path == scope["path"] else {**scope, "path": path}

    def _find_origin(self, scope: Scope) -> bytes | None:
        """Return the origin of the page that sent the request, if this origin is allowed."""
        origin = _find_header(scope, b"origin")
        return origin if origin in self.access.origins else None

    def _refuse(self, scope: Scope) -> RequestError | None:
        access, method, path = self.access, scope["method"], scope["path"]
        if not access.any_host and not access.allows_host(_find_header(scope, b"host")):
            return RequestError(
                421, "the Host header does not name this machine; use localhost, or start the server with --allow-host NAME"
            )
        headers = dict(scope["headers"]) if method not in SAFE or access.token else {}
        if not access.allows_sender(method, headers):
            return RequestError(
                403, "the request comes from a page of another origin; start the server with --allow-origin ORIGIN to allow it"
            )
        redirect = self._redirect(path)
        if redirect is None and not _is_preflight(scope) and not access.allows_token(path, headers):
            sentence = "the request does not have the server's token; send it in the header Authorization: Bearer TOKEN"
            return RequestError(401, sentence, {"WWW-Authenticate": "Bearer"})
        return redirect

    def _redirect(self, path: str) -> RequestError | None:
        """Return a redirect for the root path without a slash at its end, and for another path with one."""
        if not path:
            right = f"{self.access.root_path}/"
        elif path.endswith("/") and path != "/" and path[:-1] in self.counters.paths:
            right = f"{self.access.root_path}{path[:-1]}"
        else:
            return None
        return RequestError(308, f"the address ends in {right}", {"Location": right})


def _find_header(scope: Scope, name: bytes) -> bytes:
    """Return the value of a request's header; empty if the request does not have it."""
    value: bytes = next((value for key, value in scope["headers"] if key == name), b"")
    return value


def _is_preflight(scope: Scope) -> bool:
    """Return whether a browser asks for permission with this request, before it sends one for a page of another origin."""
    return scope["method"] == "OPTIONS" and _find_header(scope, b"access-control-request-method") != b""


async def _send_refusal(refusal: RequestError, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
    body = refusal.encode()
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
