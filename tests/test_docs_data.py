"""docs/howto/own-data.md: every command in a small form, and its Python from top to bottom."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from data_forms import WITH_TEST, draw_page, take_validation, write_classes, write_csv, write_parquet
from seesum.data.idx import Dataset, LabelledImages
from seesum.runs.shipped import SHIPPED
from test_docs import QUICK, ROOT, find_blocks, find_commands

PAGE = ROOT / "docs" / "howto" / "own-data.md"


@pytest.fixture(scope="module")
def place(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a user's directory with the same images in each form, under the names of the page."""
    place = tmp_path_factory.mktemp("own")
    train, test = take_validation(mnist)
    few = LabelledImages(train.images[::15], train.digits[::15])
    write_classes(place / "my_pictures", few, draw_page)
    write_classes(place / "my_images", train)
    write_csv(place / "train.csv", train)
    for name, form in {
        "idx-files": "IDX files",
        "torchvision": "torchvision's root",
        "kaggle": "nested IDX files",
        "emnist": "EMNIST mnist",
        ".": "mnist.npz",
    }.items():
        WITH_TEST[form](place / name, train, test)
    lines = [f"{path.relative_to(place)},{path.parent.name}" for path in sorted((place / "my_pictures").glob("*/*"))]
    (place / "list.csv").write_text("\n".join(["file,digit", *lines]))
    (place / "runs").mkdir()
    shutil.copytree(SHIPPED / "fast", place / "runs" / "first")
    return place


@pytest.mark.parametrize("line", find_commands("seesum ", [PAGE]))
def test_a_command_of_the_page(line: str, command: Any, place: Path, mnist: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(place / "cache"))
    monkeypatch.chdir(place)
    if ".parquet" in line:
        pytest.importorskip("pyarrow", reason="the extra scale is not installed")
        write_parquet(place / "digits.parquet", take_validation(mnist)[0])
    words = shlex.split(line)[1:]
    done = command(*words, *([*QUICK, "--batch-size=8", "--no-plot"] if words[0] == "train" else []))
    assert done.code == 0, done.err
    assert done.out.strip()


def test_the_commands_of_the_page_are_found() -> None:
    commands = find_commands("seesum ", [PAGE])
    assert sum("--data" in line for line in commands) == 9
    assert sum("--pictures" in line for line in commands) == 3


@pytest.mark.slow
def test_the_python_of_the_page(place: Path) -> None:
    whole = "\n".join(find_blocks(PAGE, "python"))
    small = whole.replace('seesum.train("fast", ', 'seesum.train("fast", epochs=1, images="200", plot=False, quiet=True, ')
    assert small.count("epochs=1") == 1
    environment = {**os.environ, "XDG_CACHE_HOME": str(place / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", small], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = [line for line in done.stdout.splitlines() if line.startswith("Dataset(")]
    assert len(shown) == len(re.findall(r"^    (?:\(|\{|Tensor|seesum)", whole, re.M)) == 8
    assert shown[0] == "Dataset(800 training and 200 test images)"
