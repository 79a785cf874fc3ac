"""verbs/serve.py and server/adder.py: bad addresses, missing extras, bounds, failures, the adder's table."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI, Request, Response

import seesum
from conftest import start_server
from seesum.networks.tables import TableAdder
from seesum.runs.run import Run
from seesum.server.access import Access
from seesum.server.adder import describe_adder
from seesum.server.app import build_app
from seesum.server.limits import Limits

ROOT = Path(__file__).parents[2]
THREE = (ROOT / "examples" / "three.png").read_bytes()


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
        app = build_app(reader, about, access=Access(any_host))
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
    app = build_app(reader, about, Limits(waiting=0))
    question = {"image": base64.b64encode(THREE).decode(), "add": 7}
    full = asyncio.run(ask_app(app, "POST", "/predict", json=question))
    assert (full.status_code, full.headers["retry-after"]) == (503, "1")
    assert asyncio.run(ask_app(app, "GET", "/health")).status_code == 200
    assert asyncio.run(ask_app(app, "GET", "/ready")).status_code == 503
    assert asyncio.run(ask_app(build_app(reader, about), "GET", "/ready")).json() == {"status": "ready"}


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


NOTEBOOK = """
import asyncio, os, threading, urllib.request
import seesum

async def cell():
    ticks = 0
    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)
    ticking = asyncio.create_task(tick())
    serving = seesum.serve("fast", port=0, ready=lambda url: print("ready", url))
    again = seesum.serve("fast", port=0, ready=lambda url: None)
    assert serving.url != again.url
    for one in (serving, again):
        answer = await asyncio.to_thread(urllib.request.urlopen, one.url + "health")
        assert answer.read() == b'{"status": "ok"}'
    before = ticks
    await asyncio.sleep(0.2)
    assert ticks > before + 5, "the notebook's own loop stands still"
    assert "running" in repr(serving)
    serving.stop()
    serving.stop()
    assert "stopped" in repr(serving)
    try:
        urllib.request.urlopen(serving.url + "health")
    except OSError:
        print("stopped")
    with again as same:
        assert urllib.request.urlopen(same.url + "version").status == 200
    assert "OMP_NUM_THREADS" not in os.environ
    assert [thread.name for thread in threading.enumerate() if "seesum" in thread.name or "questions" in thread.name] == []
    ticking.cancel()

asyncio.run(cell())
"""


def test_in_a_notebook_it_runs_in_a_thread() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", NOTEBOOK], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"ready http://127.0.0.1:\d+/\nstopped\n", done.stdout)
    assert done.stderr == ""


def test_in_a_notebook_mistakes_are_raised_at_once() -> None:
    async def cell(**options: Any) -> None:
        seesum.serve("fast", **options)

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(seesum.InputError, match="cannot listen"):
        asyncio.run(cell(port=taken.getsockname()[1]))
    with pytest.raises(seesum.InputError, match="begins with a slash"):
        asyncio.run(cell(port=0, root_path="see"))


def test_a_run_that_is_not_there_frees_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(seesum.InputError, match="nowhere"):
        seesum.serve("nowhere", port=port)
    socket.create_server(("127.0.0.1", port)).close()


def test_the_container_file_serves_for_all_and_not_as_root() -> None:
    """It cannot be built here. But its command is run, its list of packages made, and its files are there."""
    lines = (ROOT / "Containerfile").read_text().replace("\\\n", "").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    (entry,) = [json.loads(text) for step, text in steps if step == "ENTRYPOINT"]
    assert entry[:2] == ["seesum", "serve"]
    assert entry[entry.index("--host") + 1] == "0.0.0.0"
    with start_server(*entry[2:]) as server:
        assert httpx.get(server.address + "/health", headers={"host": "any.example"}, trust_env=False).status_code == 200
    user = [text for step, text in steps if step == "USER"]
    assert user
    assert user[-1].isdigit()
    assert int(user[-1]) > 0
    copied = [name for step, text in steps if step == "COPY" for name in text.split()[:-1]]
    assert "src" in copied
    assert all((ROOT / name).exists() for name in copied)
    (listing,) = re.findall(r"python -c '(.*?)'", "\n".join(lines), re.S)
    done = subprocess.run([sys.executable, "-c", listing], cwd=ROOT, capture_output=True, text=True, check=True)
    packages = {re.split(r"[ >=;]", line)[0] for line in done.stdout.splitlines()}
    assert packages >= {"numpy", "pillow", "typer", "fastapi", "uvicorn", "httptools", "onnxruntime"}
    assert not packages & {"torch", "matplotlib"}


def test_options_of_the_command_are_parameters_of_the_function() -> None:
    code = """
import seesum
options = dict(allow_host=["a.example"], allow_origin=["https://b.example"], root_path="/see")
seesum.serve("fast", port=0, **options, ready=lambda url: print(url, flush=True))
"""
    with start_server(code=code) as server:
        response = httpx.get(
            server.address + "/see/health", headers={"host": "a.example", "origin": "https://b.example"}, trust_env=False
        )
        assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, "https://b.example")
        assert server.stop() == 0


def test_networks_have_ids_of_their_own(about: dict[str, Any], small_run: Run) -> None:
    """The id is the same for the same network, and another for other weights of the same system."""
    assert describe_adder(seesum.Reader.load("fast"))["network"] == about["network"]
    other = describe_adder(seesum.Reader.load(small_run))
    assert (other["system"], other["adder"]) == (about["system"], about["adder"])
    assert other["network"] != about["network"]
