"""docs/tutorials: text notebooks whose cells run when the site is built (test_site.py). Here is what shows without that."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from documents import ROOT, find_cells, find_free_names, find_links

FOLDER = ROOT / "docs" / "tutorials"
PAGES = sorted(set(FOLDER.glob("*.md")) - {FOLDER / "index.md"})
HEADER = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n# "
PLACE = "```{code-cell} ipython3\n:tags: [remove-cell]\n\n%run ../_place.py\n```\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_it_is_a_notebook(page: Path) -> None:
    """Without the header, no cell runs. Without the first cell, runs are written into the documents."""
    text = page.read_text()
    assert text.startswith(HEADER)
    assert re.findall(r"^```\{.*?^```\n", text, re.S | re.M)[0] == PLACE
    assert text.count("{code-cell} ipython3") == text.count("{code-cell}")
    assert "*To follow along, " in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_cells_are_one_script(page: Path) -> None:
    """Whoever pastes the cells into Python, one after the other, has all names that they use."""
    cells = find_cells(page)
    assert cells
    for cell in cells:
        ast.parse(cell)
    assert not find_free_names("\n".join(cells))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_figures_have_a_text(page: Path) -> None:
    """A cell that ends with a figure says what it shows, for those who cannot see it."""
    text = page.read_text()
    for cell in re.findall(r"^```\{code-cell\} ipython3\n(.*?)^```", text, re.S | re.M):
        if re.search(r"^(Image\(|figure, |\w+\.plot\()", cell, re.M):
            assert re.match(r':mystnb: \{image: \{alt: ".+"\}\}\n', cell), cell


def test_the_first_page_lists_all() -> None:
    text = (FOLDER / "index.md").read_text()
    (tree,) = re.findall(r"```\{toctree\}\n:hidden:\n\n(.*?)```", text, re.S)
    assert set(tree.split()) == {page.stem for page in PAGES}
    assert {target for target, _ in find_links(FOLDER / "index.md")} == {page.name for page in PAGES}
