"""docs/tutorials/own-network.md: its Python runs from top to bottom, and its commands, each in a small form."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seesum.runs.run import Run
from test_docs import ROOT, find_blocks, find_commands, make_small

PAGE = ROOT / "docs" / "tutorials" / "own-network.md"


def write_script(data: Path) -> str:
    """Return the page's Python in one piece, trained on few images."""
    whole, few = "\n".join(find_blocks(PAGE, "python")), f"data={str(data)!r}, epochs=1, plot=False"
    small, count = re.subn(r"seesum\.train\((.*?)(, epochs=3)?\)", rf"seesum.train(\1, {few})", whole)
    assert count == 3
    return small


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a user's directory with the classes of the page in my_nets.py."""
    place = tmp_path_factory.mktemp("nets")
    parts = [block for block in find_blocks(PAGE, "python") if "class " in block or "MINE = " in block]
    lines = [line for block in parts for line in block.splitlines() if not re.match(r"(run = |print|seesum\.testing)", line)]
    (place / "my_nets.py").write_text("\n".join(lines) + "\n")
    (place / "examples").symlink_to(ROOT / "examples")
    return place


@pytest.mark.slow
def test_the_python_of_the_page(elsewhere: Path, small_data: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", write_script(small_data)], cwd=elsewhere, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "'abs(d - a)'" in done.stdout, "MyAdder takes every operation"


@pytest.mark.slow
def test_the_commands_of_the_page(place: Path, command: Any, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They run in order, since some open the run of those before."""
    monkeypatch.chdir(place)
    commands = find_commands("seesum ", [PAGE])
    assert len(commands) == 9
    for line in commands:
        words = shlex.split(line)[1:]
        few = ["--data", small_data] if words[0] == "train" else []
        done = command(*words, *make_small(words[0], small_data), *few)
        assert done.code == 0, (line, done.err)
    assert Run(max((place / "runs").glob("*-2*"))).trained
