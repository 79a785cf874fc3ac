"""The README and other documents: every command in a small form, and the Python examples."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from conftest import start_server
from seesum.base.files import read_csv
from seesum.networks.systems import SYSTEMS
from seesum.runs.run import Run
from seesum.runs.shipped import SHIPPED

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "results" / "README.md",
    ROOT / "docs" / "explanation" / "preparing.md",
]
QUICK = [
    *("--epochs=1", "--images=500"),
    *("--set=synthetic_digits=20", "--set=synthetic_non_digits=20", "--set=teachers="),
]
SMALL = {
    "train": [*QUICK, "--no-plot"],
    "study": [*QUICK, "--seeds=1"],
    "reproduce": ["--epochs", "1", "--images", "64", "--seeds", "1"],
    "compare": ["--epochs", "1", "--images", "200", "--seeds", "1"],
}
"""Options that make a command small. If an option is given twice, click takes the last."""


def find_blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.S)


def find_commands(start: str, documents: Sequence[Path] = DOCUMENTS) -> list[str]:
    lines = [line for path in documents for block in find_blocks(path, "sh") for line in block.splitlines()]
    return list(dict.fromkeys(line.partition("  #")[0].strip() for line in lines if line.startswith(start)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, small_run: Run, small_data: Path) -> Path:
    """Make a user's directory: a finished run, the examples, a folder of results, a folder of IDX files."""
    place = tmp_path_factory.mktemp("user")
    shutil.copytree(small_run.directory, place / "runs" / "first")
    shutil.copytree(ROOT / "examples", place / "examples")
    shutil.copytree(small_data, place / "idx-files")
    shutil.copy(SHIPPED / "fast" / "model.onnx", place)
    (place / "results").mkdir()
    return place


def make_small(verb: str, data: Path) -> list[str]:
    """Return the options that make a command small."""
    small = SMALL.get(verb, [])
    return [*small, "--data", str(data)] if verb in ("study", "reproduce", "compare") else small


def list_commands() -> list[Any]:
    """Return every command. Those that only results/README.md shows are long versions of the others, and are marked slow."""
    short = find_commands("seesum ", DOCUMENTS[:2])
    return [pytest.param(line, marks=() if line in short else pytest.mark.slow) for line in find_commands("seesum ")]


@pytest.mark.parametrize("line", list_commands())
def test_command(line: str, command: Any, place: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    words = shlex.split(line)[1:]
    if words[0] == "serve":
        with start_server(*(word for word in words[1:] if word != "--open")) as server:
            assert b"seesum" in urlopen(server.address).read()
        return
    done = command(*words, *make_small(words[0], small_data))
    assert done.code == 0, done.err
    assert done.out.strip()


def test_commands_are_found() -> None:
    shown = {command.split()[1] for command in find_commands("seesum ")}
    assert shown >= {
        "train",
        "evaluate",
        "predict",
        "show",
        "report",
        "study",
        "systems",
        "reproduce",
        "compare",
        "export",
        "serve",
    }


@pytest.mark.parametrize("command", find_commands("make"))
def test_make_target(command: str) -> None:
    done = subprocess.run([*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_python_example(place: Path) -> None:
    (block,) = find_blocks(ROOT / "README.md", "python")
    small = block.replace('seesum.train("fast")', 'seesum.train("fast", epochs=1, images="500")')
    assert small != block
    done = subprocess.run([sys.executable, "-c", small], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_python_example_of_reading(place: Path) -> None:
    (block,) = find_blocks(ROOT / "docs" / "explanation" / "preparing.md", "python")
    done = subprocess.run([sys.executable, "-c", block], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *steps, last = done.stdout.splitlines()
    named = [line.partition(" (")[0] for line in steps]
    shown = re.findall(r"^### (\w+(?: \w+)?)$", (ROOT / "docs" / "explanation" / "preparing.md").read_text(), re.M)
    assert [name.capitalize() for name in named] == shown, "each step has a section, in order"
    assert last == "(28, 28) 1"


def test_pictures_and_links_are_there() -> None:
    for path in [*DOCUMENTS, ROOT / "CHANGELOG.md", ROOT / "LOG.md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_readme_has_a_row_for_every_system_with_its_result() -> None:
    readme = (ROOT / "README.md").read_text()
    for name, system in SYSTEMS.items():
        if system.result is None:
            continue
        row = next(line for line in readme.splitlines() if line.startswith(f"| `{name}`"))
        assert f"{system.result.digit:.2f}" in row, row
        assert f"{system.result.sum:.2f}" in row, row


def test_the_readme_shows_the_published_rows() -> None:
    """Each reproduced figure in the README's table must be in results/published.csv."""
    readme = (ROOT / "README.md").read_text()
    rows = {
        (row["system"], row["output"], row["on"], row["epoch"]): row for row in read_csv(ROOT / "results" / "published.csv")
    }
    shown = re.findall(r"^\| ([\w-]+) \| (digit|sum|both) \| (\w+) \| (\w+) \| ([\d.]+) \| ([\d.]+)", readme, re.M)
    assert len(shown) >= 10
    for system, output, on, epoch, published, reproduced in shown:
        row = rows[system, output, on, epoch]
        assert float(published) == float(row["published"])
        assert float(reproduced) == pytest.approx(float(row["reproduced_mean"]), abs=0.0051)


def test_no_machine_is_named() -> None:
    paths = [*DOCUMENTS, ROOT / "LOG.md", *(ROOT / "results").glob("*.csv")]
    for path in paths:
        assert not re.search(r"(?<!\w)/(home|root|tmp|work|Users)/", path.read_text()), path
