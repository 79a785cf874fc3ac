"""The words by which a user names runs. Imports nothing, so that the command line starts at once."""

from __future__ import annotations

LATEST = "latest"
"""Instead of a run's name: the newest finished run under ``runs``."""
RUNS = "runs"
"""The folder, under the current one, that holds runs made without ``--out``."""
DEFAULT_RUN = "hand"
"""The shipped network that answers where no run is named."""
