"""The bounds of the server, and how it refuses a request."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on one request and on all of them together."""

    body: int = 8 * 2**20
    """Bytes of a request's body. A phone's photo has 3 to 6 million; the page reduces pictures before it sends them."""
    head: int = 64 * 2**10
    """Bytes of a request's line and headers. A browser sends one or two thousand."""
    pixels: int = 25_000_000
    """Pixels of a picture, read from its header before anything is decoded. A phone's photo has 12 million."""
    decoding: float = 3.0
    """Seconds that decoding one picture may take. 25 million pixels take about one."""
    receiving: float = 10.0
    """Seconds within which a request's head must arrive, and then its body."""
    answering: float = 20.0
    """Seconds after which a request that still waits for its answer is given up."""
    each: float = 0.25
    """Additional seconds for each picture of the request. Preparing one takes about 0.07, and a batch has up to 256."""
    stopping: int = 30
    """Seconds that running requests have to finish after SIGTERM."""
    batch: int = 256
    """Pictures in one request."""
    waiting: int = 512
    """Pictures that wait or are being answered. Beyond it a request is told to come back later."""
    requests: int = 256
    """Requests at once. Together with ``body`` it bounds the memory."""
    together: int = 64
    """Pictures that go through the network together, if so many wait."""


class RequestError(Exception):
    """A request that is refused. Its sentence says what is wrong, what was expected and what to do."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        """Keep the HTTP status, the sentence, and headers such as ``Retry-After``."""
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers or {}

    def encode(self) -> bytes:
        """Return the body of the response."""
        return json.dumps({"error": self.sentence}, ensure_ascii=False).encode()


def make_busy() -> RequestError:
    """Return the refusal of a request for which there is no capacity now."""
    return RequestError(
        503, "the server has more work than it can do now; send the request again in a second", {"Retry-After": "1"}
    )
