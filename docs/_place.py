"""Prepare the place where a tutorial runs while the site is built: a temporary folder with the examples, and one thread."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
_PLACE = tempfile.TemporaryDirectory(prefix="seesum-tutorial-")  # is removed when the kernel ends

os.environ["OMP_NUM_THREADS"] = "1"  # torch reads this when it is imported; small trainings gain nothing from more
shutil.copytree(_EXAMPLES, Path(_PLACE.name, "examples"), ignore=shutil.ignore_patterns("plugin"))
os.chdir(_PLACE.name)
