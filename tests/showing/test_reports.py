"""showing/*.py: the report is complete in one file, and the plots show what is in a run."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import seesum
from seesum.base.style import encode_figure
from seesum.networks.adders import ADDERS
from seesum.networks.systems import SYSTEMS
from seesum.runs.run import Run
from seesum.showing.plots import draw_grid
from seesum.showing.report_page import describe_images

OWN = {name: system.recipe.adder for name, system in SYSTEMS.items()}
REPORTED = [*OWN.items(), *(("fast", adder) for adder in ADDERS if adder not in OWN.values())]
"""Every system with its own adder, and the adders that no system has."""
QUICK = "fast"
"""The system whose report is tested every time. Each report takes seconds."""


class Page(HTMLParser):
    """The text and the addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_report_says_what_it_must_and_needs_nothing_else(small_run: Run) -> None:
    text = (small_run.directory / "report.html").read_text()
    page = Page(text)
    assert page.addresses
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert "http" not in re.sub(r"data:image/png;base64,[^\"]*", "", text)
    metrics = small_run.metrics
    for words in (
        *("The task", "How data is represented", "How data is generated", "How the two inputs are combined"),
        *("Which loss, and why", "The full recipe", "interval", "Answers and mistakes", "The learned table", "SHA-256"),
        *(f"{metrics['digit_accuracy']:.2%}", f"{metrics['parameters']:,}", "110,774", "encoder.2", "CC BY-SA 3.0"),
        *("The images and digits are those of MNIST.", small_run.info["command"], small_run.info["versions"]["torch"]),
    ):
        assert words in page.words, words
    for address in page.addresses:
        picture = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
        assert min(picture.size) > 100


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"directory": None}, "are those of MNIST."),
        ({"directory": "/own/<i>"}, "the folder <code>/own/&lt;i&gt;</code>."),
        ({"directory": "/own", "transpose": True}, "</code>, turned with <code>--transpose</code>."),
        ({"directory": "/own", "invert": True, "transpose": True}, "<code>--invert</code> and <code>--transpose</code>."),
    ],
)
def test_report_says_whose_images_they_are(source: dict[str, Any], words: str) -> None:
    assert words in describe_images(source)


@pytest.mark.slow
def test_report_again_is_the_same(small_run: Run) -> None:
    before = (small_run.directory / "report.html").read_bytes()
    path = seesum.report(small_run)
    assert path == small_run.directory / "report.html"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("system", "adder"),
    [pytest.param(*pair, marks=() if pair == (QUICK, OWN[QUICK]) else pytest.mark.slow) for pair in REPORTED],
)
def test_every_system_and_every_adder_has_a_report(tmp_path: Path, small_data: Path, system: str, adder: str) -> None:
    """Only tables are plotted as tables."""
    recipe = SYSTEMS[system].recipe
    synthetic: dict[str, Any] = {
        name: 32 for name in ("synthetic_digits", "synthetic_non_digits") if getattr(recipe, name)
    }  # thousands by default
    synthetic |= {"teachers": ("fast",)} if recipe.teachers else {}
    shared: dict[str, Any] = {"data": small_data, "split": "validate", "epochs": 1, "images": "64", "batch_size": 32}
    run = seesum.train(system, adder=adder, out=tmp_path / "run", quiet=True, **shared, **synthetic)
    assert (run.directory / "report.html").stat().st_size > 100_000
    assert (run.directory / "table.png").exists() == adder.endswith("table")
    words = Page((run.directory / "report.html").read_text()).words
    assert "validation" in words
    assert f"were read from the folder {small_data}." in words
    assert "those of MNIST" not in words
    assert "CC BY-SA" not in words, "the licence of MNIST says nothing of other images"


def test_a_grid_without_images_can_be_plotted() -> None:
    picture = Image.open(io.BytesIO(encode_figure(draw_grid(np.zeros((0, 28, 28), np.uint8), []))))
    assert picture.size[0] > 0


def test_wrong_images_are_marked_red() -> None:
    images = np.zeros((2, 28, 28), np.uint8)

    def count_red(wrong: list[bool]) -> int:
        pixels = np.asarray(Image.open(io.BytesIO(encode_figure(draw_grid(images, ["a", "b"], wrong)))).convert("RGB")).astype(
            int
        )
        return int(((pixels[..., 0] > 150) & (pixels[..., 1] < 90)).sum())

    assert count_red([False, False]) == 0
    assert count_red([False, True]) > 100
    assert count_red([True, True]) > 1.8 * count_red([False, True])
