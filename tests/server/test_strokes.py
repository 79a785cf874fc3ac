"""POST /strokes and ?network= over a real socket: answers equal the Reader's, and mistakes get one sentence."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest

import seesum
from conftest import Server
from digits import FIVE, FOUR, SEVEN, Strokes
from seesum.reading.drawings import prepare_strokes
from seesum.server.networks import name_shipped


def ask(strokes: Any = SEVEN, add: object = 7) -> dict[str, Any]:
    return {"strokes": strokes, "add": add}


def agree(values: dict[str, Any], answer: seesum.Answer) -> None:
    for name, value in answer.to_dict().items():
        assert values[name] == pytest.approx(value, abs=1e-5), name


@pytest.mark.parametrize("strokes", [SEVEN, FOUR, FIVE])
def test_an_answer_is_the_readers(client: httpx.Client, reader: seesum.Reader, strokes: Strokes) -> None:
    values = client.post("/strokes", json=ask(strokes, 4)).json()
    agree(values, reader.read_strokes(strokes, add=4))
    assert np.array_equal(values["image"], prepare_strokes(strokes).image)
    assert "saliency" not in values
    more = client.post("/strokes?saliency=true", json=ask(strokes, 4)).json()
    assert np.array(more["saliency"]).max() == 1


MISTAKES: dict[str, tuple[dict[str, Any], int, str]] = {
    "no body": ({}, 415, "Content-Type"),
    "not JSON": ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "not JSON"),
    "a list": ({"json": [1]}, 422, '{"strokes"'),
    "no addend": ({"json": {"strokes": SEVEN}}, 422, '"add": 7'),
    "another field": ({"json": {**ask(), "image": ""}}, 422, "nothing else"),
    "strokes in words": ({"json": ask("seven")}, 422, "list of strokes"),
    "a stroke in words": ({"json": ask(["seven"])}, 422, "list of strokes"),
    "a point in words": ({"json": ask([["one"]])}, 422, "two or three numbers"),
    "a truth for a number": ({"json": ask([[[1, True]]])}, 422, "two or three numbers"),
    "a text for a number": ({"json": ask([[[1, "1"]]])}, 422, "two or three numbers"),
    "points of four numbers": ({"json": ask([[[1, 2, 3, 4]]])}, 422, "stroke 1 is not a list of points"),
    "no strokes": ({"json": ask([])}, 422, "has 0 strokes"),
    "an empty stroke": ({"json": ask([[[1, 2]], []])}, 422, "stroke 2 is not a list of points"),
    "too many strokes": ({"json": ask([[[1, 2]]] * 501)}, 422, "has 501 strokes"),
    "too many points": ({"json": ask([[[1, 2]] * 10_001])}, 422, "10,001 points"),
    "far away": ({"json": ask([[[1, -1e7]]])}, 422, "beyond 1,000,000"),
    "infinite": (
        {"content": b'{"strokes": [[[1, 1e999]]], "add": 1}', "headers": {"content-type": "application/json"}},
        *(422, "not finite"),
    ),
    "not a number": (
        {"content": b'{"strokes": [[[1, NaN]]], "add": 1}', "headers": {"content-type": "application/json"}},
        *(422, "not finite"),
    ),
    "no width": ({"json": ask([[[1, 1, 0]]])}, 422, "stroke 1 has a width below"),
    "addend too large": ({"json": ask(add=10)}, 422, "0 to 9"),
    "addend in words": ({"json": ask(add="seven")}, 422, "0 to 9"),
    "too large": ({"content": b" " * (2**20 + 1)}, 413, "1,048,576 bytes"),
    "saliency perhaps": ({"json": ask(), "params": {"saliency": "perhaps"}}, 422, "true or false"),
    "an unknown network": ({"json": ask(), "params": {"network": "huge"}}, 422, "there is no network 'huge'; name one of"),
    "an empty network": ({"json": ask(), "params": {"network": ""}}, 422, "there is no network ''"),
    "a path for a network": ({"json": ask(), "params": {"network": "../weights/fast"}}, 422, "there is no network"),
    "a run for a network": ({"json": ask(), "params": {"network": "latest"}}, 422, "there is no network"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_sentence(client: httpx.Client, mistake: str) -> None:
    rest, status, sentence = MISTAKES[mistake]
    response = client.post("/strokes", **rest)
    assert response.status_code == status, response.text
    values = response.json()
    assert list(values) == ["error"]
    assert sentence in values["error"]
    assert "\n" not in values["error"]


def test_networks_are_listed(client: httpx.Client) -> None:
    values = client.get("/networks").json()
    assert values["own"] == {"name": "fast", "system": "fast", "adder": "table", "operation": "add"}
    adders = {one["name"]: one["adder"] for one in values["shipped"]}
    assert {"best", "fast", "hand", "micro", "tiny"} <= adders.keys()
    assert {"exact", "table", "concat"} <= set(adders.values())


def test_a_request_can_name_a_shipped_network(client: httpx.Client) -> None:
    own = client.get("/adder").json()
    other = client.get("/adder", params={"network": "micro"}).json()
    assert (own["system"], other["system"]) == ("fast", "micro")
    assert client.get("/adder", params={"network": "fast"}).json() == own
    assert client.get("/adder", params={"network": "nowhere"}).status_code == 422
    micro = seesum.Reader.load("micro")
    response = client.post("/strokes", json=ask(FIVE, 3), params={"network": "micro"})
    agree(response.json(), micro.read_strokes(FIVE, add=3))
    assert response.headers["seesum-network"] == own["network"], "the header is the server's own network"
    example = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    question = example["application/json"]["examples"]["a one"]["value"]
    for path in ("/predict", "/explain"):
        assert client.post(path, json=question, params={"network": "micro"}).json()["digit"] == 1
    answers = client.post("/predict/batch", json={"questions": [question] * 2}, params={"network": "micro"}).json()["answers"]
    assert [answer["digit"] for answer in answers] == [1, 1]


def test_requests_at_once_are_answered_by_their_own_networks(server: Server) -> None:
    """They wait together, and some of the networks are loaded meanwhile."""
    names = ["fast", "tiny", "micro", ""] * 6
    readers = {name: seesum.Reader.load(name or "fast") for name in names}

    async def ask_all() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=server.address, timeout=30, trust_env=False) as client:
            posts = [
                client.post("/strokes", json=ask(FOUR, k % 10), params={"network": n} if n else {}) for k, n in enumerate(names)
            ]
            return await asyncio.gather(*posts)

    for k, (name, response) in enumerate(zip(names, asyncio.run(ask_all()), strict=True)):
        agree(response.json(), readers[name].read_strokes(FOUR, add=k % 10))


def test_the_examples_of_the_description_are_answered(client: httpx.Client) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/strokes"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    strokes = content["schema"]["properties"]["strokes"]
    assert (strokes["maxItems"], strokes["items"]["maxItems"], strokes["items"]["items"]["minItems"]) == (500, 10_000, 2)
    assert client.post("/strokes", json=content["examples"]["a seven"]["value"]).json()["digit"] == 7
    (choice,) = [one for one in operation["parameters"] if one["name"] == "network"]
    assert "micro" in choice["schema"]["enum"]


def test_the_name_of_a_shipped_network_is_known(small_run: seesum.Run) -> None:
    assert [name_shipped(source) for source in (None, "fast", "./fast", small_run)] == ["hand", "fast", "", ""]
