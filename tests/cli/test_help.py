"""cli/help.py and the docstrings of the commands: groups, examples that run, and lines that fit."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from documents import DOCUMENTS, ROOT, find_commands, make_small
from seesum.cli import app as cli
from seesum.cli.help import split_docstring
from seesum.data.operations import OPERATIONS
from seesum.networks.adders import ADDERS
from seesum.runs.run import Run

COMMANDS = [command for commands in cli.GROUPS.values() for command in commands]
GENERATED = ROOT / "docs" / "reference" / "commands.md"
"""The page of all commands, which is there once the site was built. Its examples are these."""
SLOW = ("compare", "export", "report", "sums")


def list_examples() -> list[str]:
    """Return the examples of all commands, without their comments."""
    lines = [line for command in COMMANDS for line in split_docstring(command)[1].splitlines()]
    return list(dict.fromkeys(line.partition("  #")[0].strip() for line in lines))


def list_undocumented() -> list[Any]:
    """Return the examples that no document shows. The others run with the commands of their document."""
    shown = find_commands("seesum ", [path for path in DOCUMENTS if path != GENERATED])
    lines = [line for line in list_examples() if line not in shown]
    return [pytest.param(line, marks=pytest.mark.slow if line.split()[1] in SLOW else ()) for line in lines]


def test_the_help_lists_every_command_in_one_group(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = command("--help").out
    shown: dict[str, list[str]] = {}
    for title, body in re.findall(r"^(\S[^\n]*):\n((?:  [^\n]+\n)+)", text, re.M):
        shown[title] = re.findall(r"^  (\S+)  ", body, re.M)
    assert shown.pop("Options")
    assert shown == {title: [one.__name__ for one in commands] for title, commands in cli.GROUPS.items()}
    assert len(shown) == 4
    assert "..." not in text.partition("Train:")[2], "each command's first sentence fits on its line"
    starts = {re.match(r"  \S+ +", line).end() for line in text.partition("Train:")[2].splitlines() if line[:1] == " "}  # type: ignore[union-attr]
    assert len(starts) == 1, "the sentences stand in one column"


@pytest.mark.parametrize("name", [one.__name__ for one in COMMANDS])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_help_of_a_command_ends_with_its_examples(
    command: Any, monkeypatch: pytest.MonkeyPatch, name: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = command(name, "--help").out
    (function,) = (one for one in COMMANDS if one.__name__ == name)
    examples = split_docstring(function)[1].splitlines()
    assert 2 <= len(examples) <= 4
    assert all(line.startswith(f"seesum {name} ") or line == f"seesum {name}" for line in examples[-1:])
    assert text.endswith("\n\nExamples:\n" + "".join(f"  {line}\n" for line in examples)), "no example is wrapped"
    assert all(len(line) <= 80 for line in text.splitlines())
    columns = {line.index("  #") for line in examples if "  #" in line}
    assert len(columns) <= 1, "comments stand in one column"
    assert "<" not in text, "a name stands for each value, and no type"


def test_the_help_names_every_adder_and_operation(command: Any) -> None:
    text = " ".join(command("train", "--help").out.split())
    for name in [*ADDERS, *OPERATIONS]:
        assert re.search(rf"\b{name}\b", text), name


@pytest.mark.parametrize("line", list_undocumented())
def test_an_example_runs(line: str, command: Any, elsewhere: Path, small_run: Run, small_data: Path) -> None:
    shutil.copytree(small_run.directory, elsewhere / "runs" / "first")
    if "--resume" in line:
        (elsewhere / "runs" / "first" / "metrics.json").unlink()
    words = shlex.split(line)[1:]
    small = ["--no-plot"] if "--resume" in line else make_small(words[0], small_data)
    done = command(*words, *small)
    assert done.code == 0, done.err
    assert done.out.strip()


def test_every_example_is_run_here_or_shown_in_a_document() -> None:
    assert len(list_examples()) > 2 * len(COMMANDS) - 3
    assert 0 < len(list_undocumented()) < len(list_examples())


def test_the_help_answers_at_once() -> None:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "seesum", "--help"], capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    assert min(times) < 1, "0.2 s alone on a core; other processes may take the cores"
