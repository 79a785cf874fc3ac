"""Receive the bodies of requests, with limits for each body and for the memory of all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from seesum.server.limits import Limits, RequestError, make_busy
from seesum.server.uploads import GZIP, refuse_compression

if TYPE_CHECKING:
    from fastapi import Request


class Bodies:
    """The bodies of all requests that are arriving or being answered."""

    def __init__(self, limits: Limits) -> None:
        """Start with no bodies."""
        self.limits = limits
        self.held = 0
        """Bytes of all bodies in memory, without the first ``limits.small`` of each."""
        self.arriving: dict[_Body, None] = {}
        """Bodies that are not complete, the oldest first."""

    async def receive(self, request: Request, largest: int = 0) -> tuple[bytes, str]:
        """Return body and content type of a request. Reading the ASGI messages costs half as much as Starlette's objects.

        Args:
            request: the request. It runs in a task of its own. The body counts as held until this task ends.
            largest: the most bytes that the body may have; 0 for ``limits.body``.

        Raises:
            RequestError: 400, 408, 413 or 415 for a body that is incomplete, late, too large or compressed; 503 if the bodies
                of all requests are too large together.
        """
        largest = min(largest or self.limits.body, self.limits.body)
        headers = dict(request.scope["headers"])
        coding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
        if coding not in ("", "identity"):
            raise refuse_compression(f" (Content-Encoding: {coding[:20]})")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > largest:
            raise _refuse_length(largest)
        try:
            async with asyncio.timeout(self.limits.receiving) as deadline:
                body = await self._read(request, _Body(deadline), largest)
        except TimeoutError as error:
            sentence = f"the body did not arrive within {self.limits.receiving:g} seconds; send the request again"
            raise RequestError(408, sentence, {"Connection": "close"}) from error
        if body.startswith(GZIP):
            raise refuse_compression()
        return body, headers.get(b"content-type", b"").decode("latin-1")

    async def _read(self, request: Request, arriving: _Body, largest: int) -> bytes:
        chunks, size, more = [], 0, True
        self.arriving[arriving] = None
        try:
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise RequestError(400, "the body is incomplete; send the whole body")
                chunks.append(message["body"])
                size, more = size + len(message["body"]), message["more_body"]
                if size > largest:
                    raise _refuse_length(largest)
                if size > self.limits.small:
                    self._hold(arriving, size - self.limits.small)
        finally:
            self.arriving.pop(arriving, None)
        return b"".join(chunks)

    def _hold(self, arriving: _Body, size: int) -> None:
        """Count ``size`` bytes of a body. If all are too many, the oldest body that is still arriving is given up.

        So a client that begins large bodies and does not end them only loses its own.
        """
        if arriving not in self.arriving:
            raise TimeoutError  # it has been given up, and its deadline is about to end it
        if not arriving.held:
            task = asyncio.current_task()
            assert task is not None
            task.add_done_callback(lambda _: self._release(arriving))
        self.held += size - arriving.held
        arriving.held = size
        while self.held > self.limits.bodies:
            oldest = next(iter(self.arriving))
            if oldest is arriving:
                raise make_busy()
            del self.arriving[oldest]
            self._release(oldest)
            oldest.deadline.reschedule(0.0)

    def _release(self, body: _Body) -> None:
        self.held -= body.held
        body.held = 0


class _Body:
    """One body: the deadline for its end, and its bytes that count."""

    def __init__(self, deadline: asyncio.Timeout) -> None:
        self.deadline, self.held = deadline, 0


def _refuse_length(largest: int) -> RequestError:
    return RequestError(413, f"the body has more than {largest:,} bytes; send smaller or fewer pictures")
