"""reading/answer.py: answers as values, as text, as a figure, and in a notebook."""

from __future__ import annotations

import base64
import copy
import io
import pickle
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seesum.data.operations import Operation, find_operation
from seesum.reading.answer import BAR_HEIGHT, Answer
from seesum.reading.reader import Reader

THREE = Path(__file__).parents[2] / "examples" / "three.png"


@pytest.fixture(scope="module")
def answer() -> Answer:
    return Reader.load()(THREE, add=7)


def make_other(answer: Answer, operation: Operation) -> Answer:
    """Return an answer of another operation, with some probability for each of its values."""
    shares = np.arange(1, operation.num_classes + 1, dtype=np.float32)
    best = operation.values[-1]
    return replace(answer, operation=operation, sum_probabilities=shares / shares.sum(), sum=best)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Answer(3 + 7 = 10, 99.8 % sure)"),
        ({"confidence": 0.99999}, "Answer(3 + 7 = 10, 99.9 % sure)"),
        ({"confidence": 1.0}, "Answer(3 + 7 = 10, 100.0 % sure)"),
        ({"confidence": 0.412, "unsure": True}, "Answer(3 + 7 = 10, 41.2 % sure, unsure)"),
        ({"confidence": 0.5, "unsure": True, "digits_found": 2}, "Answer(3 + 7 = 10, 50.0 % sure, unsure, 2 digits found)"),
        ({"confidence": 0.3, "unsure": True, "digits_found": 0}, "Answer(3 + 7 = 10, 30.0 % sure, unsure, no digit found)"),
        ({"operation": find_operation("subtract"), "sum": -4}, "Answer(3 − 7 = −4, 99.8 % sure)"),
        ({"operation": find_operation("abs(d - a)"), "sum": 4}, "Answer(abs(3 - 7) = 4, 99.8 % sure)"),
    ],
)
def test_an_answer_prints_as_one_short_line(answer: Answer, changes: dict[str, Any], expected: str) -> None:
    assert repr(replace(answer, **{"confidence": 0.9985, **changes})) == expected


def test_answers_compare_by_their_values_without_the_image(answer: Answer) -> None:
    other_image = replace(answer, image=255 - answer.image)
    assert answer == other_image
    assert len({answer, other_image, copy.deepcopy(answer), pickle.loads(pickle.dumps(answer))}) == 1  # noqa: S301 (our own)
    for changes in ({"addend": 6}, {"unsure": True}, {"operation": find_operation("max")}, {"confidence": 0.5}, {"sum": 9}):
        assert answer != replace(answer, **changes)
    moved = answer.sum_probabilities.copy()
    moved[0] += np.float32(1e-6)
    assert answer != replace(answer, sum_probabilities=moved)


def test_programs_get_the_values_that_they_always_got(answer: Answer) -> None:
    names = ["digit", "sum", "digit_probabilities", "sum_probabilities", "confidence", "unsure", "digits_found"]
    assert list(answer.to_dict()) == names


def test_the_image_is_the_one_that_the_network_saw() -> None:
    reader = Reader.load()
    answer = reader(THREE, add=7)
    assert answer.image.dtype == np.uint8
    again = reader.answer_images(answer.image[None], np.array([7]))[0]
    np.testing.assert_allclose(again.digit_probabilities, answer.digit_probabilities, atol=1e-6)


@pytest.mark.parametrize("operation", ["add", "subtract", "multiply", "d * d + a * a"])
def test_the_figure_shows_the_image_and_both_outputs(operation: str, answer: Answer) -> None:
    other = make_other(answer, find_operation(operation))
    figure = other.plot()
    panels: list[Any] = figure.axes
    picture, digits, sums = panels
    np.testing.assert_array_equal(picture.images[0].get_array(), answer.image)
    for panel, shares in ((digits, other.digit_probabilities), (sums, other.sum_probabilities)):
        assert [bar.get_height() for bar in panel.patches] == pytest.approx(shares.tolist())
    ticks = {int(tick): label.get_text() for tick, label in zip(sums.get_xticks(), sums.get_xticklabels(), strict=True)}
    assert ticks == {tick: f"{other.operation.values[tick]:,}".replace("-", "−") for tick in ticks}
    assert figure.get_suptitle().startswith(repr(other).removeprefix("Answer(")[:8])


class Parts(HTMLParser):
    """The tags of a page with their attributes, and its text. Tags that are not closed fail."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.open = "", list[str]()
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize("operation", ["add", "subtract", "multiply", "d < a", "d * d + a * a"])
def test_a_notebook_shows_the_image_and_both_outputs(operation: str, answer: Answer) -> None:
    other = make_other(answer, find_operation(operation))
    page = other._repr_html_()
    parts = Parts(page)
    assert repr(other) == f"Answer({parts.text.partition('sure')[0]}sure)", "the text is the same, and was escaped"
    (picture,) = parts.find("img")
    data = base64.b64decode((picture["src"] or "").removeprefix("data:image/png;base64,"))
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(data)))[..., 3], answer.image, "the page shows through paper"
    )
    assert not re.search(r"https?:|<script|<link", page)
    assert ("&lt;" in page) == ("<" in operation)
    assert len(page) < 8_000
    for drawing, path, shares in zip(
        parts.find("svg"), parts.find("path"), (other.digit_probabilities, other.sum_probabilities), strict=True
    ):
        heights = [float(height) for height in re.findall(r"v-([\d.]+)", path["d"] or "")]
        shown = [share for share in shares.tolist() if share * BAR_HEIGHT >= 0.05]
        np.testing.assert_allclose(heights, np.array(shown) * BAR_HEIGHT, atol=0.051)
        assert int(drawing["width"] or 0) <= 19 * 22
    assert len(parts.find("text")) <= 10 + 19
