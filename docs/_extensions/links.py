"""Mend links while the site is built, so that one Markdown file reads well here and on a code host."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

INCLUDED = {
    "CHANGELOG.md": "reference/changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "LOG.md": "explanation/experiments.md",
    "README.md": "index.md",
    "SECURITY.md": "explanation/promises.md",
    "results/README.md": "reference/results.md",
}
"""A document of the repository -> the page of the site that includes it or says the same."""
CODE = re.compile(r"(^```.*?^```|`(?:[^`\n]|\n(?!\n))+`)", re.M | re.S)
"""Blocks and pieces of code, in which nothing is a link."""
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)")


def mend_links(root: Path, written: Path, read: Path, text: str) -> str:
    """Return the text of a file as it belongs into a page of the site.

    A link to a document that the site includes leads to its page. A link to a folder, which no site can show, loses its target.

    Args:
        root: the repository.
        written: the folder of the file, from which its links are counted.
        read: the folder of the page that shows the text.
        text: the file's Markdown.
    """
    docs = root / "docs"

    def mend(match: re.Match[str]) -> str:
        picture, label, target, anchor = match.groups()
        path = Path(os.path.normpath(written / target))
        page = INCLUDED.get(path.relative_to(root).as_posix()) if path.is_relative_to(root) else None
        if page is not None:
            path = docs / page
        elif path.is_dir():
            return label
        return f"{picture}[{label}]({os.path.relpath(path, read)}{anchor or ''})"

    parts = CODE.split(text)  # every second part is code
    return "".join(part if place % 2 else LINK.sub(mend, part) for place, part in enumerate(parts))


def mend_page(app: Sphinx, name: str, texts: list[str]) -> None:
    """Mend the links of a page before it is parsed."""
    folder = Path(app.env.doc2path(name)).parent
    texts[0] = mend_links(Path(app.srcdir).parent, folder, folder, texts[0])


def mend_included(app: Sphinx, path: Path, name: str, texts: list[str]) -> None:  # noqa: ARG001
    """Mend the links of a file that a page includes. MyST gives the page's name without its folder, so it is not used."""
    root, folder = Path(app.srcdir).parent, Path(app.env.doc2path(app.env.docname)).parent
    texts[0] = mend_links(root, (root / "docs" / path).resolve().parent, folder, texts[0])


class Attributes:
    """Keeps the docstrings of attributes from napoleon, which takes the words before a colon for a type."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def save(self, app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:  # noqa: ARG002
        """Keep the lines as they are written."""
        self.lines = list(lines)

    def restore(self, app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:  # noqa: ARG002
        """Put the lines of an attribute back."""
        if what in ("attribute", "data", "property"):
            lines[:] = self.lines


def link_pages(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:  # noqa: ARG001
    """Turn the paths of pages in a docstring, such as docs/howto/train.md, into links."""
    lines[:] = [re.sub(r"docs/([\w/-]+)\.md", r":doc:`/\1`", line) for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Take part in the building of the site."""
    app.connect("source-read", mend_page)
    app.connect("include-read", mend_included)
    attributes = Attributes()
    app.connect("autodoc-process-docstring", attributes.save, priority=400)  # napoleon has 500
    app.connect("autodoc-process-docstring", attributes.restore, priority=600)
    app.connect("autodoc-process-docstring", link_pages, priority=700)
    return {"parallel_read_safe": True}
