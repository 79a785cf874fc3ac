"""server/connections.py: a request's head must come soon and be short; over real sockets."""

from __future__ import annotations

import asyncio
import json

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from seesum.server.connections import bind_connections
from seesum.server.limits import Limits

WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
STRICT, PATIENT = Limits(receiving=0.3, head=2000), Limits()


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(b"read")(scope, receive, send)


async def send_bytes(parts: list[bytes], pause: float = 0.0, app: ASGIApp = answer, limits: Limits = STRICT) -> bytes:
    """What a server with 0.3 seconds and 2,000 bytes of patience says before it closes the connection, within 3 seconds."""
    bound = bind_connections(limits)
    config = uvicorn.Config(app, http=bound, timeout_keep_alive=0.3)  # type: ignore[arg-type]
    server = await asyncio.get_running_loop().create_server(lambda: bound(config, ServerState(), {}), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            for part in parts:
                writer.write(part)
                await asyncio.sleep(pause)
            return await asyncio.wait_for(reader.read(), 3)
        finally:
            writer.close()


@pytest.mark.parametrize(
    ("parts", "pause", "answers"),
    [
        ([], 0.0, 0),
        ([b"GET / HT"], 0.0, 0),
        ([WHOLE[i : i + 1] for i in range(len(WHOLE))], 0.02, 0),
        ([WHOLE[:9], WHOLE[9:]], 0.05, 1),
        ([WHOLE, WHOLE], 0.0, 2),
        ([WHOLE, b"GET / HT"], 0.1, 1),
        ([WHOLE[:-2] + b"Long: " + b"x" * 1000 + b"\r\n\r\n"], 0.0, 1),
    ],
)
def test_a_head_that_comes_too_slowly_ends_its_connection(parts: list[bytes], pause: float, answers: int) -> None:
    try:
        said = asyncio.run(send_bytes(parts, pause))
    except ConnectionError:
        said = b""
    assert said.count(b"200 OK") == answers == said.count(b"read")


def test_a_head_without_end_ends_its_connection() -> None:
    with pytest.raises(ConnectionError):
        asyncio.run(send_bytes([b"GET / HTTP/1.1\r\n", *[b"A: " + b"x" * 600 + b"\r\n"] * 40], 0.01))


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


async def repeat(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers with the method, the query and the body of a request."""
    request = Request(scope, receive)
    words = [request.method.encode(), request.url.query.encode(), await request.body()]
    assert "upgrade" not in request.headers
    await Response(b"<%b>" % b"|".join(words))(scope, receive, send)


def make_request(name: bytes, body: bytes, head: bytes = UPGRADE, version: bytes = b"1.1") -> bytes:
    return b"POST /?%b HTTP/%b\r\nHost: localhost\r\n%bContent-Length: %d\r\n\r\n%b" % (name, version, head, len(body), body)


@pytest.mark.parametrize(
    "parts",
    [
        [make_request(b"a", b"body")],
        [make_request(b"a", b"body")[:-4], b"bo", b"dy"],
        [make_request(b"a", b"body")[:60], make_request(b"a", b"body")[60:]],
        [bytes([byte]) for byte in make_request(b"a", b"body")],
        [make_request(b"a", b"body", b"Connection: Upgrade\r\nUpgrade: websocket\r\n")],
        [make_request(b"a", b"body", b"Upgrade: TLS/1.0\r\nConnection: close, upgrade\r\n")],
        [make_request(b"a", b"body", version=b"1.0")],
        [
            b"POST /?a HTTP/1.1\r\nHost: localhost\r\n" + UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n",
            b"2\r\ndy\r\n0\r\n\r\n",
        ],
    ],
)
def test_an_upgrade_is_ignored_and_the_body_is_read(parts: list[bytes]) -> None:
    said = asyncio.run(send_bytes(parts, 0.001, repeat, PATIENT))
    assert said.count(b"HTTP/1.1 200 OK") == 1
    assert b"<POST|a|body>" in said


def test_requests_after_an_upgrade_are_answered_too() -> None:
    many = [make_request(b"%d" % k, b"body %d" % k, UPGRADE if k % 3 else b"") for k in range(600)]
    said = asyncio.run(send_bytes([b"".join(many)], app=repeat, limits=PATIENT))
    assert said.count(b"200 OK") == 600
    assert all(b"<POST|%d|body %d>" % (k, k) in said for k in range(600))
    said = asyncio.run(
        send_bytes([b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n", make_request(b"b", b"c")], 0.05, repeat, PATIENT)
    )
    assert [said.count(words) for words in (b"200 OK", b"<GET||>", b"<POST|b|c>")] == [2, 1, 1]


@pytest.mark.parametrize(
    "start",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"hello\r\n\r\n",
    ],
)
def test_another_protocol_gets_one_sentence(start: bytes) -> None:
    said = asyncio.run(send_bytes([start]))
    assert said.startswith(b"HTTP/1.1 400 ")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"].startswith("the request cannot be parsed; send HTTP/1.1")
