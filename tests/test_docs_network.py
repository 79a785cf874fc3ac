"""docs/tutorials/own-network.md: its commands run, each in a small form. Its Python runs when the site is built."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from documents import ROOT, find_blocks, find_cells, find_commands, make_small
from seesum.runs.run import Run
from seesum.testing import check_adder

PAGE = ROOT / "docs" / "tutorials" / "own-network.md"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a user's directory with the classes of the page in my_nets.py."""
    place = tmp_path_factory.mktemp("nets")
    parts = [cell for cell in find_cells(PAGE) if "class " in cell or "MINE = " in cell]
    lines = [line for part in parts for line in part.splitlines() if not re.match(r"(run = |print|seesum\.testing)", line)]
    (place / "my_nets.py").write_text("\n".join(lines) + "\n")
    (place / "examples").symlink_to(ROOT / "examples")
    return place


@pytest.mark.slow
def test_the_commands_of_the_page(place: Path, command: Any, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They run in order, since some open the run of those before."""
    monkeypatch.chdir(place)
    commands = find_commands("", [PAGE])
    assert len(commands) == 9
    for line in commands:
        words = shlex.split(line)[1:]
        few = ["--data", small_data] if words[0] == "train" else []
        done = command(*words, *make_small(words[0], small_data), *few)
        assert done.code == 0, (line, done.err)
    assert Run(max((place / "runs").glob("*-2*"))).trained


def test_its_adder_takes_every_operation(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    assert "abs(d - a)" in check_adder("my_nets.py:MyAdder", export=False)


def test_all_its_python_runs_when_the_site_is_built() -> None:
    assert len(find_cells(PAGE)) == 6
    assert not find_blocks(PAGE, "python")
