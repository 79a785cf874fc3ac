"""server/access.py and server/guard.py: who may send: pages of other origins, the token, the warning without one."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from conftest import Server, start_server
from pages import THREE as CORNERS, Visit, open_browser
from seesum.server.access import OPEN, parse_access

THREE = {"image": base64.b64encode((Path(__file__).parents[2] / "examples" / "three.png").read_bytes()).decode(), "add": 7}
ORIGIN, TOKEN = "https://school.example", "correct-horse-battery"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with start_server("--run", "fast", "--allow-origin", ORIGIN, "--allow-host", "digits.example", "--token", TOKEN) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    address = server.address.partition("/#")[0]
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=address, headers=headers, timeout=30, trust_env=False) as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # a program
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "https://other.example"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": ORIGIN}, 200),
        ({"origin": ORIGIN}, 200),
        ({"origin": "https://other.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://digits.example:81", "host": "digits.example"}, 403),
        ({"origin": "https://digits.example", "host": "digits.example"}, 200),
        ({"origin": "https://Digits.example", "host": "digits.EXAMPLE"}, 200),
    ],
)
def test_a_page_of_another_origin_can_send_nothing(client: httpx.Client, headers: dict[str, str], status: int) -> None:
    for path in ("/predict", "/explain"):
        response = client.post(path, json=THREE, headers=headers)
        assert response.status_code == status, response.text
    if status == 403:
        assert "--allow-origin" in response.json()["error"]
    assert client.get("/version", headers=headers).status_code == 200  # browsers show this to no other page


def test_only_who_has_the_token_is_answered(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path in [*paths, "/", "/docs", "/nowhere"]:
        method = "POST" if "post" in paths.get(path, ()) else "GET"
        for given in ("", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN):
            response = client.request(method, path, headers={"authorization": given})
            assert response.status_code == (200 if path in OPEN else 401), (path, given)
        if path not in OPEN:
            assert response.headers["www-authenticate"] == "Bearer"
            assert "Authorization: Bearer" in response.json()["error"]
    assert client.post("/predict", json=THREE).json()["digit"] == 3
    assert client.post("/predict", json=THREE, headers={"authorization": f"bearer {TOKEN}"}).status_code == 200


def test_a_page_of_an_allowed_origin_may_send_the_token(client: httpx.Client) -> None:
    wish = {"origin": ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    response = client.options("/predict", headers={**wish, "authorization": ""})
    assert response.status_code == 204
    assert "authorization" in response.headers["access-control-allow-headers"]


def test_the_page_takes_the_token_from_its_address(server: Server) -> None:
    address, _, token = server.address.partition("/#token=")
    assert token == TOKEN
    with open_browser() as browser:
        with Visit(browser, address, "/#token=" + TOKEN) as visit:
            assert visit.page.url == address + "/", "the token does not stay in the address"
            visit.draw(CORNERS)
            visit.expect("3", "7", "10")
        page = browser.new_page()
        page.goto(address + "/")
        expect(page.locator("#message")).to_contain_text("needs a token")
        page.goto(address + "/#token=" + TOKEN)  # only what is after the # changes, so the page is not loaded again
        expect(page.locator("#about")).not_to_be_empty()


@pytest.mark.parametrize("token", ["short", "with spaces in it, too", "ä" * 20, "a" * 201])
def test_one_sentence_for_a_token_that_is_none(command: Any, token: str) -> None:
    done = command("serve", "--run", "fast", "--port", 0, "--token", token)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done.err
    assert "16 to 200 letters" in done.err


@pytest.mark.parametrize(
    ("options", "warned"),
    [(["--host", "0.0.0.0"], True), (["--host", "0.0.0.0", "--token", TOKEN], False)],
)
def test_a_server_open_to_other_machines_without_a_token_warns(options: list[str], warned: bool) -> None:
    with start_server("--run", "fast", *options) as server:
        assert httpx.get(server.address.partition("/#")[0] + "/health", trust_env=False).status_code == 200
        assert server.stop() == 0
        assert server.process.stderr is not None
        log = server.process.stderr.read()
    assert log.count("\n") == warned, log
    assert ("give a token" in log) == warned


def test_a_token_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEESUM_TOKEN", TOKEN)
    with start_server("--run", "fast", "--behind-proxy") as server:
        assert server.address.endswith("/#token=" + TOKEN)
        address = server.address.partition("/#")[0]
        assert httpx.get(address + "/health", trust_env=False).status_code == 200
        assert httpx.get(address + "/version", trust_env=False).status_code == 401


def test_the_defaults_let_pages_of_the_server_itself_send() -> None:
    access = parse_access("127.0.0.1")
    assert access.allows_sender("POST", {b"origin": b"http://127.0.0.1:8000", b"host": b"127.0.0.1:8000"})
    assert not access.allows_sender("POST", {b"origin": b"http://127.0.0.1:8001", b"host": b"127.0.0.1:8000"})
    assert not access.allows_sender("DELETE", {b"origin": b"null"})
    assert access.allows_token("/predict", {})
