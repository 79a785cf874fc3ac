"""Measure how long one client of `seesum serve` waits for its answers beside many others.

    python benchmarks/beside.py                 # a 28x28 PNG that needs no preparation
    python benchmarks/beside.py --prepared      # a 28x28 PNG, black on white, that needs one
    python benchmarks/beside.py --drawn         # the strokes of a drawing, as the page sends them

The client waits 10 ms between an answer and its next request. The others wait for nothing, whatever they are answered. The rows
are written to serve-beside.csv in results/. All clients and the server share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import re
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import seesum
from seesum.base.files import write_csv
from seesum.cli.output import print_rows
from seesum.runs.provenance import origin_columns
from serve import OURS, Client, read_memory, start_server, write_requests

PAUSE = 0.01
"""Seconds that the measured client waits before each request."""
SETTLE = 2.0
"""Seconds in which the others work before the first measured request."""


class Calm(Client):
    """A client that waits between its requests."""

    def ask(self) -> None:
        """Send the next request after a pause."""
        asyncio.get_running_loop().call_later(PAUSE, super().ask)


class Rude(Client):
    """A client that goes on whatever the answer is, and after a closed connection with a new one."""

    def ask(self) -> None:
        """Send the next request."""
        if not self.done.done():
            super().ask()

    def data_received(self, data: bytes) -> None:
        """Take any answer for a good one."""
        super().data_received(re.sub(rb"\AHTTP/1.1 \d+", b"HTTP/1.1 200", data))

    def connection_lost(self, _: Exception | None) -> None:
        """End quietly."""
        if not self.done.done():
            self.done.set_result(None)


def write_request(body: bytes, kind: str, path: str = "/predict") -> bytes:
    """Return a complete HTTP request."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def write_form(pictures: list[bytes], path: str = "/predict") -> bytes:
    """Return a request with pictures in a form."""
    parts = [b'--line\r\nContent-Disposition: form-data; name="image"\r\n\r\n' + picture + b"\r\n" for picture in pictures]
    end = b'--line\r\nContent-Disposition: form-data; name="add"\r\n\r\n7\r\n--line--\r\n'
    return write_request(b"".join(parts) + end, "multipart/form-data; boundary=line", path)


def write_drawing() -> bytes:
    """Return a request with a drawing of a seven in two strokes."""
    line = [[0.2 + 0.01 * k, 0.2, 0.08] for k in range(60)] + [[0.8 - 0.006 * k, 0.2 + 0.012 * k, 0.08] for k in range(60)]
    values = {"strokes": [line, [[0.4, 0.5, 0.08], [0.7, 0.5, 0.08]]], "add": 7}
    return write_request(json.dumps(values).encode(), "application/json", "/strokes")


def encode(array: NDArray[np.uint8], kind: str = "PNG", **options: Any) -> bytes:
    """Return the file of a picture."""
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind, **options)
    return file.getvalue()


def make_marks(side: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return a picture full of marks, which is slow to prepare."""
    rng = np.random.default_rng(seed)
    cells = rng.random((side // 4 + 1, side // 4 + 1)) < 0.4
    marks = np.kron(cells, np.ones((4, 4)))[:side, :side]
    return (235 - 200 * marks + rng.normal(0, 4, (side, side))).clip(0, 255).astype(np.uint8)


def make_photo(width: int, height: int) -> NDArray[np.uint8]:
    """Return a photo of a digit on paper, with noise."""
    rng = np.random.default_rng(0)
    digit = Image.fromarray(255 - seesum.load_mnist().test.images[0]).resize((width // 3, height // 3))
    paper = np.full((height, width), 220.0, np.float32)
    paper[height // 3 : height // 3 * 2, width // 3 : width // 3 * 2] = np.asarray(digit, np.float32)[
        : height // 3, : width // 3
    ]
    paper += rng.normal(0, 6, (height // 8, width // 8)).repeat(8, 0).repeat(8, 1)[:height, :width]
    return np.repeat(paper.clip(0, 255).astype(np.uint8)[:, :, None], 3, 2)


def make_scans(side: int, scans: int) -> bytes:
    """Return a progressive JPEG that repeats its last scan, so that few bytes take long to decode."""
    data = encode(np.full((side, side), 200, np.uint8), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * (scans - data.count(b"\xff\xda") + 1) + data[-2:]


def list_others() -> dict[str, tuple[int, list[bytes]]]:
    """Return the companies of other clients: how many, and their requests."""
    marks = [write_form([encode(make_marks(316, seed))]) for seed in range(4)]
    tiny = [write_form([encode(make_marks(28, seed))]) for seed in range(8)]
    drawings = [write_drawing()]
    photos = [write_form([encode(make_photo(4000, 3000), "JPEG", quality=85)])]
    scans = [write_form([make_scans(5000, 100)])]
    batches = [write_form([encode(make_marks(120, seed)) for seed in range(64)], "/predict/batch")]
    return {
        "nobody": (0, []),
        "64 with 28x28 as MNIST": (64, write_requests(100)),
        "32 with 316x316 full of marks": (32, marks),
        "32 with 28x28 full of marks": (32, tiny),
        "32 with drawings": (32, drawings),
        "8 with photos of 12 megapixels": (8, photos),
        "8 with JPEGs of 25 megapixels in 100 scans": (8, scans),
        "4 with batches of 64": (4, batches),
        "64 with all of these": (64, [*marks, *tiny, *drawings, *photos, *scans, *batches, *write_requests(10)]),
    }


async def measure(port: int, request: list[bytes], others: tuple[int, list[bytes]], count: int) -> tuple[list[float], int]:
    """Return the latencies of one client beside the others, in seconds, and how many answers the others got."""
    loop, theirs, ours = asyncio.get_running_loop(), list[float](), list[float]()
    clients = []
    for number in range(others[0]):
        shifted = others[1][number % len(others[1]) :] + others[1][: number % len(others[1])]
        make = partial(Rude, shifted, theirs, np.inf, np.inf)
        clients.append((await loop.create_connection(make, "127.0.0.1", port))[1])
    await asyncio.sleep(SETTLE if others[0] else 0.2)
    before, started = len(theirs), time.perf_counter()
    _, client = await loop.create_connection(lambda: Calm(request, ours, np.inf, count), "127.0.0.1", port)
    await client.done
    print(f"  took {time.perf_counter() - started:.1f} s", flush=True)
    for other in clients:
        other.transport.abort()
        if not other.done.done():
            other.done.set_result(None)
    return ours, len(theirs) - before


def main() -> None:
    """Parse the command line, measure, print the rows and store them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prepared", action="store_true", help="send a picture that must be prepared")
    parser.add_argument("--drawn", action="store_true", help="send a drawing")
    parser.add_argument(
        "--count", type=int, default=300, help="requests beside each company; with fewer than 300, no rows are stored"
    )
    parser.add_argument("--only", help="only the company whose name holds this")
    parser.add_argument("--out", default="results", help="folder for the CSV")
    arguments = parser.parse_args()
    images = seesum.load_mnist().test.images[:50]
    requests, what = write_requests(50), "28x28 as MNIST"
    if arguments.prepared:
        requests, what = [write_form([encode(255 - image)]) for image in images], "28x28, black on white"
    elif arguments.drawn:
        requests, what = [write_drawing()], "a drawing"
    rows = []
    for name, others in list_others().items():
        if arguments.only and arguments.only not in name:
            continue
        with start_server(OURS.format(run="fast", limits="")) as (pid, port):
            seconds, theirs = asyncio.run(measure(port, requests, others, arguments.count))
            p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1000
            figures = {"p50_ms": f"{p50:.1f}", "p99_ms": f"{p99:.1f}", "most_ms": f"{max(seconds) * 1000:.1f}"}
            memory = f"{read_memory(pid):.0f}"
            rows.append({"client": what, "beside": name, "n": len(seconds), **figures, "others": theirs, "server_mib": memory})
            print(rows[-1], flush=True)
    print_rows(rows, *rows[0])
    if arguments.count >= 300 and not arguments.only:
        path = Path(arguments.out) / "serve-beside.csv"
        write_csv(path, [{**origin_columns("cores", "python"), **row} for row in rows])
        print(f"The rows are in {path}")


if __name__ == "__main__":
    main()
