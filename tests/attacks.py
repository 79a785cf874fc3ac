"""Attacks on a server, for tests: an attacker's connections, and what others see beside them."""

from __future__ import annotations

import http.client
import io
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from conftest import Server, start_server

START = """
import seesum
from seesum.server.limits import Limits
seesum.serve("fast", port=0, limits=Limits({limits}), ready=lambda address: print(address, flush=True))
"""
FORM = "multipart/form-data; boundary=x"
POST = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
MEBIBYTE = 2**20


class Client:
    """An attacker. Its connections stay open until the end of the attack."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self.port, self.stack = int(server.address.rpartition(":")[2]), stack

    def connect(self, *, blocking: bool = False, source: str = "") -> socket.socket:
        address, own = ("127.0.0.1", self.port), (source, 0) if source else None
        one = self.stack.enter_context(socket.create_connection(address, 5, own))
        one.setblocking(blocking)
        return one

    def flood(self, heads: list[bytes], data: bytes, seconds: float) -> None:
        """Open a connection for each head, send it, and then ``data`` again and again, as much as the server takes."""
        rest = {self.connect(): memoryview(head) for head in heads}
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for one in list(rest):
                try:
                    rest[one] = rest[one][one.send(rest[one]) :] or memoryview(data)
                except BlockingIOError:
                    continue
                except OSError:  # the server has closed the connection
                    del rest[one]
            time.sleep(0.001)


@dataclass
class Figures:
    """What was seen beside an attack."""

    health: list[float] = field(default_factory=list)
    """Seconds of each request to /health."""
    honest: list[int] = field(default_factory=list)
    """Statuses of pictures sent by others; 0 for no answer within 5 seconds."""
    mebibytes: float = 0.0
    """Most memory of the server."""
    stopping: float = 0.0
    """Seconds from SIGTERM to the end."""
    code: int = -1
    """The exit code."""
    log: str = ""
    """What the server wrote to its log."""

    def check(self) -> None:
        assert max(self.health) < 1, f"/health took {max(self.health):.1f} s"
        assert len(self.honest) >= 100
        assert self.honest.count(200) >= 0.99 * len(self.honest), sorted(self.honest)
        assert self.mebibytes < 400
        assert self.stopping < 30
        assert self.code == 0
        assert self.log == ""


def ask(port: int, method: str, path: str, body: bytes = b"", kind: str = FORM) -> tuple[int, bytes]:
    """Status and body of an answer; status 0 if there is none within 5 seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, body or None, {"Content-Type": kind} if body else {})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def make_form(picture: bytes) -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    return head + picture + b'\r\n--x\r\nContent-Disposition: form-data; name="add"\r\n\r\n7\r\n--x--\r\n'


def draw_digit() -> bytes:
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 13:16] = 255
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def measure_memory(process: int) -> float:
    """Most memory that a process and its children have had, in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    children = [  # any of its threads may have started one
        child for path in Path(f"/proc/{process}/task").glob("*/children") for child in path.read_text().split()
    ]
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024 + sum(measure_memory(int(child)) for child in children)


@contextmanager
def watch(limits: str = "") -> Iterator[tuple[Client, Figures]]:
    """Start a server for an attack. Beside the attack ask for its health and send pictures; at the end stop the server."""
    figures, ended = Figures(), threading.Event()
    with start_server(code=START.format(limits=limits)) as server, ExitStack() as stack:
        client, form = Client(server, stack), make_form(draw_digit())

        def ask_health() -> None:
            while not ended.is_set():
                began = time.perf_counter()
                status, _ = ask(client.port, "GET", "/health")
                figures.health.append(time.perf_counter() - began if status == 200 else 5.0)
                time.sleep(0.05)

        def send_pictures() -> None:
            while not ended.is_set() or len(figures.honest) < 100:
                figures.honest.append(ask(client.port, "POST", "/predict", form)[0])
                if ended.is_set() and figures.honest.count(0) > 3:
                    break
                time.sleep(0.01)

        threads = [threading.Thread(target=one, daemon=True) for one in (ask_health, send_pictures)]
        for thread in threads:
            thread.start()
        yield client, figures
        ended.set()
        for thread in threads:
            thread.join()
        figures.mebibytes = measure_memory(server.process.pid)
        began = time.perf_counter()
        figures.code = server.stop()
        figures.stopping = time.perf_counter() - began
        assert server.process.stderr is not None
        figures.log = server.process.stderr.read()


def drip(client: Client, start: bytes, piece: bytes, pause: float) -> tuple[float, bytes]:
    """Send a start, and then a piece again and again. Return after how many seconds the server closed, and what it said."""
    one, said, began = client.connect(), b"", time.monotonic()
    with suppress(OSError):
        one.send(start)
        while time.monotonic() < began + 5:
            time.sleep(pause)
            try:
                received = one.recv(65536)
            except BlockingIOError:
                one.send(piece)
                continue
            if not received:
                break
            said += received
    return time.monotonic() - began, said
