"""Limits for requests to the server, and the error for a refused request."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits for one request, and for all requests together."""

    body: int = 8 * 2**20
    """Largest body of a request, in bytes. A phone's photo has 3 to 6 million; the page sends smaller pictures."""
    head: int = 64 * 2**10
    """Largest head (request line and headers), in bytes. A browser sends one or two thousand."""
    pixels: int = 25_000_000
    """Most pixels in the pictures of a request, read from the headers before decoding. A phone's photo has 12 million."""
    decoding: float = 3.0
    """Seconds that decoding one picture may take. 25 million pixels take about one second."""
    receiving: float = 10.0
    """Seconds in which the head of a request must arrive, and again for its body."""
    answering: float = 20.0
    """Seconds after which a request without an answer gets an error."""
    each: float = 0.25
    """Seconds added to ``answering`` for each picture. Preparing a picture takes about 0.07, and a batch has up to 256."""
    stopping: int = 30
    """Seconds in which running requests must finish after SIGTERM."""
    batch: int = 256
    """Most pictures in one request."""
    waiting: int = 512
    """Most pictures that wait or are being answered. Further requests get status 503 and must be sent again."""
    requests: int = 256
    """Most requests at once. Together with ``body``, this limits the memory."""
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
