"""docs/howto/fine-tuning.md and docs/howto/watching-training.md: each block of Python and each command, in a small form."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from documents import ROOT, find_blocks, find_commands, make_small
from seesum.base.files import read_csv
from seesum.data.idx import Dataset
from seesum.runs.run import Run

TUNING, WATCHING = ROOT / "docs" / "howto" / "fine-tuning.md", ROOT / "docs" / "howto" / "watching-training.md"


def run_small(block: str, place: Path, data: Path) -> str:
    """Run a block of Python on few images, and return what it prints."""
    small = re.sub(r"on_epoch=(tell|draw)", r"on_epoch=\1, plot=False", block)
    small = small.replace('seesum.train("fast",', f'seesum.train("fast", data="{data}",').replace("n_trials=20", "n_trials=2")
    small = re.sub(r'(start_from="hand", data="my_pictures")', r"\1, epochs=1, plot=False", small)
    assert small != block
    environment = os.environ | {"MPLBACKEND": "agg"}
    words = [sys.executable, "-c", small]
    done = subprocess.run(words, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def find_block(start: str) -> str:
    """Return the block of Python under a heading of the page."""
    page = WATCHING.read_text()
    (section,) = [part for part in page.split("\n## ") if part.startswith(start)]
    (block,) = re.findall(r"```python\n(.*?)```", section, re.S)
    return str(block)


@pytest.fixture(scope="module")
def pictures(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a user's directory with the folder my_pictures, in which each digit has ten pictures."""
    place = tmp_path_factory.mktemp("writer")
    for digit in range(10):
        folder = place / "my_pictures" / str(digit)
        folder.mkdir(parents=True)
        for number, row in enumerate((mnist.train.digits == digit).nonzero()[0][:10]):
            Image.fromarray(255 - mnist.train.images[row]).resize((56, 56)).save(folder / f"{number}.png")
    return place


def test_every_block_of_python_is_run() -> None:
    assert len(find_blocks(TUNING, "python")) == 1
    sections = ("A function", "Early", "Prune", "A live plot")
    assert find_blocks(WATCHING, "python") == [find_block(start) for start in sections]


@pytest.mark.slow
def test_fine_tuning_in_python(pictures: Path, small_data: Path) -> None:
    (block,) = find_blocks(TUNING, "python")
    assert run_small(block, pictures, small_data) == "3 10\n"


@pytest.mark.slow
def test_fine_tuning_on_the_command_line(pictures: Path, command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pictures)
    line, _ = find_commands("seesum ", [TUNING])
    done = command(*shlex.split(line)[1:], "--epochs", 1, "--out", "run")
    assert done.code == 0, done.err
    assert " validation images, loss " in done.err
    kept = Run(pictures / "run").metrics["kept_epoch"]
    sentence = f"The training started from the weights of hand. The weights after epoch {kept} were kept."
    assert sentence in (pictures / "run" / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.long
def test_the_commands_of_the_table(elsewhere: Path, command: Any) -> None:
    _, line = find_commands("seesum ", [TUNING])
    done = command(*shlex.split(line)[1:], *make_small("train", elsewhere))
    assert done.code == 0, done.err
    (line,) = find_commands("python ", [TUNING])
    _, script, *words = shlex.split(line)
    small = ["--writers", "1", "--each", "5", "--others", "1"]
    subprocess.run([sys.executable, str(ROOT / script), *words, *small], check=True, capture_output=True)
    (row,) = read_csv(elsewhere / "results" / "fine-tuning.csv")
    assert (row["start"], row["each"], row["n"]) == ("hand", "5", "1")
    assert 0 < float(row["before_mean"]) <= 100


def test_the_table_shows_the_stored_row() -> None:
    row = read_csv(ROOT / "results" / "fine-tuning.csv")[-1]
    for name in ("before", "after", "mnist_before", "mnist_after"):
        assert f"{row[f'{name}_mean']} ± {row[f'{name}_std']}" in TUNING.read_text()
    assert f"{row['n']} writers" in TUNING.read_text()


@pytest.mark.slow
def test_a_function_for_every_epoch(elsewhere: Path, small_data: Path) -> None:
    printed = run_small(find_block("A function"), elsewhere, small_data)
    assert [line.partition(":")[0] for line in printed.splitlines()] == [f"epoch {one} of 5" for one in range(1, 6)]


@pytest.mark.slow
def test_early_stopping(elsewhere: Path, small_data: Path) -> None:
    epochs = int(run_small(find_block("Early"), elsewhere, small_data))
    assert 4 <= epochs < 30
    (report,) = elsewhere.glob("runs/*/report.html")
    assert f"It was stopped after {epochs} of 30 epochs." in report.read_text()


@pytest.mark.slow
def test_pruning_with_optuna(elsewhere: Path, small_data: Path) -> None:
    pytest.importorskip("optuna", reason="Optuna is not installed")
    assert run_small(find_block("Prune"), elsewhere, small_data).startswith("{'lr': ")


@pytest.mark.slow
def test_a_live_plot(elsewhere: Path, small_data: Path) -> None:
    pytest.importorskip("IPython", reason="IPython is not installed")
    run_small(find_block("A live plot"), elsewhere, small_data)


@pytest.mark.slow
def test_the_command_with_tensorboard(elsewhere: Path, command: Any, small_data: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    (line,) = find_commands("seesum ", [WATCHING])
    done = command(*shlex.split(line)[1:], "--data", small_data, "--no-plot")
    assert done.code == 0, done.err
    assert list(elsewhere.glob("runs/*/tensorboard/events.out.tfevents.*"))
