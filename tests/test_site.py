"""The documentation site: it builds without a warning, all its notebooks run, and it opens in a browser without the network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[1]
QUESTIONS = (
    "Data representation",
    "Data generation strategy",
    "How the two inputs are combined",
    "How results are evaluated",
    "Results",
    "Loss function and why",
)
"""The headings of the page about the assignment behind the published systems."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as ``make docs`` does, in a folder of its own."""
    place = tmp_path_factory.mktemp("site")
    words = [
        "--fail-on-warning",
        "--keep-going",
        "--quiet",
        "-d",
        str(place / "doctrees"),
        str(ROOT / "docs"),
        str(place / "html"),
    ]
    done = subprocess.run([sys.executable, "-m", "sphinx", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    return place / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> list[Path]:
    """Return the HTML files of the site but for the sources of the code."""
    return [path for path in sorted(site.rglob("*.html")) if "_modules" not in path.parts]


def open_page(browser: Browser, path: Path, **settings: object) -> tuple[Page, list[str]]:
    """Open a page. The list has the addresses that it loads from elsewhere, and its errors."""
    page = browser.new_page(**settings)  # type: ignore[arg-type]
    strange: list[str] = []
    page.on("request", lambda request: None if request.url.startswith(("file:", "data:")) else strange.append(request.url))
    page.on("pageerror", lambda error: strange.append(str(error)))
    page.goto(path.as_uri())
    return page, strange


def test_every_page_opens_without_the_network_and_fits_a_phone(site: Path, pages: list[Path], browser: Browser) -> None:
    assert len(pages) > 30
    for path in pages:
        page, strange = open_page(browser, path, viewport={"width": 390, "height": 844})
        assert not strange, path
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, f"{path.relative_to(site)} is {width} pixels wide on a phone"
        broken = page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
        assert not broken, path
        bare = page.evaluate("[...document.images].filter(i => !i.alt).map(i => i.src)")
        assert not bare, f"{path.relative_to(site)} has pictures without a text"
        page.close()


def test_figures_stay_in_one_line(site: Path, browser: Browser) -> None:
    """A cell such as ``99.76 ± 0.02`` or ``98.6 → 98.5`` does not wrap, on a phone either."""
    lines = """cells => cells.filter(cell => /^[\\d.,]+ [±→] [\\d.,]+$/.test(cell.textContent)).map(cell => {
        const range = document.createRange(); range.selectNodeContents(cell.querySelector('p') || cell);
        return new Set([...range.getClientRects()].map(line => line.top)).size })"""
    for name, least in (("two-inputs", 10), ("records", 20), ("preparing", 60), ("adders", 20)):
        page, _ = open_page(browser, site / "explanation" / f"{name}.html", viewport={"width": 390, "height": 844})
        counts = page.eval_on_selector_all("article td", lines)
        assert len(counts) >= least
        assert set(counts) == {1}, name
        page.close()


def test_search_finds_a_page(site: Path, browser: Browser) -> None:
    page, strange = open_page(browser, site / "search.html")
    page.goto((site / "search.html").as_uri() + "?q=calibrate")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    found = page.locator("#search-results li a").all_inner_texts()
    assert any("alibrate" in text for text in found), found
    # a browser lets no page on the disk load the excerpts of the pages found, and says so sooner or later
    assert not [one for one in strange if one != "Failed to fetch"]
    page.close()


def test_the_site_is_light_and_dark(site: Path, browser: Browser) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        page, _ = open_page(browser, site / "index.html", color_scheme=scheme)
        shades[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.close()
    assert shades["light"] != shades["dark"]


def test_the_page_of_the_assignment_has_its_questions(site: Path, browser: Browser) -> None:
    page, _ = open_page(browser, site / "explanation" / "two-inputs.html")
    headings = page.evaluate("[...document.querySelectorAll('h2')].map(h => h.firstChild.textContent)")
    assert [heading for heading in headings if heading in QUESTIONS] == list(QUESTIONS)
    page.close()


def test_the_reference_has_every_public_name_command_and_path(site: Path) -> None:
    import seesum
    from seesum.cli.app import app

    python = (site / "reference" / "python.html").read_text()
    assert [name for name in seesum.__all__ if f'id="seesum.{name}"' not in python] == []
    commands = (site / "reference" / "commands.html").read_text()
    names = [command.callback.__name__ for command in app.registered_commands if command.callback]
    assert [name for name in names if f'id="seesum-{name}"' not in commands] == []
    paths = (site / "reference" / "http-api.html").read_text()
    assert [path for path in ("/predict", "/explain", "/strokes", "/networks") if path not in paths] == []
