"""docs/_extensions/links.py: one Markdown file reads well on the site and on a code host."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

ROOT = Path(__file__).parents[1]
EXTENSION = runpy.run_path(str(ROOT / "docs" / "_extensions" / "links.py"))
mend_links = cast(Callable[[Path, Path, Path, str], str], EXTENSION["mend_links"])


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("[log](../../LOG.md)", "[log](experiments.md)"),
        ("[rows](../../results/README.md#pictures)", "[rows](../reference/results.md#pictures)"),
        ("[a page](../howto/train.md)", "[a page](../howto/train.md)"),
        ("![a picture](../pictures/page.png)", "![a picture](../pictures/page.png)"),
        ("[a package](../../examples/plugin), here", "a package, here"),
        ("[outside](https://example.org/a)", "[outside](https://example.org/a)"),
        ("`code in\ntwo lines` and a [log](../../LOG.md), `code`", "`code in\ntwo lines` and a [log](experiments.md), `code`"),
        ("`table[key](../howto)`", "`table[key](../howto)`"),
        ("```python\ntable[key](../howto)\n```\n", "```python\ntable[key](../howto)\n```\n"),
    ],
)
def test_links_of_a_page(text: str, mended: str) -> None:
    page = ROOT / "docs" / "explanation"
    assert mend_links(ROOT, page, page, text) == mended


def test_links_of_an_included_file_are_counted_from_the_page() -> None:
    text = "[pages](docs/howto/train.md) and [rows](results/README.md)"
    mended = "[pages](../howto/train.md) and [rows](results.md)"
    assert mend_links(ROOT, ROOT, ROOT / "docs" / "reference", text) == mended


def test_every_included_file_and_its_page_are_there() -> None:
    for document, page in EXTENSION["INCLUDED"].items():
        assert (ROOT / document).is_file()
        assert (ROOT / "docs" / page).is_file()
