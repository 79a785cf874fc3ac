"""docs/howto/own-operation.md: its Python and its commands run in order, in a small form. Its examples are formulas."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from documents import ROOT, find_blocks, find_commands, make_small
from seesum.data.operations import find_operation

PAGE = ROOT / "docs" / "howto" / "own-operation.md"


def test_every_example_is_a_formula() -> None:
    (table,) = re.findall(r"\| a formula may have.*?\n\n", PAGE.read_text(), re.S)
    examples = [formula for row in table.split("\n")[2:-2] for formula in re.findall(r"`([^`]+)`", row.split("|")[2])]
    assert len(examples) >= 10
    for formula in [*examples, "d // a if a else 0"]:
        assert find_operation(formula).formula == formula


def test_links_of_the_page_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", PAGE.read_text())
    assert len(targets) == 2
    for target in targets:
        assert (PAGE.parent / target).exists(), target


@pytest.fixture
def place(elsewhere: Path) -> Path:
    """Make a user's directory with the example pictures and the file of the page."""
    shutil.copytree(ROOT / "examples", elsewhere / "examples", ignore=shutil.ignore_patterns("plugin"))
    (elsewhere / "my_operations.py").write_text(find_blocks(PAGE, "python")[1])
    return elsewhere


@pytest.mark.slow
def test_the_commands_of_the_page(place: Path, command: Any, small_data: Path) -> None:
    commands = find_commands("seesum ", [PAGE])
    assert len(commands) == 5
    for line in commands:
        words = shlex.split(line)[1:]
        done = command(*words, *make_small(words[0], small_data))
        assert done.code == 0, (line, done.err)
    assert (place / "distance.png").exists()


@pytest.mark.slow
def test_the_python_of_the_page(place: Path) -> None:
    block = find_blocks(PAGE, "python")[0]
    small = block.replace("count_letters))", 'count_letters), images="6000", batch_size=64, plot=False)')
    assert small != block
    done = subprocess.run([sys.executable, "-c", small], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["4", "(3, 4, 5)"]
