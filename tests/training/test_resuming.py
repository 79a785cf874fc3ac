"""training/loop.py and training/state.py: what a run is resumed from, and what is said about it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import seesum
from conftest import interrupt_third_epoch
from seesum.base.errors import InputError
from seesum.base.files import load_tensors, read_csv, save_tensors
from seesum.base.locks import hold_folder
from seesum.runs.run import Run
from seesum.training import loop

EPOCHS = 4
CHANGES: dict[str, Any] = {"epochs": EPOCHS, "batch_size": 100, "ema_decay": 0.5, "plot": False, "quiet": True}


@pytest.fixture(scope="module")
def whole(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return seesum.train("fast", data=small_data, out=tmp_path_factory.mktemp("whole") / "run", **CHANGES)


@pytest.fixture(scope="module")
def after_two(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that was stopped in its third epoch."""
    out = tmp_path_factory.mktemp("stopped") / "run"
    with interrupt_third_epoch(loop):
        seesum.train("fast", data=small_data, out=out, **CHANGES)
    return out


@pytest.fixture
def stopped(after_two: Path, elsewhere: Path) -> Path:
    """Return a copy that may be changed."""
    return shutil.copytree(after_two, elsewhere / "run")


def same_weights(one: Path, other: Path) -> bool:
    return (one / "weights.safetensors").read_bytes() == (other / "weights.safetensors").read_bytes()


def test_a_resumed_run_writes_the_same_bytes(whole: Run, stopped: Path, command: Any) -> None:
    done = command("train", "--resume", stopped, "--no-plot")
    assert done.code == 0
    assert "going on" not in done.err
    assert "differ" not in done.err
    assert same_weights(whole.directory, stopped)
    assert (whole.directory / "steps.csv").read_bytes() == (stopped / "steps.csv").read_bytes()
    histories = [
        [{**row, "train_seconds": ""} for row in read_csv(path / "history.csv")] for path in (whole.directory, stopped)
    ]
    assert histories[0] == histories[1]
    assert {path.name for path in stopped.iterdir()} == {path.name for path in whole.directory.iterdir()}


def test_a_run_is_trained_by_one_process(stopped: Path, command: Any) -> None:
    before = sorted(stopped.iterdir())
    with hold_folder(stopped, ""):
        done = command("train", "--resume", "run", "--no-plot")
    assert (done.code, done.out) == (2, "")
    assert done.err == "seesum: run is being trained by another process; wait until that has ended\n"
    assert sorted(stopped.iterdir()) == before


def test_a_run_that_the_other_process_has_finished_is_left_as_it_is(whole: Run, small_data: Path, tmp_path: Path) -> None:
    copied = Run(shutil.copytree(whole.directory, tmp_path / "run"))
    before = {path.name: path.stat().st_mtime_ns for path in copied.directory.iterdir()}
    loop.train_run(copied, copied.load_splits(small_data), "cpu", quiet=True)
    assert {path.name: path.stat().st_mtime_ns for path in copied.directory.iterdir()} == before


def delete(name: str) -> Callable[[Path], object]:
    return lambda run: (run / name).unlink()


def empty(name: str) -> Callable[[Path], object]:
    return lambda run: (run / name).write_text("")


def cut(name: str) -> Callable[[Path], object]:
    """Leave out the second row."""

    def cut_row(run: Path) -> None:
        lines = (run / name).read_text().splitlines(keepends=True)
        (run / name).write_text("".join(lines[:2] + lines[3:]))

    return cut_row


def change_recipe(name: str, value: object) -> Callable[[Path], object]:
    def change(run: Path) -> None:
        info = json.loads((run / "run.json").read_text())
        info["recipe"][name] = value
        (run / "run.json").write_text(json.dumps(info))

    return change


def take_checkpoint_of_another_run(run: Path) -> None:
    other = seesum.train("fast", data=json.loads((run / "run.json").read_text())["data"]["directory"], seed=1, **CHANGES)
    shutil.copy(other.directory / "checkpoint.safetensors", run)
    shutil.rmtree(other.directory)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no history": (delete("history.csv"), "history.csv lacks rows of the epochs 1 to 2, which the checkpoint has; put"),
    "empty history": (empty("history.csv"), "history.csv lacks rows of the epochs 1 to 2"),
    "a row less": (cut("history.csv"), "history.csv lacks rows of the epochs 1 to 2"),
    "no steps": (delete("steps.csv"), "steps.csv lacks rows of the steps 1 to 12"),
    "a step less": (cut("steps.csv"), "steps.csv lacks rows of the steps 1 to 12"),
    "another seed": (change_recipe("seed", 1), "checkpoint.safetensors was made with another recipe"),
    "another rate": (change_recipe("lr", 0.5), "checkpoint.safetensors was made with another recipe"),
    "more epochs": (change_recipe("epochs", 9), "checkpoint.safetensors was made with another recipe"),
    "another run": (take_checkpoint_of_another_run, "checkpoint.safetensors was made with another recipe"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_do_not_fit_are_refused(stopped: Path, command: Any, name: str) -> None:
    damage, sentence = REFUSED[name]
    damage(stopped)
    before = {path: path.read_bytes() for path in stopped.iterdir()}
    done = command("train", "--resume", "run", "--no-plot")
    assert done.code == 2
    assert done.err.startswith("seesum: run/")
    assert done.err.count("\n") == 1
    assert sentence in done.err
    assert {path: path.read_bytes() for path in stopped.iterdir()} == before


def damage_newest(run: Path) -> None:
    path = run / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def damage_both(run: Path) -> None:
    damage_newest(run)
    shutil.copy(run / "checkpoint.safetensors", run / "checkpoint-before.safetensors")


@pytest.mark.parametrize("damage", [damage_newest, delete("checkpoint.safetensors")])
def test_a_damaged_checkpoint_is_replaced_by_the_one_before(
    whole: Run, stopped: Path, command: Any, damage: Callable[[Path], object]
) -> None:
    damage(stopped)
    done = command("train", "--resume", "run", "--no-plot")
    assert done.code == 0
    sentence = "run/checkpoint.safetensors is missing or damaged; going on from the one before it, after epoch 1\n"
    assert sentence in done.err
    assert same_weights(whole.directory, stopped)
    assert (whole.directory / "steps.csv").read_bytes() == (stopped / "steps.csv").read_bytes()
    epochs = [load_tensors(stopped / f"checkpoint{name}.safetensors")[1]["epoch"] for name in ("", "-before")]
    assert epochs == [EPOCHS, EPOCHS - 1]


def test_the_one_before_takes_the_place_of_the_damaged_one(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the next checkpoint would push the good one out, and keep the damaged one as the one before."""

    def stop(*_: object) -> Any:
        raise KeyboardInterrupt

    damage_newest(stopped)
    monkeypatch.setattr(loop, "train_epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        seesum.train(resume=stopped, plot=False, quiet=True)
    assert load_tensors(stopped / "checkpoint.safetensors")[1]["epoch"] == 1
    assert not (stopped / "checkpoint-before.safetensors").exists()


def test_two_damaged_checkpoints_are_refused(stopped: Path, command: Any) -> None:
    damage_both(stopped)
    done = command("train", "--resume", "run", "--no-plot")
    assert done.code == 2
    assert "run/checkpoint-before.safetensors is damaged" in done.err


def test_without_checkpoints_a_run_starts_anew_and_says_so(whole: Run, stopped: Path, command: Any) -> None:
    for path in stopped.glob("checkpoint*"):
        path.unlink()
    done = command("train", "--resume", "run", "--no-plot")
    assert done.code == 0
    assert "run has no checkpoint any more; starting anew\n" in done.err
    assert same_weights(whole.directory, stopped)


def test_other_threads_and_another_torch_are_said(stopped: Path, command: Any) -> None:
    torch_before = f'"torch": "{torch.__version__}"'
    text = (stopped / "run.json").read_text()
    assert torch_before in text
    (stopped / "run.json").write_text(text.replace(torch_before, '"torch": "2.6.0"'))
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        done = command("train", "--resume", "run", "--no-plot")
    finally:
        torch.set_num_threads(threads)
    assert done.code == 0
    was, now = f"threads {threads} and torch 2.6.0", f"threads {threads + 1} and torch {torch.__version__}"
    assert f"run was started with {was} and goes on with {now}: its weights may differ in the last digits\n" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_says_how_to_go_on(stopped: Path, name: str) -> None:
    words = [sys.executable, "-m", "seesum", "train", "logit", "--images", "3000", "--epochs", "99", "--out", "new"]
    process = subprocess.Popen(words, cwd=stopped.parent, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (stopped.parent / "new" / "history.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(getattr(signal, name))
    _, err = process.communicate(timeout=60)
    assert process.returncode == -getattr(signal, name)
    assert "of 99 epochs are kept in new\ngo on with: seesum train --resume new" in err
    assert "Traceback" not in err
    assert not [path for path in (stopped.parent / "new").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("words", [["--resume", "run"], ["fast", "--images", "500", "--out", "new"]])
def test_a_full_place_is_found_out_before_the_first_epoch(stopped: Path, command: Any, words: list[str]) -> None:
    """The process may write 100 kB a file, and a checkpoint has several times that."""
    before = {path: path.read_bytes() for path in stopped.iterdir()}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        done = command("train", *words, "--no-plot")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert done.code == 2
    assert "/checkpoint.safetensors cannot be written (File too large); it needs" in done.err
    assert done.err.count("\n") == 1
    assert {path: path.read_bytes() for path in stopped.iterdir()} == before
    assert not list(stopped.parent.glob("new/[!r]*")), "nothing but run.json"


@pytest.mark.usefixtures("stopped")
def test_a_read_only_place_is_found_out_first(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write everywhere, so the answer of the system is given by hand."""
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != Path("run") or mode != os.W_OK)
    done = command("train", "--resume", "run", "--no-plot")
    assert done.code == 2
    assert done.err.startswith("seesum: run/metrics.json cannot be written; give a file in a folder that exists")


def test_a_folder_whose_name_is_no_utf8(whole: Run, small_data: Path, tmp_path: Path) -> None:
    out = tmp_path / os.fsdecode(b"\xff-run")
    run = seesum.train("fast", data=small_data, out=out, **CHANGES)
    assert run.load_network()
    assert same_weights(whole.directory, out)
    assert seesum.train(resume=out, plot=False, quiet=True).metrics == run.metrics


def test_a_checkpoint_of_another_network_is_refused(stopped: Path) -> None:
    """Its file says nothing of its run, as in earlier versions."""
    tensors, counters = load_tensors(stopped / "checkpoint.safetensors")
    for change in ({"network.new": torch.zeros(1)}, {"flavour.new": torch.zeros(1)}, {"optimiser.77.x": torch.zeros(1)}):
        save_tensors(stopped / "checkpoint.safetensors", {**tensors, **change}, {**counters, "run": Run(stopped).fingerprint})
        with pytest.raises(InputError, match="does not fit the network 'fast'"):
            seesum.train(resume=stopped, plot=False, quiet=True)
