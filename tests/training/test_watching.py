"""training/watching.py and training/events.py: a function for every epoch, and TensorBoard."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import seesum
from seesum.base.errors import InputError
from seesum.base.files import load_tensors, read_csv
from seesum.runs.run import Run
from seesum.training import loop

EPOCHS = 4
CHANGES: dict[str, Any] = {"epochs": EPOCHS, "batch_size": 100, "ema_decay": 0.5, "plot": False, "quiet": True}


@pytest.fixture(scope="module")
def whole(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return seesum.train("fast", data=small_data, out=tmp_path_factory.mktemp("whole") / "run", **CHANGES)


def same_weights(one: Path, other: Path) -> bool:
    return (one / "weights.safetensors").read_bytes() == (other / "weights.safetensors").read_bytes()


class BoomError(Exception):
    """An exception of the user's."""


def test_the_function_gets_the_rows_of_the_history_and_changes_nothing(whole: Run, small_data: Path, elsewhere: Path) -> None:
    rows: list[dict[str, Any]] = []

    def keep(row: dict[str, Any]) -> None:
        torch.manual_seed(7)  # of no effect on the training
        rows.append(dict(row))
        row.clear()

    run = seesum.train("fast", data=small_data, out=elsewhere / "run", on_epoch=keep, **CHANGES)
    assert [(row.pop("epoch"), row.pop("epochs")) for row in rows] == [(number, EPOCHS) for number in range(1, EPOCHS + 1)]
    assert rows == [{k: v for k, v in row.items() if k != "epoch"} for row in run.read_rows("history.csv")]
    assert same_weights(whole.directory, run.directory)
    states = [load_tensors(one.directory / "checkpoint.safetensors")[0]["generator.torch"] for one in (run, whole)]
    assert torch.equal(*states)


def stop_after_two(row: dict[str, Any]) -> str | None:
    return "stop" if row["epoch"] == 2 else None


def test_stop_ends_the_training_and_finishes_the_run(
    small_data: Path, elsewhere: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    changes = {**CHANGES, "quiet": False}
    run = seesum.train("fast", data=small_data, out="run", on_epoch=stop_after_two, **changes)
    assert f"on_epoch has stopped the training after 2 of {EPOCHS} epochs\n" in capfd.readouterr().err
    assert run.finished
    assert (run.metrics["epochs"], run.recipe.epochs, len(run.read_rows("history.csv"))) == (2, EPOCHS, 2)
    before = run.weights.read_bytes()
    assert seesum.train(resume=run, plot=False, quiet=True).metrics["epochs"] == 2
    assert run.weights.read_bytes() == before
    shutil.copytree("run", elsewhere / "study" / "s0")
    with pytest.raises(InputError, match="s0 was stopped earlier than this study"):
        seesum.study("fast", seeds=1, data=small_data, out="study", **CHANGES)


def test_a_stopped_run_that_was_killed_before_its_end_stays_stopped(
    small_data: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_tensors", kill)  # the final weights
        with pytest.raises(KeyboardInterrupt):
            seesum.train("fast", data=small_data, out="run", on_epoch=stop_after_two, **CHANGES)
    assert not (elsewhere / "run" / "weights.safetensors").exists()
    assert seesum.train(resume="run", plot=False, quiet=True).metrics["epochs"] == 2


@pytest.mark.parametrize("epochs", [1, EPOCHS])
def test_an_exception_ends_the_training_and_nothing_is_lost(
    whole: Run, small_data: Path, elsewhere: Path, capfd: pytest.CaptureFixture[str], epochs: int
) -> None:
    def fail(row: dict[str, Any]) -> None:
        if row["epoch"] == min(2, epochs):
            raise BoomError

    with pytest.raises(BoomError):
        seesum.train("fast", data=small_data, out="run", on_epoch=fail, **{**CHANGES, "epochs": epochs, "quiet": False})
    err = capfd.readouterr().err
    assert f"stopped; {min(2, epochs)} of {epochs} epochs are kept in run\ngo on with: seesum train --resume run" in err
    seen: list[int] = []
    resumed = seesum.train(resume="run", on_epoch=lambda row: seen.append(row["epoch"]), plot=False, quiet=True)
    assert seen == list(range(3, epochs + 1)), "the function is told of the epochs that are left"
    assert resumed.metrics["epochs"] == epochs
    if epochs == EPOCHS:
        assert same_weights(whole.directory, elsewhere / "run")


@pytest.mark.parametrize("answer", [False, True, "halt", 0])
def test_another_answer_is_refused(small_data: Path, elsewhere: Path, answer: object) -> None:
    with pytest.raises(InputError, match=r'on_epoch returned .*; return "stop" to end the training, and None to go on'):
        seesum.train("fast", data=small_data, out=elsewhere / "run", on_epoch=lambda _: answer, **CHANGES)
    assert len(read_csv(elsewhere / "run" / "history.csv")) == 1


def test_what_cannot_be_called_is_refused(small_data: Path, elsewhere: Path) -> None:
    with pytest.raises(InputError, match="on_epoch is of the type int; give a function of one argument"):
        seesum.train("fast", data=small_data, on_epoch=3, **CHANGES)  # type: ignore[arg-type]
    assert not list(elsewhere.iterdir())


def test_an_unknown_log_is_refused(small_data: Path, elsewhere: Path, command: Any) -> None:
    done = command("train", "fast", "--data", small_data, "--log", "paper")
    assert done.code == 2
    assert "'paper'" in done.err
    assert "tensorboard" in done.err
    assert not list(elsewhere.iterdir())


def test_without_tensorboard_it_is_said_how_to_install_it(
    small_data: Path, elsewhere: Path, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    done = command("train", "fast", "--data", small_data, "--log", "tensorboard")
    assert done.code == 1
    assert done.err == (
        'seesum: this needs tensorboard, which is not installed; install it with: pip install "seesum[tensorboard]"\n'
    )
    assert not list(elsewhere.iterdir())


def read_events(run: Run) -> dict[str, list[tuple[int, float]]]:
    """The scalars of a run's event files, as TensorBoard reads them: step and value by name."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(run.directory / "tensorboard"), {"scalars": 0})
    events.Reload()
    return {tag: [(one.step, one.value) for one in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.filterwarnings("ignore")  # tensorboard's own
def test_events_are_the_rows_also_of_a_resumed_run(small_data: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")

    def fail(row: dict[str, Any]) -> None:
        if row["epoch"] == 2:
            raise BoomError

    changes = {**CHANGES, "split": "validate", "log": "tensorboard"}
    with pytest.raises(BoomError):
        seesum.train("fast", data=small_data, out="run", on_epoch=fail, **changes)
    run = seesum.train(resume="run", plot=False, quiet=True, log="tensorboard")
    events = read_events(run)
    steps, history = run.read_rows("steps.csv"), run.read_rows("history.csv")
    assert [step for step, _ in events["loss/step"]] == [row["step"] for row in steps]
    assert [value for _, value in events["lr/step"]] == pytest.approx([row["lr"] for row in steps])
    for tag, column in (("sum_accuracy/epoch", "sum_accuracy"), ("loss/validation", "validation_loss")):
        assert [step for step, _ in events[tag]] == list(range(1, EPOCHS + 1))
        assert [value for _, value in events[tag]] == pytest.approx([row[column] for row in history])
