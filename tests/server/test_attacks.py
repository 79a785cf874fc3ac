"""server/*.py under attack by one client: others are answered, memory stays bounded, and the server can be stopped.

docs/explanation/attacks.md lists these attacks, with figures of the code before and after its mending.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from attacks import FORM, MEBIBYTE, POST, START, Client, ask, drip, watch
from conftest import start_server


def endless_trailers(client: Client) -> None:
    """A chunked body whose trailers have no end."""
    trailers = b"".join(b"a%d: %b\r\n" % (k, b"x" * 50) for k in range(1000))
    client.flood([POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"], trailers, 2.4)


def pipelines(client: Client) -> None:
    """260 connections that send 400 requests each for the page, and read nothing."""
    client.flood([b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400] * 260, b"", 3)


def large_bodies(client: Client) -> None:
    """60 connections whose bodies of 8 MB lack the last byte."""
    body = b"x" * (8 * MEBIBYTE - 1)
    head = POST + b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n" % (FORM.encode(), len(body) + 1)
    client.flood([head + body] * 60, b"", 4)


def slow_bodies(client: Client) -> None:
    """300 connections that begin a body and never end it."""
    client.flood([POST + b"Content-Length: 999\r\n\r\n-"] * 300, b"", 3)


def idle_connections(client: Client) -> None:
    """700 connections that send nothing, or a piece of a head."""
    client.flood([b"GET / HT", b""] * 350, b"", 2)


def small_chunks(client: Client) -> None:
    """60 connections whose bodies come in chunks of one byte."""
    client.flood([POST + b"Transfer-Encoding: chunked\r\n\r\n"] * 60, b"1\r\nx\r\n" * 40_000, 3)


def broken_requests(client: Client) -> None:
    """2,000 requests that cannot be parsed, and tries to speak WebSocket."""
    upgrade = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    for k in range(2000):
        with client.connect(blocking=True) as one:
            one.sendall(b"hello\r\n\r\n" if k % 2 else upgrade)
            one.recv(1)


def broken_forms(client: Client) -> None:
    """Bodies that take long to parse, one after the other."""
    for body, kind in (*BODIES.values(), *BODIES.values()):
        ask(client.port, "POST", "/predict/batch", body, kind)


BODIES = {
    "heads of parts": (b"--x\r\n" + b"content-disposition:" * 8_000 + b"\r\n\r\n7\r\n--x--\r\n", FORM),
    "many parts": (b"--x\r\n" * (8 * MEBIBYTE // 5), FORM),
    "almost delimiters": (b"--x\r\n" + b"\r\n--y" * (8 * MEBIBYTE // 5 - 10) + b"\r\n--x--\r\n", FORM),
    "parameters": (b"--x\r\n" + b'Content-Disposition: form-data; a="' + b';a="' * 2**20 + b"\r\n\r\n7\r\n--x--\r\n", FORM),
    "empty lists": (b"[" + b"[]," * (8 * MEBIBYTE // 3 - 2) + b"[]]", "application/json"),
    "empty objects": (b"[" + b'{"":0},' * (8 * MEBIBYTE // 7 - 2) + b"[]]", "application/json"),
    "spaces": (b'{"image": "%b", "add": 7}' % (b"A " * (4 * MEBIBYTE - 100)), "application/json"),
}
ATTACKS: dict[str, tuple[Callable[[Client], None], str]] = {
    "endless trailers": (endless_trailers, ""),
    "pipelines that nobody reads": (pipelines, ""),
    "large bodies without an end": (large_bodies, ""),
    "slow bodies": (slow_bodies, ""),
    "idle connections": (idle_connections, ""),
    "small chunks": (small_chunks, ""),
    "broken requests": (broken_requests, ""),
    "broken forms": (broken_forms, ""),
}


@pytest.fixture(scope="module")
def strict() -> Iterator[Client]:
    """A server with half a second of patience."""
    code = START.format(limits="receiving=0.5, sending=0.5")
    with start_server(code=code) as server, ExitStack() as stack:
        yield Client(server, stack)


GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("start", "piece", "pause", "status"),
    [
        (GET + b"\r\n", b"\r\n", 0.2, 200),
        (GET + b"Content-Length: 999\r\n\r\n", b"x", 0.2, 200),
        (GET + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.2, 200),
        (GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n", 0.2, 200),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n", 0.2, 408),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a=b;", 0.2, 408),
        (POST + b"Content-Length: 999\r\nExpect: 100-continue\r\n\r\n", b"x", 0.2, 100),
        (GET, b"a: b\r\n", 0.2, 0),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n" * 5000, 0.001, 431),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\na: ", b"b" * 5000, 0.001, 0),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a" * 5000, 0.001, 0),
        (b"GET /", b"a" * 5000, 0.001, 431),
        (GET, b"a: b\r\n" * 500, 0.001, 431),
        (GET + b"a: ", b"b" * 5000, 0.001, 431),
        (GET + b"a: " + b"b" * 100_000 + b"\r\n\r\n", b"", 0.1, 431),
        (GET.replace(b"Host", b"Host: localhost\r\nhost") + b"\r\n", b"", 0.1, 400),
        (b"GET /health HTTP/1.1\r\n\r\n", b"", 0.1, 400),
        (GET.replace(b"/health", b"http://other.example/health") + b"\r\n", b"", 0.1, 400),
        (GET.replace(b"/health", b"http://x@localhost/health") + b"\r\n", b"", 0.1, 400),
        (GET.replace(b"/health", b"http://localhost/health") + b"\r\n", b"\r\n", 0.2, 200),
    ],
)
def test_a_client_that_drips_or_floods_is_cut_off(
    strict: Client, start: bytes, piece: bytes, pause: float, status: int
) -> None:
    seconds, said = drip(strict, start, piece, pause)
    assert seconds < 3
    assert said.startswith(b"HTTP/1.1 %d " % status) if status else not said
    assert ask(strict.port, "GET", "/health")[0] == 200


def test_trailers_are_no_headers(strict: Client) -> None:
    trailers = b"Origin: https://other.example\r\n\r\n"
    _, said = drip(strict, POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + trailers, b"", 0.1)
    assert said.startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_parsed_soon(strict: Client, name: str) -> None:
    body, kind = BODIES[name]
    began = time.perf_counter()
    status, said = ask(strict.port, "POST", "/predict/batch", body, kind)
    assert status in (400, 422)
    assert b"error" in said
    assert time.perf_counter() - began < 1


def test_answers_must_be_read_soon(strict: Client) -> None:
    """A client that sends 200 requests for the page and reads nothing for 2 seconds gets only some of the answers."""
    one, said = strict.connect(blocking=True), b""
    one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200)
    time.sleep(2)
    with suppress(ConnectionError):
        while received := one.recv(2**20):
            said += received
    assert 0 < said.count(b"HTTP/1.1 200 OK") < 150


def test_connections_are_bounded() -> None:
    """Beyond the bounds, the oldest idle connection of an address is closed, and then the oldest one of all."""

    def find_closed() -> list[int]:
        time.sleep(0.3)
        closed = []
        for k, one in enumerate(connections):
            with suppress(BlockingIOError):
                with suppress(ConnectionError):
                    assert one.recv(1) == b""
                closed.append(k)
        return closed

    with start_server(code=START.format(limits="address=4, connections=6")) as server, ExitStack() as stack:
        client = Client(server, stack)
        connections = [client.connect() for _ in range(5)]
        assert find_closed() == [0]
        connections += [client.connect(source="127.0.0.2") for _ in range(3)]
        assert find_closed() == [0, 1]
        for _ in range(20):
            assert ask(client.port, "GET", "/health")[0] == 200


def test_a_client_that_goes_away_ends_its_request(strict: Client) -> None:
    """The questions of a client that has gone are not answered, and its request is counted under 499."""

    def count() -> int:
        counts = re.findall(rb'path="/predict",status="499"} (\d+)', ask(strict.port, "GET", "/metrics")[1])
        return int(counts[0]) if counts else 0

    before = count()
    with strict.connect(blocking=True) as one:
        one.sendall(POST + b"Content-Length: 999\r\n\r\n")
        time.sleep(0.1)
    time.sleep(0.2)
    assert count() == before + 1
    assert b"seesum_requests_running 1" in ask(strict.port, "GET", "/metrics")[1]


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_withstood(name: str) -> None:
    attack, limits = ATTACKS[name]
    with watch(limits) as (client, figures):
        attack(client)
    figures.check()
