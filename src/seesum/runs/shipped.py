"""The networks that come with the package, by their names."""

from __future__ import annotations

import os
from pathlib import Path

SHIPPED = Path(__file__).parents[1] / "networks" / "weights"
"""The runs that come with the package, each in a folder with its name."""


def list_shipped() -> list[str]:
    """Return the names of the networks that come with the package."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/run.json"))


def names_shipped(source: str | os.PathLike[str]) -> bool:
    """Return whether a text is the name of a shipped network, which wins over a file or folder of that name."""
    return isinstance(source, str) and source in list_shipped()
