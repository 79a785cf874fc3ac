"""verbs/serve.py and server/adder.py: bad addresses, missing extras, bounds, failures, the adder's table."""

from __future__ import annotations

import asyncio
import base64
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI, Request, Response

import seesum
from seesum.networks.tables import TableAdder
from seesum.server.adder import describe_adder
from seesum.server.app import build_app
from seesum.server.limits import Limits

THREE = (Path(__file__).parents[2] / "examples" / "three.png").read_bytes()


@pytest.fixture(scope="module")
def about(reader: seesum.Reader) -> dict[str, Any]:
    return describe_adder(reader)


def test_one_sentence_for_an_address_that_is_none(command: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = command("serve", "--port", taken.getsockname()[1])
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "give another --host or --port" in done.err
    for words in (("--port", 70000), ("--host", "nowhere.invalid"), ("--port", 0, "--run", "nowhere")):
        done = command("serve", *words)
        assert (done.code, done.err.count("\n")) == (2, 1), done.err


def test_one_sentence_without_the_extra(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = command("serve", "--port", 0)
    assert (done.code, done.out) == (1, "")
    assert 'pip install "seesum[web]"' in done.err


async def ask_app(app: FastAPI, method: str, path: str, **rest: Any) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        return await client.request(method, path, **rest)


def test_open_to_others_any_name_is_answered(reader: seesum.Reader, about: dict[str, Any]) -> None:
    for any_host, status in ((True, 200), (False, 421)):
        app = build_app(reader, about, any_host=any_host)
        answered = ask_app(app, "GET", "/health", headers={"host": "school.example"})
        assert asyncio.run(answered).status_code == status


def test_a_body_that_does_not_arrive_is_given_up(reader: seesum.Reader, about: dict[str, Any]) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)

    app = build_app(reader, about, Limits(receiving=0.05))
    response = asyncio.run(ask_app(app, "POST", "/predict", content=trickle()))
    assert (response.status_code, response.headers["connection"]) == (408, "close")


def test_a_full_house_still_tells_its_health(reader: seesum.Reader, about: dict[str, Any]) -> None:
    app = build_app(reader, about, Limits(requests=0))
    question = {"image": base64.b64encode(THREE).decode(), "add": 7}
    full = asyncio.run(ask_app(app, "POST", "/predict", json=question))
    assert (full.status_code, full.headers["retry-after"]) == (503, "1")
    assert asyncio.run(ask_app(app, "GET", "/health")).status_code == 200


def test_a_failure_is_one_sentence_too(reader: seesum.Reader, about: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    app = build_app(reader, about)

    async def fail(_: Request) -> Response:
        raise RuntimeError("broken")

    app.add_api_route("/fail", fail, methods=["GET"])
    response = asyncio.run(ask_app(app, "GET", "/fail"))
    assert (response.status_code, list(response.json())) == (500, ["error"])
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "broken" in caplog.text


@pytest.mark.parametrize(("adder", "operation"), [("concat", "add"), ("table", "subtract"), ("table", "multiply")])
def test_a_table_is_shown_where_there_is_one(adder: str, operation: str, small_data: Path, tmp_path: Path) -> None:
    """Measured from answers, and equal to the weights; of an adder without a table there is none."""
    run = seesum.train("fast", adder=adder, operation=operation, data=small_data, out=tmp_path / "run", plot=False, quiet=True)
    told = describe_adder(seesum.Reader.load(run))
    assert told["slide"] == {"add": 1, "subtract": -1, "multiply": 0}[operation]
    if adder == "concat":
        assert told["table"] is None
    else:
        weights = run.load_network().adder
        assert isinstance(weights, TableAdder)
        assert np.abs(np.array(told["table"]) - weights.tabulate().detach().numpy()).max() < 0.02
