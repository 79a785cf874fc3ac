"""server/*.py over a real socket: answers equal the Reader's, mistakes get one sentence, limits hold."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

import seesum
from conftest import Server
from seesum.data.idx import Dataset

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.[jp][pn]g"))
THREE = (Path(__file__).parents[2] / "examples" / "three.png").read_bytes()
Form = dict[str, Any]


def encode(image: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


def ask_json(picture: bytes, add: object = 7) -> Form:
    return {"json": {"image": base64.b64encode(picture).decode(), "add": add}}


def ask_form(picture: bytes, add: object = 7) -> Form:
    return {"files": {"image": ("a.png", picture)}, "data": {"add": str(add)}}


def make_bomb(side: int) -> bytes:
    """A PNG of side x side white pixels in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    row = b"\0" + b"\xff" * -(-side // 8)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * side)) + chunk(b"IEND", b"")


def agree(values: dict[str, Any], answer: seesum.Answer) -> None:
    expected = answer.to_dict()
    for name, value in expected.items():
        assert values[name] == pytest.approx(value, abs=1e-5), name


@pytest.mark.parametrize("ask", [ask_json, ask_form])
def test_an_answer_is_the_readers(client: httpx.Client, reader: seesum.Reader, ask: Callable[..., Form]) -> None:
    for number, path in enumerate(EXAMPLES):
        add = 7 * number % 10
        response = client.post("/predict", **ask(path.read_bytes(), add))
        assert response.status_code == 200, response.text
        agree(response.json(), reader(path, add))


def test_a_batch_is_its_single_answers(client: httpx.Client, reader: seesum.Reader, mnist: Dataset) -> None:
    pictures = [encode(image) for image in mnist.test.images[:256]]
    questions = [ask_json(picture, k % 10)["json"] for k, picture in enumerate(pictures)]
    answers = client.post("/predict/batch", json={"questions": questions}).json()["answers"]
    assert len(answers) == 256
    for k in (0, 1, 100, 255):
        agree(answers[k], reader(pictures[k], k % 10))
    files = [("image", ("a.png", picture)) for picture in pictures[:3]]
    one = client.post("/predict/batch", files=files, data={"add": "4"}).json()["answers"]
    assert [answer["sum"] for answer in one] == [reader(picture, 4).sum for picture in pictures[:3]]
    each = client.post("/predict/batch", files=files, data={"add": ["1", "2", "3"]}).json()["answers"]
    assert [answer["sum"] for answer in each] == [reader(p, k + 1).sum for k, p in enumerate(pictures[:3])]


def test_a_bad_picture_spoils_no_other(client: httpx.Client) -> None:
    questions = [ask_json(picture)["json"] for picture in (THREE, b"no picture", THREE)]
    answers = client.post("/predict/batch", json={"questions": questions}).json()["answers"]
    assert [sorted(answer) == ["error"] for answer in answers] == [False, True, False]


def test_questions_at_once_get_their_own_answers(server: Server, reader: seesum.Reader, mnist: Dataset) -> None:
    """Forty requests at once go through the network together; none may get another's answer."""
    pictures = [encode(image) for image in mnist.test.images[:40]]

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=server.address, timeout=30, trust_env=False) as client:
            return await asyncio.gather(*(client.post("/predict", **ask_json(p, k % 10)) for k, p in enumerate(pictures)))

    for k, response in enumerate(asyncio.run(ask())):
        agree(response.json(), reader(pictures[k], k % 10))


def test_explain_shows_the_image_and_what_mattered(client: httpx.Client, mnist: Dataset) -> None:
    image = mnist.test.images[0]
    plain = client.post("/explain", **ask_form(encode(image))).json()
    assert "saliency" not in plain
    assert np.array_equal(plain["image"], image)
    saliency = np.array(client.post("/explain?saliency=true", **ask_form(encode(image))).json()["saliency"])
    assert saliency.shape == (28, 28)
    assert saliency.max() == 1
    assert saliency.min() >= 0
    assert saliency[image > 0].mean() > saliency[image == 0].mean()


def test_facts(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    version = client.get("/version").json()
    assert (version["seesum"], version["system"], version["adder"]) == (seesum.__version__, "fast", "table")
    table = np.array(client.get("/adder").json()["table"])
    assert table.shape == (10, 10, 19)
    assert np.array_equal(table.argmax(2), np.add.outer(np.arange(10), np.arange(10)))
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/predict", "/predict/batch", "/explain", "/health", "/version", "/adder", "/metrics"} <= paths.keys()
    example = paths["/predict"]["post"]["requestBody"]["content"]["application/json"]["examples"]["a one"]["value"]
    assert client.post("/predict", json=example).json()["digit"] == 1


def test_metrics_count(client: httpx.Client) -> None:
    def read() -> dict[str, float]:
        lines = client.get("/metrics").text.splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"}

    before = read()
    client.post("/predict", **ask_form(THREE))
    client.post("/predict", **ask_form(b"no picture"))
    client.get("/somewhere")
    after = read()
    for name in (
        'seesum_requests_total{path="/predict",status="200"}',
        'seesum_requests_total{path="/predict",status="422"}',
        'seesum_requests_total{path="other",status="404"}',
        'seesum_errors_total{path="/predict",kind="client"}',
    ):
        assert after[name] == before.get(name, 0) + 1, name
    name = 'seesum_request_seconds_bucket{path="/predict",le="+Inf"}'
    assert after[name] == before.get(name, 0) + 2, name
    assert after["seesum_requests_running"] == 1


FORM = {"content-type": "multipart/form-data; boundary=x"}
MISTAKES: dict[str, tuple[str, str, Form, int, str]] = {
    "not an image": ("POST", "/predict", ask_form(b"text"), 422, "cannot be decoded"),
    "an empty file": ("POST", "/predict", ask_form(b""), 422, "cannot be decoded"),
    "half an image": ("POST", "/predict", ask_form(THREE[: len(THREE) // 2]), 422, "cannot be decoded"),
    "blank": ("POST", "/predict", ask_form(encode(np.full((40, 40), 255, np.uint8))), 422, "no ink"),
    "a format left out": ("POST", "/predict", ask_form(encode(np.zeros((9, 9), np.uint8), "TIFF")), 422, "send a whole PNG"),
    "a bomb": ("POST", "/predict", ask_form(make_bomb(6000)), 422, "25 million pixels"),
    "a great bomb": ("POST", "/predict", ask_form(make_bomb(15_000)), 422, "25 million pixels"),
    "addend too large": ("POST", "/predict", ask_form(THREE, 10), 422, "0 to 9"),
    "addend in words": ("POST", "/predict", ask_form(THREE, "seven"), 422, "0 to 9"),
    "no addend": ("POST", "/predict", {"files": {"image": ("a.png", THREE)}}, 422, "one field add"),
    "no image": ("POST", "/predict", {"files": {"add": (None, "7")}}, 422, "one field image"),
    "two images": ("POST", "/predict", {"files": [("image", THREE)] * 2, "data": {"add": "1"}}, 422, "one field image"),
    "no body": ("POST", "/predict", {}, 415, "Content-Type"),
    "a plain form": ("POST", "/predict", {"data": {"image": "x", "add": "1"}}, 415, "multipart/form-data"),
    "a form without end": (
        *("POST", "/predict"),
        {"content": b'--x\r\nContent-Disposition: form-data; name="add"\r\n\r\n7', "headers": FORM},
        *(400, "whole"),
    ),
    "a form without boundary": (
        *("POST", "/predict", {"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "boundary"),
    ),
    "not JSON": ("POST", "/predict", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "not JSON"),
    "deep JSON": (
        *("POST", "/predict", {"content": b"[" * 99999, "headers": {"content-type": "application/json"}}, 400, "not JSON"),
    ),
    "a list": ("POST", "/predict", {"json": [1]}, 422, "a question must be"),
    "another field": ("POST", "/predict", {"json": {**ask_json(THREE)["json"], "file": "/etc/passwd"}}, 422, "nothing else"),
    "a path for an image": ("POST", "/predict", {"json": {"image": "/etc/passwd", "add": 1}}, 422, "not base64"),
    "a number for an image": ("POST", "/predict", {"json": {"image": 3, "add": 1}}, 422, "must be a string"),
    "addend true": ("POST", "/predict", ask_json(THREE, True), 422, "0 to 9"),
    "addend behind zeros": ("POST", "/predict", ask_form(THREE, "0" * 20 + "7"), 422, "0 to 9"),
    "addend in JSON text": ("POST", "/predict", ask_json(THREE, "7"), 422, "0 to 9"),
    "addend of a half": ("POST", "/predict", ask_json(THREE, 0.5), 422, "0 to 9"),
    "addend null": ("POST", "/predict", ask_json(THREE, None), 422, "0 to 9"),
    "addend NaN": (
        *("POST", "/predict"),
        {"content": b'{"image": "", "add": NaN}', "headers": {"content-type": "application/json"}},
        *(422, "0 to 9"),
    ),
    "addend of 9999 digits": (
        *("POST", "/predict"),
        {"content": b'{"image": "", "add": %b}' % (b"9" * 9999), "headers": {"content-type": "application/json"}},
        *(400, "not JSON"),
    ),
    "not base64": ("POST", "/predict", {"json": {"image": "ä!", "add": 1}}, 422, "not base64"),
    "base64 for addresses": ("POST", "/predict", {"json": {"image": "_-8=", "add": 1}}, 422, "standard base64"),
    "gzip": (
        *("POST", "/predict"),
        {"content": gzip.compress(b"{}"), "headers": {"content-type": "application/json", "content-encoding": "gzip"}},
        *(415, "compressed (Content-Encoding: gzip)"),
    ),
    "another compression": (
        *(
            "POST",
            "/predict/batch",
            {"content": b"?", "headers": {**FORM, "content-encoding": "BR"}},
            415,
            "Content-Encoding: br",
        ),
    ),
    "gzip without saying so": (
        *("POST", "/explain"),
        {"content": gzip.compress(b"{}"), "headers": {"content-type": "application/json"}},
        *(415, "the body is compressed, and"),
    ),
    "an empty batch": ("POST", "/predict/batch", {"json": {"questions": []}}, 422, "1 to 256"),
    "a batch too large": ("POST", "/predict/batch", {"json": {"questions": [{}] * 257}}, 422, "1 to 256"),
    "a batch of one thing": ("POST", "/predict/batch", ask_json(THREE), 422, "questions"),
    "too many addends": (
        "POST",
        "/predict/batch",
        {"files": [("image", THREE)] * 3, "data": {"add": ["1", "2"]}},
        422,
        "one for each",
    ),
    "saliency perhaps": ("POST", "/explain?saliency=perhaps", ask_json(THREE), 422, "true or false"),
    "nothing there": ("GET", "/nowhere", {}, 404, "/openapi.json"),
    "another method": ("GET", "/predict", {}, 405, "GET is not possible"),
    "too large": ("POST", "/predict", {"content": b"x" * (8 * 2**20 + 1)}, 413, "8,388,608 bytes"),
    "another name for here": ("GET", "/health", {"headers": {"host": "attacker.example"}}, 421, "localhost"),
    "a name that begins alike": ("GET", "/", {"headers": {"host": "localhost.attacker.example"}}, 421, "localhost"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_sentence(client: httpx.Client, mistake: str) -> None:
    method, path, rest, status, sentence = MISTAKES[mistake]
    response = client.request(method, path, **rest)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    values = response.json()
    assert list(values) == ["error"]
    assert sentence in values["error"]
    assert "Traceback" not in values["error"]
    assert "\n" not in values["error"]


def test_a_body_without_length_is_bounded_too(client: httpx.Client) -> None:
    response = client.post("/predict", content=(b"x" * 2**20 for _ in range(20)))
    assert response.status_code == 413


def test_names_of_this_machine_are_answered(client: httpx.Client) -> None:
    for host in ("localhost", "127.0.0.1:80", "127.0.0.2:8000", "LOCALHOST:8000", "[::1]:8000"):
        assert client.get("/health", headers={"host": host}).status_code == 200, host


def test_headers(client: httpx.Client) -> None:
    page, data = client.get("/"), client.get("/health", headers={"origin": "https://example.org"})
    assert "script-src 'sha256-" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    for response in (page, data, client.get("/nowhere")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert not [name for name in response.headers if name.startswith("access-control")]


def test_pixels_are_counted_over_a_batch(client: httpx.Client) -> None:
    questions = [ask_json(make_bomb(4000))["json"]] * 3
    answers = client.post("/predict/batch", json={"questions": questions}).json()["answers"]
    assert ["million" in answer["error"] for answer in answers] == [False, True, True]


@pytest.mark.parametrize("path", ["/", "/docs", "/health", "/version", "/adder", "/openapi.json", "/metrics"])
def test_head_answers_as_get_without_a_body(client: httpx.Client, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert (head.status_code, get.status_code, head.content) == (200, 200, b"")
    if path != "/metrics":  # it counts these very requests
        assert head.headers == get.headers
        assert int(head.headers["content-length"]) == len(get.content)


def test_head_of_a_path_for_post_and_of_no_path(client: httpx.Client) -> None:
    for path, status in (("/predict", 405), ("/nowhere", 404)):
        response = client.head(path)
        assert (response.status_code, response.content) == (status, b"")
    assert client.post("/health").headers["allow"] == "GET, HEAD"
    assert client.get("/predict").headers["allow"] == "POST"


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_base64_in_lines_is_read(client: httpx.Client, end: str) -> None:
    text = base64.b64encode(THREE).decode()
    wrapped = "".join(text[k : k + 76] + end for k in range(0, len(text), 76))
    assert wrapped.count(end) > 2
    one, other = (client.post("/predict", json={"image": image, "add": 7}) for image in (text, wrapped))
    assert one.status_code == 200
    assert one.json() == other.json()


def test_a_body_that_is_not_compressed_may_say_so(client: httpx.Client) -> None:
    assert client.post("/predict", **ask_form(THREE), headers={"content-encoding": "identity"}).status_code == 200
    compressed = client.post("/predict", **ask_form(THREE), headers={"content-encoding": "gzip"})
    assert (compressed.status_code, compressed.headers["accept-encoding"]) == (415, "identity")


def test_every_answer_names_the_network(client: httpx.Client) -> None:
    name = client.get("/adder").json()["network"]
    assert re.fullmatch("[0-9a-f]{16}", name)
    assert client.get("/version").json()["network"] == name
    for response in (
        client.get("/"),
        client.get("/nowhere"),
        client.post("/predict", **ask_form(THREE)),
        client.head("/health"),
    ):
        assert response.headers["seesum-network"] == name
