"""server/connections.py: a request's head must come soon and be short; over real sockets."""

from __future__ import annotations

import asyncio

import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from seesum.server.connections import bound_heads
from seesum.server.limits import Limits

WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(b"read")(scope, receive, send)


async def send_bytes(parts: list[bytes], pause: float = 0.0) -> bytes:
    """What a server with 0.3 seconds and 2,000 bytes of patience says before it closes the connection, within 3 seconds."""
    bound = bound_heads(Limits(receiving=0.3, head=2000))
    config = uvicorn.Config(answer, http=bound, timeout_keep_alive=1)
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
