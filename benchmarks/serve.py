"""Measure how fast `seesum serve` answers, compared with a bare FastAPI handler for the same network.

    python benchmarks/serve.py rates       # requests per second and latency at concurrency 1, 8, 64; the servers take turns
    python benchmarks/serve.py batching    # the same server with and without batches of waiting requests
    python benchmarks/serve.py memory      # resident memory over 100,000 requests
    python benchmarks/serve.py pictures --before CHECKOUT    # drawings of 300x300 pixels, in turn with the server of a checkout

The rows are written to results/serve-rates.csv, serve-batching.csv, serve-memory.csv and serve-pictures.csv. Requests go over
real sockets. The client runs on the same machine, so it takes some of the processor time. `cpu_ms` is the processor time of the
server and its processes per request. Other work on the machine disturbs it less.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import seesum
from flat import colour_canvas
from inks import find_validation, keeps_shape, redraw_digit
from paper import place_ink
from seesum.base.files import write_csv
from seesum.cli.output import print_rows
from seesum.runs.names import DEFAULT_RUN
from seesum.runs.provenance import origin_columns

OURS = """
from seesum.verbs.serve import serve
from seesum.server.limits import Limits
serve({run!r}, port=0, limits=Limits({limits}), ready=lambda address: print(address, flush=True))
"""
ELSEWHERE = """
import sys
sys.path.insert(0, {folder!r})
"""
"""Before ``OURS``, it takes seesum from another folder. The server's processes do so too."""
BARE = """
import io, os, socket
import numpy as np
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime
import uvicorn
from fastapi import FastAPI, Form, UploadFile
from PIL import Image

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession({model!r}, options, providers=["CPUExecutionProvider"])
app = FastAPI()

@app.post("/predict")
async def predict(image: UploadFile, add: int = Form()):
    pixels = np.asarray(Image.open(io.BytesIO(await image.read())).convert("L"))
    digit, total = session.run(None, {{"image": pixels[None, None], "addend": np.array([add])}})
    return {{
        "digit": int(digit.argmax()), "sum": int(total.argmax()),
        "digit_probabilities": digit[0].tolist(), "sum_probabilities": total[0].tolist(),
    }}

listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
print("http://127.0.0.1:%d/" % listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])
"""


class Measured(NamedTuple):
    """The figures of one measurement."""

    rate: float
    """Requests per second."""
    p50: float
    """Median latency, in milliseconds."""
    p99: float
    """99th percentile of the latency, in milliseconds."""
    cpu: float
    """The server's processor time per request, in milliseconds."""


@contextmanager
def start_server(code: str) -> Iterator[tuple[int, int]]:
    """Start a server that prints its address. Yield its process id and port, and stop it at the end."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    address = process.stdout.readline()
    try:
        yield process.pid, int(address.rstrip("/\n").rpartition(":")[2])
    finally:
        process.terminate()
        process.wait()


def write_requests(count: int) -> list[bytes]:
    """Return requests with 28x28 PNGs of test images."""
    return write_forms(list(seesum.load_mnist().test.images[:count]))


def write_drawings(count: int, side: int = 300) -> list[bytes]:
    """Return requests with PNGs of drawings: thin and thick pens, all colours, made from validation images."""
    rng, drawings = np.random.default_rng(0), list[NDArray[np.uint8]]()
    for image in filter(keeps_shape, find_validation().images):
        ink = redraw_digit(image, rng)(int(side * rng.uniform(0.3, 0.92)), rng.uniform(0.03, 0.14))
        drawings.append(colour_canvas(place_ink(ink, side, side, rng), rng).pixels)
        if len(drawings) == count:
            break
    return write_forms(drawings)


def write_forms(pictures: list[NDArray[np.uint8]]) -> list[bytes]:
    """Return complete HTTP requests like those of a browser's form, each with a PNG and an addend."""
    requests = []
    for place, image in enumerate(pictures):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        body = (
            b'--line\r\nContent-Disposition: form-data; name="image"; filename="digit.png"\r\nContent-Type: image/png\r\n\r\n'
            + file.getvalue()
            + b'\r\n--line\r\nContent-Disposition: form-data; name="add"\r\n\r\n%d\r\n--line--\r\n' % (place % 10)
        )
        head = "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=line\r\n"
        requests.append(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return requests


class Client(asyncio.Protocol):
    """One connection that sends a request as soon as the last one is answered. It is minimal, to use little processor time."""

    def __init__(self, requests: list[bytes], seconds: list[float], until: float, most: float) -> None:
        """Send requests until the time ``until``, or until ``seconds``, which all clients share, has ``most`` latencies."""
        self.requests, self.seconds, self.until, self.most = requests, seconds, until, most
        self.done = asyncio.get_running_loop().create_future()
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        """Send the next request, or close the connection at the end."""
        if len(self.seconds) >= self.most or time.perf_counter() >= self.until:
            self.transport.close()
            self.done.set_result(None)
            return
        self.sent = time.perf_counter()
        self.transport.write(self.requests[len(self.seconds) % len(self.requests)])

    def data_received(self, data: bytes) -> None:
        """Collect the bytes of an answer. Record its latency once it is complete."""
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or -1)
        if not end or len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(RuntimeError(self.received.decode()))
            return
        self.received = b""
        self.seconds.append(time.perf_counter() - self.sent)
        self.ask()


async def ask_server(port: int, requests: list[bytes], concurrency: int, span: float, most: float = np.inf) -> list[float]:
    """Return the latencies in seconds. ``concurrency`` clients send requests for ``span`` seconds, or ``most`` in total."""
    seconds: list[float] = []
    until = time.perf_counter() + span
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: Client(requests, seconds, until, most), "127.0.0.1", port))[1]
        for _ in range(concurrency)
    ]
    await asyncio.gather(*(client.done for client in clients))
    return seconds


def measure_server(pid: int, port: int, requests: list[bytes], concurrency: int, span: float) -> Measured:
    """Measure a server, after a short warm-up."""
    asyncio.run(ask_server(port, requests, concurrency, min(span, 0.5)))
    cpu_before, started = read_cpu(pid), time.perf_counter()
    seconds = asyncio.run(ask_server(port, requests, concurrency, span))
    took, cpu = time.perf_counter() - started, read_cpu(pid) - cpu_before
    p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1000
    return Measured(len(seconds) / took, float(p50), float(p99), 1000 * cpu / len(seconds))


def read_cpu(pid: int) -> float:
    """Return the processor time that a process and its children have used, in seconds (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return own + sum(read_cpu(int(child)) for child in children)


def read_memory(pid: int) -> float:
    """Return the resident memory of a process, in MiB (Linux)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def take_turns(
    contestants: dict[str, str], requests: list[bytes], rounds: int, span: float, concurrencies: tuple[int, ...]
) -> list[dict[str, Any]]:
    """Return a row for each contestant and concurrency: medians over the rounds. In each round, every contestant runs once."""
    measured: dict[tuple[str, int], list[Measured]] = {}
    for number in range(rounds):
        for name, code in contestants.items():
            with start_server(code) as (pid, port):
                asyncio.run(ask_server(port, requests, 8, 0.1))  # its processes start with the first pictures
                for concurrency in concurrencies:
                    one = measure_server(pid, port, requests, concurrency, span)
                    measured.setdefault((name, concurrency), []).append(one)
                    print(f"round {number + 1}: {name}, {concurrency} at once, {one.rate:.0f} requests per second", flush=True)
    rows = []
    for (name, concurrency), results in measured.items():
        medians = {field: statistics.median(getattr(one, field) for one in results) for field in Measured._fields}
        rows.append(
            {
                "contestant": name,
                "concurrency": concurrency,
                "n": rounds,
                "requests_per_second": f"{medians['rate']:.0f}",
                "best_round": f"{max(one.rate for one in results):.0f}",
                "p50_ms": f"{medians['p50']:.2f}",
                "p50_ms_min": f"{min(one.p50 for one in results):.2f}",
                "p99_ms": f"{medians['p99']:.2f}",
                "cpu_ms": f"{medians['cpu']:.3f}",
                "cpu_ms_min": f"{min(one.cpu for one in results):.3f}",
            }
        )
    return rows


def measure_memory(total: int) -> list[dict[str, Any]]:
    """Measure the memory of a server of ``fast``: at the start, and ten times during ``total`` requests, 8 at once."""
    requests, rows = write_requests(500), []
    with start_server(OURS.format(run="fast", limits="")) as (pid, port):
        for tenth in range(11):
            if tenth:
                asyncio.run(ask_server(port, requests, 8, np.inf, total // 10))
            rows.append({"requests": tenth * (total // 10), "resident_mib": f"{read_memory(pid):.1f}"})
    return rows


def main() -> None:
    """Parse the command line, measure, print the rows and store them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rates", "batching", "memory", "pictures"], help="the measurement to run")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of the measurement; the rows show medians")
    seconds_help = "seconds of each measurement; with fewer than 2, the rows are not stored"
    parser.add_argument("--seconds", type=float, default=2.0, help=seconds_help)
    requests_help = "requests for memory; with fewer than 100,000, the rows are not stored"
    parser.add_argument("--requests", type=int, default=100_000, help=requests_help)
    parser.add_argument("--before", type=Path, help="another checkout of seesum, for pictures")
    parser.add_argument("--out", default="results", help="folder for the CSV")
    arguments = parser.parse_args()
    if (arguments.before is not None) != (arguments.what == "pictures"):
        parser.error("pictures, and nothing else, are compared with another checkout; give it with --before")
    turns = (arguments.rounds, arguments.seconds)
    complete = arguments.seconds >= 2 and arguments.requests >= 100_000
    if arguments.what == "memory":
        rows = measure_memory(arguments.requests)
    elif arguments.what == "batching":
        names = {"one by one": "together=1", "what waits together": ""}
        contestants = {name: OURS.format(run="fast", limits=limits) for name, limits in names.items()}
        rows = take_turns(contestants, write_requests(500), *turns, (1, 8, 64))
    elif arguments.what == "pictures":
        ours = OURS.format(run=DEFAULT_RUN, limits="")
        elsewhere = ELSEWHERE.format(folder=str(arguments.before.absolute() / "src"))
        rows = take_turns({"before": elsewhere + ours, "now": ours}, write_drawings(100), *turns, (1, 8))
    else:
        contestants = {}
        for run in ("fast", DEFAULT_RUN):
            model = Path(seesum.__file__).parent / "networks" / "weights" / run / "model.onnx"
            contestants |= {f"seesum serve, {run}": OURS.format(run=run, limits="")}
            contestants |= {f"bare handler, {run}": BARE.format(model=str(model))}
        rows = take_turns(contestants, write_requests(500), *turns, (1, 8, 64))
    print_rows(rows, *rows[0])
    if complete:
        origin = origin_columns("cores", "python")
        path = Path(arguments.out) / f"serve-{arguments.what}.csv"
        write_csv(path, [{**origin, **row} for row in rows])
        print(f"The rows are in {path}")


if __name__ == "__main__":
    main()
