"""Tables of HTML, for reports and notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any


def format_table(header: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> str:
    """Return a table of HTML. All texts are escaped, and each column begins with a capital letter."""
    caption = f'<caption style="text-align:left">{escape(title)}</caption>' if title else ""
    head = "".join(f"<th>{escape(name[:1].upper() + name[1:])}" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(value))}" for value in row) for row in rows)
    return f"<table>{caption}<tr>{head}{body}</table>"
