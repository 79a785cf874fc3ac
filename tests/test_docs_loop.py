"""docs/howto/own-loop.md: every Python example. Those that train do so on few images."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from conftest import write_folder
from seesum.data.idx import Dataset, LabelledImages

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "howto" / "own-loop.md"
WHOLE, SMALL = "seesum.datasets()", 'seesum.datasets("idx-files")'


def find_examples() -> dict[str, str]:
    """Return the Python blocks of the page, each under the heading before it."""
    parts = re.split(r"^#+ (.+)$", DOCUMENT.read_text(), flags=re.M)
    titled = zip(parts[1::2], parts[2::2], strict=True)
    return {title: block for title, text in titled for block in re.findall(r"```python\n(.*?)```", text, re.S)}


EXAMPLES = find_examples()
TRAINING = [title for title, block in EXAMPLES.items() if WHOLE in block]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, mnist: Dataset) -> Path:
    """Make a user's directory: the pictures of the examples, and a folder of IDX files."""
    place = tmp_path_factory.mktemp("loop")
    shutil.copytree(ROOT / "examples", place / "examples", ignore=shutil.ignore_patterns("plugin"))
    train, test = mnist.train, mnist.test
    write_folder(
        place / "idx-files",
        LabelledImages(train.images[:3000], train.digits[:3000]),
        LabelledImages(test.images[:200], test.digits[:200]),
    )
    return place


def run(block: str, place: Path) -> str:
    """Run an example as a script of its own, since other processes import it."""
    script = place / "example.py"
    script.write_text(block)
    done = subprocess.run([sys.executable, str(script)], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_has_these_examples() -> None:
    assert TRAINING == ["With torch alone", "With Lightning", "With skorch"]
    assert len(EXAMPLES) == DOCUMENT.read_text().count("```python") == 6


@pytest.mark.slow
@pytest.mark.parametrize("title", TRAINING)
def test_a_loop_trains(title: str, place: Path) -> None:
    block = EXAMPLES[title]
    needed = re.findall(r"^import (\w+)$", block, re.M)
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
    printed = run(block.replace(WHOLE, SMALL), place)
    (share,) = re.findall(r"([\d.]+)% of the sums are right", printed)
    assert float(share) > 80


@pytest.mark.parametrize("title", [title for title in EXAMPLES if title not in TRAINING])
def test_an_example_runs(title: str, place: Path) -> None:
    (shown,) = re.findall(r"`(Answer\(.+?\))`", DOCUMENT.read_text())
    expected = {
        "Pictures": r"^Answer\(3 \+ 7 = 10, \d\d\.\d % sure\)\n100 Answer\(7 \+ 0 = 7, .+\) 0 \(10,\)$",
        "Answers and runs in a notebook": rf"^{re.escape(shown)} \(28, 28\) Operation\(add\)$",
        "Processes and threads": r"^Answer\(3 \+ 7 = 10, .+\)\nAnswer\(7 \+ 4 = 11, .+\)$",
    }
    assert re.search(expected[title], run(EXAMPLES[title], place).strip())
