"""server/documents.py: the page that describes the API has all that the OpenAPI document has, and nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from html import escape
from html.parser import HTMLParser

import httpx
import pytest

from conftest import start_server
from seesum.server.documents import describe_api


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with start_server("--run", "fast") as server, httpx.Client(base_url=server.address, timeout=30, trust_env=False) as client:
        yield client


class Tags(HTMLParser):
    """Whether tags are closed in order, and what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.names += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_api_is_described_for_people(client: httpx.Client) -> None:
    response = client.get("/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    api = client.get("/openapi.json").json()
    for path, methods in api["paths"].items():
        for method, values in methods.items():
            assert f"<b>{method.upper()}</b> <code>{path}</code>" in response.text
            assert escape(values["summary"]) in response.text
            for content in values.get("requestBody", {}).get("content", {}).values():
                for field, schema in content["schema"]["properties"].items():
                    assert f"<code>{field}</code>" in response.text
                    assert escape(schema.get("description", "")) in response.text
            for status, one in values["responses"].items():
                assert f'<th scope="row">{status}</th><td>{escape(one["description"])}</td>' in response.text
    for words in ("answers[].digit_probabilities", "list of 10 numbers, required", "integer, 0 to 9, required", "?saliency="):
        assert words in response.text
    tags = Tags()
    tags.feed(response.text)
    assert not tags.open
    assert set(tags.links) == {"openapi.json", "./", *(f"#{name}" for name in tags.names)}
    assert '<a href="docs">' in client.get("/").text


def test_the_description_has_no_scripts_and_a_policy(client: httpx.Client) -> None:
    response = client.get("/docs")
    assert "<script" not in response.text
    (style,) = re.findall(r"<style>(.*?)</style>", response.text, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = response.headers["content-security-policy"]
    assert f"default-src 'none'; script-src 'none'; style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"


def test_texts_of_the_document_are_no_html() -> None:
    answer = {"type": "object", "properties": {"<b>": {"type": "string", "description": "<i>"}}}
    responses = {"200": {"description": "<u>", "content": {"<a>": {"schema": answer}}}}
    api = {"info": {"version": "<v>"}, "paths": {"/<p>": {"get": {"summary": "<s>", "responses": responses}}}}
    page = describe_api(api)[1].decode()
    for text in ("<b>", "<i>", "<u>", "<a>", "<v>", "<p>", "<s>"):
        assert escape(text) in page
    assert "/<p>" not in page
    assert "<i>" not in page
    assert "<u>" not in page
