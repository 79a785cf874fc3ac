"""Limits for requests to the server, and the error for a refused request."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits for one request, and for all requests together."""

    body: int = 8 * 2**20
    """Largest body of a request, in bytes. A phone's photo has 3 to 6 million; the page sends smaller pictures."""
    bodies: int = 64 * 2**20
    """Most bytes of bodies in memory, of all requests together. The first ``small`` bytes of each body do not count."""
    small: int = 64 * 2**10
    """Bytes of a body that always have room, so that large uploads never crowd out drawings."""
    head: int = 64 * 2**10
    """Largest head of a request, in bytes: request line, headers and trailers. Each header counts 32 bytes more, as in HTTP/2
    (RFC 9113, 6.5.2). A browser sends one or two thousand."""
    pixels: int = 25_000_000
    """Most pixels in the pictures of a request, read from the headers before decoding. A phone's photo has 12 million."""
    decoding: float = 3.0
    """Seconds of processor time in which one picture must be decoded and prepared. 25 million pixels take about one second."""
    processes: int = 3
    """Processes that decode and prepare pictures, at least 1. With more, one of them only takes drawings and small pictures."""
    receiving: float = 10.0
    """Seconds in which the head of a request must arrive, and again for its body."""
    sending: float = 10.0
    """Seconds in which a client must read what the server has written to it."""
    answering: float = 20.0
    """Seconds after which a request without an answer gets an error."""
    each: float = 0.25
    """Seconds added to ``answering`` for each picture. Preparing a picture takes about 0.02, and a batch has up to 256."""
    stopping: int = 25
    """Seconds in which running requests must finish after SIGTERM. The server ends within 30 seconds."""
    batch: int = 256
    """Most pictures in one request."""
    waiting: int = 512
    """Most pictures that wait or are being answered. Further requests get status 503 and must be sent again."""
    connections: int = 512
    """Most open connections. For a further one, the server closes the one that has waited longest for its client."""
    address: int = 100
    """Most open connections of one address, likewise. An IPv6 address counts with all others of its /64 network."""
    together: int = 64
    """Most quick questions that go through the network together, if so many wait."""


class RequestError(Exception):
    """The error for a refused request. Its sentence tells the client what is wrong, what was expected and what to do."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        """Store the HTTP status, the sentence, and headers such as ``Retry-After``."""
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers or {}

    def encode(self) -> bytes:
        """Return the body of the response, as JSON."""
        return json.dumps({"error": self.sentence}, ensure_ascii=False).encode()


def make_busy() -> RequestError:
    """Return the error for a request when the server is overloaded."""
    return RequestError(503, "the server is overloaded; send the request again in a second", {"Retry-After": "1"})
