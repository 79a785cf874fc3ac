"""server/access.py and server/guard.py: other names, other origins, a path in front; parsed, over HTTP and in a browser."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from playwright.sync_api import sync_playwright

import seesum
from conftest import Server, start_server
from seesum.server.access import Access, parse_access
from seesum.server.adder import describe_adder
from seesum.server.app import build_app

ORIGIN = "https://school.example"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    options = ["--allow-host", "Digits.example", "--allow-host", "::2", "--allow-origin", ORIGIN]
    with start_server(
        "--run", "fast", *options, "--allow-origin", "http://localhost:3000", "--root-path", "/see/sum/"
    ) as server:
        yield server


def test_allowed_names_are_answered_and_no_others(client: httpx.Client) -> None:
    for host in ("digits.example", "DIGITS.example:443", "[::2]:80", "localhost:1"):
        assert client.get("/health", headers={"host": host}).status_code == 200, host
    for host in ("other.example", "digits.example.other.example", "a.digits.example", "digits.example:x", ""):
        assert client.get("/health", headers={"host": host}).status_code == 421, host


def test_an_open_server_is_closed_to_names_that_are_not_allowed() -> None:
    assert parse_access("0.0.0.0").allows_host(b"anything")
    assert parse_access("::").allows_host(b"anything")
    assert not parse_access("127.0.0.1").allows_host(b"anything")
    named = parse_access("0.0.0.0", ["digits.example"])
    assert [named.allows_host(host) for host in (b"digits.example:80", b"localhost", b"anything")] == [True, True, False]
    assert parse_access("127.0.0.1", ["münchen.example"]).allows_host(b"xn--mnchen-3ya.example")


def test_only_allowed_origins_may_read_answers(client: httpx.Client) -> None:
    for path, status in (("/health", 200), ("/nowhere", 404), ("/docs", 200)):
        response = client.get(path, headers={"origin": ORIGIN})
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == ORIGIN
        assert response.headers["vary"] == "origin"
        assert "seesum-network" in response.headers["access-control-expose-headers"]
    refused = client.get("/health", headers={"origin": ORIGIN, "host": "other.example"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (421, ORIGIN)
    for origin in ("https://other.example", "http://school.example", ORIGIN + ":444", ORIGIN + ".other.example", "null", ""):
        response = client.get("/health", headers={"origin": origin})
        assert response.status_code == 200
        assert not [name for name in response.headers if name.startswith("access-control")], origin


def test_a_preflight_is_answered_for_allowed_origins(client: httpx.Client) -> None:
    wish = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    response = client.options("/predict", headers={"origin": ORIGIN, **wish})
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in response.headers["access-control-allow-methods"]
    assert response.headers["access-control-allow-headers"] == "content-type"
    for headers in ({"origin": "https://other.example", **wish}, {"origin": ORIGIN}):
        assert client.options("/predict", headers=headers).status_code == 405


def test_a_proxy_may_keep_the_path_or_take_it_away(client: httpx.Client) -> None:
    for path in ("/", "/see/sum/", "/health", "/see/sum/health"):
        assert client.get(path).status_code == 200, path
    assert client.get("/openapi.json").json()["servers"] == [{"url": "/see/sum"}]
    for path in ("/see/summary", "/see", "/see/sum/see/sum/health"):
        assert client.get(path).status_code == 404, path
    for path, right in (("/see/sum", "/see/sum/"), ("/see/sum/docs/", "/see/sum/docs"), ("/docs/", "/see/sum/docs")):
        response = client.get(path)
        assert (response.status_code, response.headers["location"]) == (308, right)
    before = 'seesum_requests_total{path="/health",status="200"}'
    assert before in client.get("/see/sum/metrics").text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--allow-host", "https://a.example"), "a name without scheme"),
        (("--allow-host", "a.example:80"), "a name without scheme"),
        (("--allow-host", "*"), "a name without scheme"),
        (("--allow-host", ""), "a name without scheme"),
        (("--allow-origin", "*"), "one with a scheme and no path"),
        (("--allow-origin", "a.example"), "one with a scheme and no path"),
        (("--allow-origin", "https://a.example/b"), "one with a scheme and no path"),
        (("--root-path", "see"), "begins with a slash"),
        (("--root-path", "/see?a=<b>"), "begins with a slash"),
        (("--root-path", "/predict"), "a path of the server itself"),
    ],
)
def test_one_sentence_for_what_cannot_be_allowed(command: Any, options: tuple[str, str], sentence: str) -> None:
    done = command("serve", "--run", "fast", "--port", 0, *options)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done.err
    assert sentence in done.err


def test_origins_are_written_as_browsers_write_them() -> None:
    access = parse_access("127.0.0.1", (), ["HTTPS://School.Example:443/", "http://a:81", "http://[::1]:80"])
    assert access.origins == {b"https://school.example", b"http://a:81", b"http://[::1]"}
    assert parse_access("127.0.0.1", "a.example", "http://b").hosts == {b"a.example"}  # a single text is a list of one


def test_without_options_there_is_no_cors(reader: seesum.Reader) -> None:
    app = build_app(reader, describe_adder(reader))
    assert app.openapi().get("servers") is None
    assert Access().find_path("/health") == "/health"
    assert Access(root_path="/see").find_path("/seen") == "/seen"
    assert [Access(root_path="/see").find_path(path) for path in ("/see/a", "/see/", "/see")] == ["/a", "/", ""]


class Blank(BaseHTTPRequestHandler):
    """An empty page of another origin."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


FETCH = """async address => {
  const text = await (await fetch(address + "/openapi.json")).json();
  const body = JSON.stringify(text.paths["/predict"].post.requestBody.content["application/json"].examples["a one"].value);
  const response = await fetch(address + "/predict", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  return [response.headers.get("seesum-network").length, (await response.json()).digit];
}"""


def test_a_browser_lets_pages_of_allowed_origins_use_the_api() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium is installed; .ci/run installs it")
    with ThreadingHTTPServer(("127.0.0.1", 0), Blank) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        port = other.server_address[1]
        with (
            start_server("--run", "fast", "--allow-origin", f"http://127.0.0.1:{port}") as server,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            assert page.evaluate(FETCH, server.address) == [16, 1]
            page.goto(f"http://localhost:{port}/")  # the same machine, but another origin
            with pytest.raises(Exception, match="Failed to fetch"):
                page.evaluate(FETCH, server.address)
            browser.close()
        other.shutdown()
