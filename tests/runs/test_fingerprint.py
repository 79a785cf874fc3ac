"""runs/run.py and runs/creation.py: weights belong to their run, and a killed start can be repeated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import seesum
from seesum.base.errors import InputError
from seesum.base.files import load_tensors, save_tensors
from seesum.base.locks import hold_folder
from seesum.base.recipe import Recipe
from seesum.runs.creation import create_run
from seesum.runs.run import Run
from seesum.runs.shipped import list_shipped

REFUSED = r"\.safetensors was made with another recipe, other images or another number of threads than run\.json says"


@pytest.fixture
def copied(small_run: Run, tmp_path: Path) -> Run:
    return Run(shutil.copytree(small_run.directory, tmp_path / "copied"))


def change_info(run: Run, change: Any) -> Run:
    """Change ``run.json``, and return the run as a new process reads it."""
    path = run.directory / "run.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))
    return Run(run.directory)


def test_weights_of_another_run_are_refused(copied: Run, small_data: Path, tmp_path: Path) -> None:
    assert copied.load_network()
    other = seesum.train("fast", data=small_data, out=tmp_path / "other", plot=False, quiet=True)
    shutil.copy(other.weights, copied.weights)
    with pytest.raises(InputError, match=REFUSED):
        seesum.Reader.load(copied)
    with pytest.raises(InputError, match=REFUSED):
        seesum.evaluate(copied)


@pytest.mark.parametrize(
    "change",
    [
        lambda info: info["recipe"].update(seed=1),
        lambda info: info["recipe"].update(lr=info["recipe"]["lr"] * 2),
        lambda info: info["recipe"].update(epochs=2),
        lambda info: info["data"]["sha256"].update({next(iter(info["data"]["sha256"])): "0" * 64}),
        lambda info: info["hardware"].update(threads=7),
    ],
)
def test_a_changed_run_json_is_refused(copied: Run, change: Any) -> None:
    with pytest.raises(InputError, match=REFUSED):
        change_info(copied, change).load_network()


def test_fields_that_decide_nothing_may_change(copied: Run) -> None:
    def move(info: dict[str, Any]) -> None:
        info["data"]["directory"] = "/elsewhere"
        info["commit"] = "0123456789ab"

    assert change_info(copied, move).load_network()


def test_weights_of_earlier_versions_load(copied: Run) -> None:
    assert load_tensors(copied.weights)[1] == {"run": copied.fingerprint}
    save_tensors(copied.weights, load_tensors(copied.weights)[0])
    assert copied.load_network()
    for name in set(list_shipped()) - {"hand"}:  # which is of this version
        run = seesum.Run(Path(seesum.__file__).parent / "networks" / "weights" / name)
        assert load_tensors(run.weights)[1] == {}, "the shipped weights are of an earlier version"
        assert run.load_network()


def test_a_start_that_was_killed_is_repeated(tmp_path: Path) -> None:
    """Its process had made the directory, and not yet renamed run.json."""
    directory = tmp_path / "run"
    directory.mkdir()
    (directory / ".run.json.0a1b2c3d").write_text('{"recipe"')
    create_run(Recipe("fast"), {}, directory)
    assert [path.name for path in directory.iterdir()] == ["run.json"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / ".run.json.mine").write_text("something of the user")
    with pytest.raises(InputError, match="is not empty"):
        create_run(Recipe("fast"), {}, tmp_path / "mine")
    with pytest.raises(InputError, match="is being used by another process"), hold_folder(directory, ""):
        create_run(Recipe("fast"), {}, directory)
