"""server/workers.py and answers.py over real sockets: pictures that are slow to decode hold up nobody else, and no longer."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from conftest import Server, start_server
from digits import SEVEN, draw_strokes
from hostile import encode, make_commented_gif, make_marks, make_scans
from seesum.data.idx import Dataset
from seesum.server.answers import Answerer
from seesum.server.limits import Limits
from seesum.server.uploads import Question
from seesum.server.workers import list_limits

THREE = (Path(__file__).parents[2] / "examples" / "three.png").read_bytes()
STRICT = """
from seesum.server.limits import Limits
from seesum.verbs.serve import serve
serve("fast", port=0, limits=Limits(decoding=0.5), ready=lambda address: print(address, flush=True))
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that gives half a second of processor time to each picture."""
    with start_server(code=STRICT) as server:
        yield server


def ask(picture: bytes, add: int = 7) -> dict[str, Any]:
    return {"image": base64.b64encode(picture).decode(), "add": add}


def open_client(server: Server) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.address, timeout=60, trust_env=False)


def list_children(number: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{number}/task/{number}/children").read_text().split()]


def list_all_children(server: Server) -> list[int]:
    """The processes that any thread of the server has started."""
    tasks = Path(f"/proc/{server.process.pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def test_each_kind_of_picture_has_a_process_that_takes_it() -> None:
    """Small pictures and drawings have the first one for themselves. Large ones, and those of many scans, have the last one."""
    answerer = Answerer({}, Limits())
    first, middle, last = list_limits(3)

    def estimate(picture: bytes) -> float:
        return answerer.estimate(Question(picture, 7))

    digit = draw_strokes(SEVEN)
    for size in ((60, 60), (150, 150), (180, 200)):
        assert estimate(encode(digit.resize(size))) <= first
    drawing, marks = encode(digit.resize((300, 300))), encode(make_marks(316))
    photo = encode(np.zeros((1600, 1200, 3), np.uint8), "JPEG")
    for picture in (drawing, marks, photo):
        assert first < estimate(picture) <= middle
    for picture in (encode(np.zeros((4000, 3000, 3), np.uint8), "JPEG"), make_scans(3000, 90), b"no picture"):
        assert middle < estimate(picture) <= last


@pytest.mark.slow
def test_pictures_that_take_too_long_get_a_sentence_and_hold_up_nobody(server: Server, mnist: Dataset) -> None:
    """The slow ones are killed after half a second each, while others are answered."""
    slow = [make_commented_gif(5 * 2**20), make_scans(3000, 100)]
    seven, three = encode(mnist.test.images[0]), encode(Image.open(io.BytesIO(THREE)).resize((95, 100)))

    async def send() -> None:
        async with open_client(server) as client:
            assert (await client.post("/predict", json=ask(THREE))).json()["digit"] == 3
            attack = [asyncio.create_task(client.post("/predict", json=ask(slow[k % 2]))) for k in range(6)]
            await asyncio.sleep(0.3)
            honest = []
            for picture, digit in ((seven, 7), (three, 3)) * 3:
                started = time.monotonic()
                assert (await client.post("/predict", json=ask(picture))).json()["digit"] == digit
                honest.append(time.monotonic() - started)
                assert (await client.get("/health")).status_code == 200
            assert max(honest) < 3, honest
            for response in await asyncio.gather(*attack):
                assert response.status_code == 422
                assert "takes more than 0.5 seconds to decode; send a smaller one, or a PNG" in response.json()["error"]
                assert "damaged" not in response.json()["error"]
            assert (await client.post("/predict", json=ask(THREE))).json()["digit"] == 3, "the processes were replaced"

    asyncio.run(send())


def test_scans_are_counted_before_decoding(server: Server) -> None:
    picture = make_scans(4900, 377)
    assert len(picture) < 150_000
    response = httpx.post(f"{server.address}/predict", json=ask(picture), timeout=10, trust_env=False)
    assert response.status_code == 422
    assert "377 scans, more than 100" in response.json()["error"]


def test_a_batch_ends_with_its_client(server: Server) -> None:
    """A batch of 250 pictures took 108 s after its client had gone."""
    questions = [ask(encode(make_marks(120, k % 5))) for k in range(250)]

    async def send() -> None:
        async with open_client(server) as client:
            task = asyncio.create_task(client.post("/predict/batch", json={"questions": questions}))
            while "seesum_requests_running 2" not in (await client.get("/metrics")).text:
                assert not task.done()
            await asyncio.sleep(0.5)
            task.cancel()
            until = time.monotonic() + 5
            while "seesum_requests_running 1\n" not in (await client.get("/metrics")).text:
                assert time.monotonic() < until, "the server goes on for nobody"
                await asyncio.sleep(0.05)

    asyncio.run(send())


def test_a_batch_keeps_its_order_with_slow_pictures(server: Server, mnist: Dataset) -> None:
    """A picture that must be killed, one that is refused and good ones: every question gets its own answer, to the bit."""
    pictures = [
        encode(mnist.test.images[0]),
        make_commented_gif(5 * 2**20),
        THREE,
        make_scans(300, 200),
        encode(mnist.test.images[1]),
    ]
    with httpx.Client(base_url=server.address, timeout=60, trust_env=False) as client:
        questions = [ask(picture, k) for k, picture in enumerate(pictures)]
        answers = client.post("/predict/batch", json={"questions": questions}).json()["answers"]
        again = client.post("/predict/batch", json={"questions": questions}).json()["answers"]
    assert answers == again
    assert [answer.get("digit") for answer in answers] == [7, None, 3, None, 2]
    assert [answer.get("sum") for answer in answers] == [7, None, 5, None, 6]
    assert "seconds to decode" in answers[1]["error"]
    assert "200 scans" in answers[3]["error"]


@linux
@pytest.mark.parametrize("how", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL])
def test_the_processes_end_with_the_server(how: signal.Signals) -> None:
    with start_server("--run", "fast") as server:
        httpx.post(
            f"{server.address}/predict", json=ask(encode(np.full((4000, 4000), 255, np.uint8))), timeout=30, trust_env=False
        )
        children = list_all_children(server)
        assert len(children) == 2, "one for small pictures, and one for this one"
        server.process.send_signal(how)
        assert server.process.wait(30) == (0 if how == signal.SIGTERM else -signal.SIGKILL)
        until = time.monotonic() + 10
        while any(Path(f"/proc/{child}").exists() for child in children):
            assert time.monotonic() < until, "a process goes on"
            time.sleep(0.02)


@pytest.mark.slow
@linux
def test_sigterm_to_all_processes_loses_no_request() -> None:
    """systemd sends SIGTERM to every process of a service at once."""
    questions = [ask(encode(make_marks(200, k))) for k in range(12)]

    async def send(server: Server) -> tuple[httpx.Response, int]:
        async with open_client(server) as client:
            await client.post("/predict", json=questions[0])
            task = asyncio.create_task(client.post("/predict/batch", json={"questions": questions}))
            while "seesum_requests_running 2" not in (await client.get("/metrics")).text:
                assert not task.done()
            for child in list_all_children(server):
                os.kill(child, signal.SIGTERM)
            code = await asyncio.to_thread(server.stop)
            return await task, code

    with start_server("--run", "fast") as server:
        response, code = asyncio.run(send(server))
    assert (response.status_code, code) == (200, 0)
    assert len(json.loads(response.text)["answers"]) == 12
