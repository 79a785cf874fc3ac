"""training/choosing.py and runs/starts.py: a training that starts from the weights of another run."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import seesum
from conftest import interrupt_third_epoch, write_folder
from seesum.base.errors import InputError
from seesum.base.files import load_tensors
from seesum.data.idx import Dataset, LabelledImages
from seesum.networks.systems import find_system
from seesum.runs.run import Run
from seesum.runs.shipped import SHIPPED
from seesum.training import loop

EPOCHS = 3
COMMON: dict[str, Any] = {"epochs": EPOCHS, "plot": False, "quiet": True}


@pytest.fixture(scope="module")
def odd_data(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 600 training and 100 test images whose digits are not in the middle, so that they are misread."""
    parts = [(mnist.train, slice(6000, 6600)), (mnist.test, slice(100))]
    moved = [LabelledImages(np.roll(part.images[rows], (4, 4), (1, 2)), part.digits[rows]) for part, rows in parts]
    return write_folder(tmp_path_factory.mktemp("data") / "odd", *moved)


@pytest.fixture(scope="module")
def tuned(small_run: Run, odd_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("tuned") / "run"
    return seesum.train(start_from=small_run, data=odd_data, out=out, **COMMON)


def load_weights(run: Run) -> dict[str, torch.Tensor]:
    return load_tensors(run.weights)[0]


def equal_weights(one: Run, other: Run) -> bool:
    ours, theirs = load_weights(one), load_weights(other)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_best_epoch_is_kept_and_the_start_counts(tuned: Run, small_run: Run) -> None:
    history, metrics = tuned.read_rows("history.csv"), tuned.metrics
    kept = history[metrics["kept_epoch"] - 1]
    assert metrics["kept_epoch"] > 0
    assert kept["validation_loss"] < metrics["start_loss"]
    assert kept["validation_both_accuracy"] >= metrics["start_both_accuracy"]
    right_enough = [row for row in history if row["validation_both_accuracy"] >= kept["validation_both_accuracy"]]
    assert kept["validation_loss"] == min(row["validation_loss"] for row in right_enough)
    assert (metrics["evaluated_on"], metrics["images"], metrics["loss"]) == ("validation", 120, kept["validation_loss"])
    assert not equal_weights(tuned, small_run)
    assert not (tuned.directory / "calibration.json").exists()


def test_the_weights_are_those_of_the_start(small_run: Run, small_data: Path, tmp_path: Path) -> None:
    """With rates near 0, only the statistics of the batches change."""
    still: dict[str, Any] = {"lr": 1e-9, "muon_lr": 1e-9, "split": "full"}
    run = seesum.train(start_from=small_run, data=small_data, out=tmp_path / "run", **COMMON, **still)
    ours, theirs = load_weights(run), load_weights(small_run)
    learned = [name for name, _ in run.load_network().named_parameters()]
    assert learned
    for name in learned:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-4, atol=1e-5)


def test_without_a_better_epoch_the_start_is_kept(small_run: Run, small_data: Path, elsewhere: Path, command: Any) -> None:
    shutil.copytree(small_run.directory, elsewhere / "first")
    words = [
        "--from",
        "first",
        "--data",
        small_data,
        "--epochs",
        2,
        "--lr",
        1,
        "--set",
        "muon_lr=3",
        "--out",
        "run",
        "--no-plot",
    ]
    done = command("train", *words)
    assert done.code == 0
    assert f"no epoch is better than {elsewhere / 'first'}, so its weights are kept: " in done.err
    assert equal_weights(Run(Path("run")), small_run)
    metrics = Run(Path("run")).metrics
    assert metrics["kept_epoch"] == 0
    assert (metrics["loss"], metrics["both_accuracy"]) == (metrics["start_loss"], metrics["start_both_accuracy"])


def test_it_is_said_what_was_kept(small_run: Run, odd_data: Path, elsewhere: Path, command: Any) -> None:
    done = command("train", "--from", small_run.directory, "--data", odd_data, "--epochs", 2, "--out", "run", "--no-plot")
    assert done.code == 0
    kept = Run(elsewhere / "run").metrics["kept_epoch"]
    assert f"kept epoch {kept}: " in done.err
    assert " right on 120 validation images, loss " in done.err
    assert f"({small_run.directory}: " in done.err


def test_run_json_says_where_the_weights_came_from(tuned: Run, small_run: Run, command: Any, elsewhere: Path) -> None:
    start = tuned.info["start_from"]
    assert start["run"] == str(small_run.directory)
    assert len(start["sha256"]) == 64
    assert tuned.recipe.split == "validate"
    assert tuned.recipe.muon_lr == pytest.approx(small_run.recipe.muon_lr * tuned.recipe.lr / small_run.recipe.lr)
    done = command(*shlex.split(tuned.info["command"])[1:], "--out", "again", "--no-plot")
    assert done.code == 0
    assert equal_weights(Run(elsewhere / "again"), tuned)


def test_a_shipped_network_is_named(small_data: Path, tmp_path: Path) -> None:
    run = seesum.train(start_from="fast", data=small_data, out=tmp_path / "run", **{**COMMON, "epochs": 1})
    assert (run.info["start_from"]["run"], run.recipe.system) == ("fast", "fast")
    assert run.info["command"].startswith("seesum train --from fast ")
    again = seesum.train(start_from=run, data=small_data, out=tmp_path / "again", **{**COMMON, "epochs": 1})
    assert (again.recipe.lr, again.recipe.batch_size) == (run.recipe.lr, run.recipe.batch_size), "the rates are lowered once"


@pytest.fixture
def stopped(small_run: Run, odd_data: Path, elsewhere: Path) -> Run:
    """Stop the run of ``tuned`` in its third epoch. Its start is a copy that may be changed."""
    shutil.copytree(small_run.directory, elsewhere / "start")
    with interrupt_third_epoch(loop):
        seesum.train(start_from="start", data=odd_data, out="run", **COMMON)
    return Run(elsewhere / "run")


def test_a_resumed_run_ends_with_the_same_weights(stopped: Run, tuned: Run) -> None:
    shutil.rmtree("start")  # the checkpoint has all that is needed
    resumed = seesum.train(resume=stopped, plot=False, quiet=True)
    assert equal_weights(resumed, tuned)
    assert {**resumed.metrics, "train_seconds": 0} == {**tuned.metrics, "train_seconds": 0}


def test_without_checkpoints_the_start_must_be_the_same(stopped: Run, tuned: Run, small_run: Run) -> None:
    for path in stopped.directory.glob("checkpoint*"):
        path.unlink()
    shutil.copy(tuned.weights, "start/weights.safetensors")
    with pytest.raises(InputError, match=r"start has other weights now than when .*run was started from it; start a new run"):
        seesum.train(resume=stopped, plot=False, quiet=True)
    shutil.copy(small_run.weights, "start/weights.safetensors")
    assert equal_weights(seesum.train(resume=stopped, plot=False, quiet=True), tuned)


def test_another_start_is_refused(stopped: Run, small_run: Run) -> None:
    with pytest.raises(InputError, match=r"was started from .*start, not from tiny; leave --from out"):
        seesum.train(resume=stopped, start_from="tiny", plot=False, quiet=True)
    assert seesum.train(resume=stopped, start_from=small_run, plot=False, quiet=True).finished


def test_the_start_is_part_of_the_fingerprint(tuned: Run, tmp_path: Path) -> None:
    copied = Run(shutil.copytree(tuned.directory, tmp_path / "run"))
    info = json.loads((copied.directory / "run.json").read_text())
    info["start_from"]["run"] = "elsewhere"  # a start may be moved
    (copied.directory / "run.json").write_text(json.dumps(info))
    assert Run(copied.directory).load_network()
    info["start_from"]["sha256"] = "0" * 64
    (copied.directory / "run.json").write_text(json.dumps(info))
    with pytest.raises(InputError, match="was made with another recipe"):
        Run(copied.directory).load_network()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "system": ({"system": "tiny"}, "the weights of fast are for the system fast, not tiny; leave the system out"),
    "adder": ({"adder": "exact"}, "the weights of fast are for the adder table, not exact; leave the adder out"),
    "operation": ({"operation": "max"}, "the weights of fast are for the operation add, not max; leave the operation out"),
    "teachers": ({"teachers": ("fast",)}, "fine-tuning learns from the labels and not from teachers; leave the teachers out"),
    "onnx": ({"start_from": SHIPPED / "fast" / "model.onnx"}, "is a file, but this needs a run directory or a shipped network"),
    "nothing": ({"start_from": "nowhere"}, "nowhere is neither a run directory"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_fine_tuned_is_refused(name: str, small_data: Path, elsewhere: Path) -> None:
    changes, sentence = REFUSED[name]
    with pytest.raises(InputError) as refused:
        seesum.train(**{"start_from": "fast", "data": small_data, **COMMON, **changes})
    assert sentence in str(refused.value)
    assert not list(elsewhere.iterdir())


def test_an_unfinished_run_is_no_start(stopped: Run, small_data: Path) -> None:
    with pytest.raises(InputError, match="run is not finished; finish it with"):
        seesum.train(start_from=stopped, data=small_data, **COMMON)


def test_without_validation_images_the_last_weights_are_kept(
    small_run: Run, small_data: Path, elsewhere: Path, command: Any
) -> None:
    words = [
        "--data",
        small_data,
        "--split",
        "full",
        "--epochs",
        1,
        "--lr",
        1,
        "--set",
        "muon_lr=3",
        "--out",
        "run",
        "--no-plot",
    ]
    done = command("train", "--from", small_run.directory, *words)
    assert done.code == 0
    assert "no images were held out, so the last weights are kept" in done.err
    run = Run(elsewhere / "run")
    assert "kept_epoch" not in run.metrics
    assert run.metrics["both_accuracy"] < small_run.metrics["both_accuracy"], "as the user wanted"


def test_a_study_does_not_take_a_fine_tuned_run(tuned: Run, odd_data: Path, tmp_path: Path) -> None:
    shutil.copytree(tuned.directory, tmp_path / "s0")
    usual = find_system("fast").recipe
    changes = {
        name: getattr(tuned.recipe, name) for name in ("split", "images", "batch_size", "lr", "muon_lr", "epochs", "precision")
    }
    assert usual.replaced(changes) == tuned.recipe
    with pytest.raises(InputError, match="s0 started from other weights than this study; give --out a new directory"):
        seesum.study("fast", seeds=1, data=odd_data, out=tmp_path, plot=False, quiet=True, **changes)
