"""The words by which a user names runs. Imports next to nothing, so that the command line starts at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LATEST = "latest"
"""Instead of a run's name: the newest finished run under ``runs``."""
RUNS = "runs"
"""The folder, under the current one, that holds runs made without ``--out``."""
DEFAULT_RUN = "hand"
"""The shipped network that answers where no run is named."""


def write_resume(directory: Path, info: Mapping[str, Any]) -> str:
    """Return the command that continues the run in a directory, whose ``run.json`` holds ``info``."""
    return f"seesum {'sums' if 'sums' in info else 'train'} --resume {directory}"
