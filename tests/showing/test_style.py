"""base/style.py: all pictures look alike, like the page, and whatever the caller's matplotlib settings are."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import seesum
from seesum.base import style
from seesum.base.files import read_csv
from seesum.data.operations import OPERATIONS
from seesum.networks.adders import ADDERS
from seesum.networks.systems import SYSTEMS
from seesum.runs.run import Run
from seesum.showing import adding, charts, plots
from seesum.studies.seeds import find_result

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "src" / "seesum" / "server" / "page.html").read_text()
ADD = OPERATIONS["add"]


def draw_explanation() -> Figure:
    image = np.full((28, 28), 200, np.uint8)
    steps = dict.fromkeys(("picture", "grey", "cut out", "even light", "ink", "digit", "strokes"), image)
    shares = (np.full(10, 0.1, np.float32), np.full(19, 1 / 19, np.float32))
    saliency = np.full((28, 28), 0.5, np.float32)
    return plots.draw_explanations([plots.Explanation(steps, image, saliency, "4 + 7 = 11", *shares)] * 2, ADD)


def draw_frontier() -> Figure:
    rows = read_csv(ROOT / "results" / "systems.csv")
    ours = [row for system in SYSTEMS.values() if (row := find_result(rows, system))]
    return charts.draw_frontier(ours, read_csv(ROOT / "results" / "public.csv"))


ADDER_ROWS = read_csv(ROOT / "results" / "adders.csv")
TABLE = np.eye(19, dtype=np.float32)[ADD.tabulate()]
FIGURES: dict[str, Callable[[Run], Figure]] = {
    "curves": lambda run: run.plot(),
    "confusion": lambda _: plots.draw_confusion(np.arange(100).reshape(10, 10), "Digit (number of images)"),
    "grid": lambda _: plots.draw_grid(np.zeros((2, 28, 28), np.uint8), ["4 + 7 = 11", "Truth: 2"], [False, True], "Two"),
    "explanations": lambda _: draw_explanation(),
    "answer": lambda _: seesum.Reader.load("fast")(np.eye(28), add=7).plot(),
    "table": lambda _: plots.draw_table(TABLE, ADD),
    "tables": lambda _: charts.draw_tables({"add": TABLE, "add-modulo-10": TABLE[..., :10]}),
    "adding": lambda _: adding.draw_adding(seesum.Reader.load("fast")(np.eye(28), add=7)),
    "adders, simple": lambda _: adding.draw_adder_accuracy(ADDER_ROWS),
    "published": lambda _: charts.draw_published(read_csv(ROOT / "results" / "published.csv")),
    "frontier": lambda _: draw_frontier(),
    "adders": lambda _: charts.draw_comparison(ADDER_ROWS, {}),
    "adders, with traces": lambda _: charts.draw_comparison(ADDER_ROWS, {name: [np.linspace(0, 1, 50)] for name in ADDERS}),
}


def test_colours_and_fonts_are_those_of_the_page() -> None:
    schemes = [dict(re.findall(r"--(\w+): (#\w+);", block)) for block in re.findall(r":root \{(.*?)\}", PAGE, re.S)]
    for colours, scheme in zip((style.LIGHT, style.DARK), schemes, strict=True):
        assert colours == {name: scheme[name] for name in colours}
    for kind, fonts in (("serif", style.SERIF), ("sans", style.SANS)):
        (listed,) = re.findall(rf"--{kind}: (.*?);", PAGE)
        generic = {"system-ui", "-apple-system", "serif", "sans-serif"}
        names = [name.strip().strip('"') for name in listed.split(",")]
        assert [name for name in names if name not in generic] == list(fonts[:-1])
        place = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        assert list(place.glob(f"{fonts[-1].replace(' ', '')}*.ttf")), "the last font comes with matplotlib"


def test_only_the_style_has_colours_and_sizes() -> None:
    package = ROOT / "src" / "seesum"
    for path in [*(package / "showing").glob("*.py"), package / "reading" / "answer.py"]:
        found = re.findall(r"\"#[0-9a-f]{6}\"|\"C\d\"|color=\"(?!white)|dpi=", path.read_text())
        assert not found, (path.name, found)


@pytest.mark.parametrize("looks", [style.SERIES, list(style.OUTPUTS.values())])
def test_series_can_be_told_apart_without_colours(looks: list[style.Look]) -> None:
    assert len({look.marker for look in looks}) == len({str(look.dash) for look in looks}) == len(looks)


@pytest.mark.parametrize("colour", [look.colour for look in style.SERIES] + [style.LIGHT["alarm"]])
def test_colours_can_be_seen_on_white(colour: str) -> None:
    assert measure_contrast(colour, "#ffffff") >= 3


@pytest.mark.parametrize("colour", style.ON_ANY_PAGE.values())
def test_colours_of_a_notebook_can_be_seen_on_dark_pages_too(colour: str) -> None:
    assert min(measure_contrast(colour, page) for page in ("#ffffff", "#1e1e1e")) >= 3


def measure_contrast(colour: str, page: str) -> float:
    """WCAG 2.1 expects a contrast of at least 3 of graphics."""
    light = []
    for one in (colour, page):
        linear = [(part + 0.055) ** 2.4 / 1.055**2.4 if part > 0.04045 else part / 12.92 for part in to_rgb(one)]
        light.append(np.dot((0.2126, 0.7152, 0.0722), linear) + 0.05)
    return float(max(light) / min(light))


@pytest.mark.parametrize("name", FIGURES)
def test_pictures_are_alike(name: str, small_run: Run) -> None:
    """They fit a column of text, their texts begin with a capital letter, and the caller's settings change nothing."""
    figure = FIGURES[name](small_run)
    assert figure.get_figwidth() <= style.WIDTH
    texts = [figure.get_suptitle(), figure.get_supxlabel(), figure.get_supylabel()]
    texts += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    for panel in figure.axes:
        assert panel.get_legend() is None
        texts += [panel.get_title(), panel.get_xlabel(), panel.get_ylabel()]
    assert any(texts)
    names = {*SYSTEMS, *ADDERS}
    assert not [text for text in texts if text and text not in names and text[0].isalpha() and not text[0].isupper()]

    before = style.encode_figure(figure)
    with matplotlib.rc_context():
        matplotlib.style.use("dark_background")
        matplotlib.rcParams.update({"font.size": 20, "savefig.dpi": 50, "axes.titlelocation": "left", "lines.linewidth": 9})
        assert style.encode_figure(FIGURES[name](small_run)) == before
        assert matplotlib.rcParams["font.size"] == 20


@pytest.mark.parametrize("name", ["explanations", "answer"])
def test_labels_below_bars_do_not_touch(name: str, small_run: Run) -> None:
    figure = FIGURES[name](small_run)
    figure.draw_without_rendering()
    panels = [panel for panel in figure.axes if panel.get_xlabel()]
    assert panels
    for panel in panels:
        boxes = [label.get_window_extent() for label in panel.get_xticklabels()]
        assert len(boxes) >= 5
        room = 0.3 * boxes[0].height
        assert all(left.x1 + room < right.x0 for left, right in pairwise(boxes)), panel.get_xlabel()


def test_the_legend_names_what_others_report() -> None:
    (legend,) = draw_frontier().legends
    texts = "\n".join(text.get_text() for text in legend.get_texts())
    for row in read_csv(ROOT / "results" / "public.csv"):
        assert f": {row['name'][:30]}" in texts
        assert row["how_chosen"] in texts


def test_a_dollar_sign_is_a_dollar_sign() -> None:
    figure = plots.draw_grid(np.zeros((1, 28, 28), np.uint8), [r"$\nothing$"])
    assert len(style.encode_figure(figure)) > 1000


def test_every_stored_picture_is_linked() -> None:
    documents = [ROOT / "README.md", ROOT / "results" / "README.md", *(ROOT / "docs").glob("[!_]*/**/*.md")]
    text = "".join(path.read_text() for path in documents)
    folders = [ROOT / "docs" / "pictures", ROOT / "results"]
    stored = [path.name for folder in folders for path in folder.iterdir() if path.suffix in (".png", ".gif")]
    assert len(stored) > 10
    assert not [name for name in stored if name not in text]
