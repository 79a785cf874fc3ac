"""training/loop.py: same seed, same weights; an interrupted run ends with the weights of an uninterrupted one."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import seesum
from seesum.base.errors import InputError, JobError
from seesum.base.files import load_tensors
from seesum.base.recipe import Augmentation, Recipe
from seesum.networks.network import Network
from seesum.runs.run import Run
from seesum.training import loop as training
from seesum.training.schedules import SCHEDULES
from seesum.training.state import State
from seesum.training.tracking import STEP_METRICS, _measure_accuracy

LIVELY = {
    **{
        "epochs": 4,
        "ema_decay": 0.9,
        "addends": "fresh",
        "batch_size": 64,
        "synthetic_digits": 30,
        "synthetic_non_digits": 20,
    },
    "augmentation": Augmentation(
        rotate=5, extreme=0.2, low_resolution=0.2, stroke_width=0.2, blur=0.2, stroke_gaps=0.2, clutter=0.2
    ),
}
"""Every kind of state: averages, momentum, dropout (in squeeze), fresh addends, synthetic images, all augmentations."""


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_tensors(run.directory / "weights.safetensors")[0]


def same(first: Run, second: Run) -> bool:
    one, other = weights(first), weights(second)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_same_seed_same_weights_whatever_the_caller_did(tmp_path: Path, small_data: Path) -> None:
    runs = []
    for index, seed in enumerate((0, 0, 1)):
        torch.manual_seed(index)
        state = torch.get_rng_state()
        runs.append(seesum.train("fast", data=small_data, seed=seed, out=tmp_path / str(index), plot=False, quiet=True))
        assert torch.equal(torch.get_rng_state(), state), "training must leave the caller's generator alone"
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


RESUMED: dict[str, Any] = {
    **{**LIVELY, "optimiser": "adam", "lr": 0.003, "schedule": "one-cycle", "split": "full"},
    **{"images": "300", "plot": False, "quiet": True},
}


@pytest.fixture(scope="module", params=[pytest.param("squeeze", marks=pytest.mark.slow), "identity-adder"])
def whole(request: pytest.FixtureRequest, small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Train a system without an interruption."""
    return seesum.train(request.param, data=small_data, out=tmp_path_factory.mktemp("whole") / "run", **RESUMED)


@pytest.mark.parametrize("stop_at", [pytest.param(0.1, marks=pytest.mark.slow), 1.5, pytest.param(3.9, marks=pytest.mark.slow)])
def test_resume_ends_with_the_same_weights(
    whole: Run, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: float
) -> None:
    steps = len(whole.read_rows("steps.csv"))
    stop_after = int(stop_at * steps / 4)
    count = 0
    encode = Network.encode

    def encode_and_stop(self: Network, image: torch.Tensor) -> Any:
        nonlocal count
        count += self.training
        if count > stop_after and self.training:
            raise KeyboardInterrupt
        return encode(self, image)

    monkeypatch.setattr(Network, "encode", encode_and_stop)
    with pytest.raises(KeyboardInterrupt):
        seesum.train(whole.recipe.system, data=small_data, out=tmp_path / "cut", **RESUMED)
    monkeypatch.setattr(Network, "encode", encode)
    cut = Run(tmp_path / "cut")
    assert not cut.finished
    assert len(cut.read_rows("history.csv")) == int(stop_at)
    seesum.train(resume=tmp_path / "cut", plot=False, quiet=True)
    assert same(whole, cut)
    for name in ("history.csv", "steps.csv"):
        rows = [[{k: v for k, v in row.items() if k != "train_seconds"} for row in run.read_rows(name)] for run in (whole, cut)]
        assert rows[0] == rows[1]


def test_resume_refuses_another_recipe(small_run: Run) -> None:
    with pytest.raises(InputError, match="epochs is 5 here but 1"):
        seesum.train(resume=small_run, epochs=5, quiet=True)
    with pytest.raises(InputError, match="trains fast, not squeeze"):
        seesum.train("squeeze", resume=small_run, quiet=True)
    before = (small_run.directory / "weights.safetensors").read_bytes()
    assert seesum.train(resume=small_run, epochs=1, plot=False, quiet=True).metrics == small_run.metrics
    assert (small_run.directory / "weights.safetensors").read_bytes() == before


def test_resume_measures_what_it_was_started_for(tmp_path: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    common: dict[str, Any] = {"data": small_data, "split": "validate", "plot": False, "quiet": True}
    with monkeypatch.context() as patch:
        patch.setattr(training, "train_epoch", _stop)
        for test in (False, True):
            with pytest.raises(KeyboardInterrupt):
                seesum.train("fast", out=tmp_path / str(test), test=test, **common)
    with pytest.raises(InputError, match="started without --test"):
        seesum.train(resume=tmp_path / "False", test=True, quiet=True)
    with pytest.raises(InputError, match="leave --out out"):
        seesum.train(resume=tmp_path / "False", out=tmp_path / "other", quiet=True)
    for test, split in ((False, "validation"), (True, "test")):
        run = seesum.train(resume=tmp_path / str(test), precision="auto", plot=False, quiet=True)
        assert run.metrics["evaluated_on"] == split
        assert ("--test" in run.info["command"]) == test


def test_runs_of_the_same_second_get_names_of_their_own(elsewhere: Path, small_data: Path) -> None:
    for _ in range(3):
        seesum.train("fast", data=small_data, images=50, plot=False, quiet=True)
    assert len(list((elsewhere / "runs").iterdir())) == 3


def _stop(*_: object) -> Any:
    raise KeyboardInterrupt


def test_resume_refuses_other_data(tmp_path: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(training, "train_epoch", _stop)
        with pytest.raises(KeyboardInterrupt):
            seesum.train("fast", data=small_data, out=tmp_path / "run", quiet=True)
    with pytest.raises(InputError, match="SHA-256 differs"):
        seesum.train(resume=tmp_path / "run", data=_changed_copy(small_data, tmp_path), quiet=True)
    run = seesum.train(resume=tmp_path / "run", plot=False, quiet=True)
    assert run.metrics["images"] == 100


def _changed_copy(folder: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "changed"
    copy.mkdir()
    for path in folder.iterdir():
        data = bytearray(path.read_bytes())
        if "labels" in path.name:
            data[-1] = (data[-1] + 1) % 10
        (copy / path.name).write_bytes(data)
    return copy


def test_run_directory_is_complete(small_run: Run) -> None:
    info = json.loads((small_run.directory / "run.json").read_text())
    assert set(info) == {"format", "evaluation", "started", "command", "versions", "commit", "hardware", "data", "recipe"}
    assert info["command"].startswith("seesum train fast --images 6000")
    names = {path.name for path in small_run.directory.iterdir()}
    assert names >= {"run.json", "history.csv", "steps.csv", "checkpoint.safetensors", "weights.safetensors", "metrics.json"}
    assert names >= {"report.html", "curves.png", "confusion-digit.png", "confusion-sum.png", "mistakes.png", "table.png"}
    metrics = small_run.metrics
    assert list(metrics) == [
        *("evaluated_on", "digit_accuracy", "sum_accuracy", "both_accuracy", "digit_loss", "sum_loss", "loss"),
        *("consistency", "digit_ece", "sum_ece", "images", "pairs", "parameters", "train_seconds", "epochs", "seed"),
        *("system", "adder"),
    ]
    assert metrics["evaluated_on"] == "test"
    assert metrics["pairs"] == 100_000
    assert metrics["digit_accuracy"] > 0.9
    assert abs(metrics["sum_accuracy"] - metrics["digit_accuracy"]) < 0.02


def test_validate_reports_no_test_figure_unless_wanted(tmp_path: Path, small_data: Path) -> None:
    common = {"data": small_data, "split": "validate", "plot": False, "quiet": True, "epochs": 2}
    run = seesum.train("fast", out=tmp_path / "a", **common)  # type: ignore[arg-type]
    assert run.metrics["evaluated_on"] == "validation"
    assert run.metrics["images"] == 120
    with (run.directory / "history.csv").open() as file:
        header = next(csv.reader(file))
    assert "validation_sum_accuracy" in header
    assert not [name for name in header if name.startswith("test")]
    tested = seesum.train("fast", out=tmp_path / "b", test=True, **common)  # type: ignore[arg-type]
    assert (tested.metrics["evaluated_on"], tested.metrics["images"]) == ("test", 100)


def test_a_loss_that_explodes_is_a_failure(tmp_path: Path, small_data: Path) -> None:
    with pytest.raises(JobError, match="smaller --lr"):
        seesum.train("logit", data=small_data, out=tmp_path / "run", lr=1e30, optimiser="sgd", epochs=2, plot=False, quiet=True)
    assert not Run(tmp_path / "run").finished


def test_fast_kernels_of_a_gpu_stay_on(tmp_path: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The context that sets cuDNN's precision switches cuDNN off unless it is told otherwise."""
    seen, encode = [], Network.encode

    def record(network: Network, image: torch.Tensor) -> Any:
        seen.append((network.training, torch.backends.cudnn.enabled))
        return encode(network, image)

    monkeypatch.setattr(Network, "encode", record)
    seesum.train("fast", data=small_data, out=tmp_path / "run", plot=False, quiet=True)
    assert set(seen) == {(True, True), (False, True)}


def test_averaged_weights_are_the_average(tmp_path: Path, small_data: Path) -> None:
    common = {"data": small_data, "epochs": 2, "plot": False, "quiet": True}
    last = seesum.train("fast", out=tmp_path / "last", **common)  # type: ignore[arg-type]
    nearly = seesum.train("fast", out=tmp_path / "nearly", ema_decay=1e-9, **common)  # type: ignore[arg-type]
    slow = seesum.train("fast", out=tmp_path / "slow", ema_decay=0.9, **common)  # type: ignore[arg-type]
    for name, value in weights(last).items():
        assert torch.allclose(weights(nearly)[name], value, atol=1e-5), name
    assert not same(last, slow)


def test_little_of_the_first_weights_is_left_in_the_average_of_a_short_training() -> None:
    """With a decay of 0.998 alone, nine tenths of it would be the random initial weights."""
    recipe = Recipe("fast", ema_decay=0.998)
    with torch.random.fork_rng():
        state = State(recipe, torch.device("cpu"))
    weight = next(iter(state.network.parameters()))
    with torch.no_grad():
        for state.step in range(50):
            weight.fill_(state.step)
            state.update_average()
    average = state.average[next(iter(dict(state.network.named_parameters())))]
    assert 30 < average.min() <= average.max() < 49


def test_schedules() -> None:
    recipe = Recipe("fast", warmup=0.25)
    cycle = [SCHEDULES["one-cycle"](step / 100, recipe) for step in range(101)]
    assert max(cycle) == pytest.approx(1.0)
    assert cycle.index(max(cycle)) == 25
    assert cycle[0] == pytest.approx(0.01)
    assert cycle[-1] == pytest.approx(0.0, abs=1e-9)
    assert {SCHEDULES["constant"](step / 10, recipe) for step in range(11)} == {1.0}


def test_a_smaller_last_batch_weighs_less_in_an_epoch(tmp_path: Path, small_data: Path) -> None:
    run = seesum.train("fast", data=small_data, batch_size=256, out=tmp_path / "run", plot=False, quiet=True)
    steps, (epoch,) = run.read_rows("steps.csv"), run.read_rows("history.csv")
    assert [*steps[0]] == ["step", "epoch", "lr", *STEP_METRICS], (
        "otherwise, runs that an older version began cannot be resumed"
    )
    for name in STEP_METRICS:
        first, second, third = (row[name] for row in steps)
        assert epoch[name] == pytest.approx((256 * first + 256 * second + 88 * third) / 600, rel=1e-5), name


def test_accuracies_of_a_step_leave_out_non_digits() -> None:
    digit_logp, sum_logp = torch.eye(10)[[3, 5, 7, 0]], torch.eye(19)[[3, 6, 8, 0]]
    digit, answer = torch.tensor([3, 4, 7, -1]), torch.tensor([3, 6, 9, -1])
    (means, none) = _measure_accuracy(
        [(digit_logp, sum_logp, digit, answer), (digit_logp[3:], sum_logp[3:], digit[3:], answer[3:])]
    )
    assert means == pytest.approx([2 / 3, 2 / 3, 1 / 3, 3, 4])
    assert none == [0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    "changes",
    [
        {"adder": "abacus"},
        {"operation": "divide"},
        {"addends": "some"},
        {"split": "half"},
        {"loss": "product"},
        {"optimiser": "guess"},
        {"schedule": "lunar"},
        {"precision": "fp4"},
        {"adder": "exact", "operation": "multiply"},
        {"epochs": 0},
        {"batch_size": 0},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"seed": -1},
        {"images": "0"},
        {"flavour": 3},
        {"ema_decay": 1.0},
        {"label_smoothing": 1.0},
        {"betas": (2.0, 0.9)},
        {"betas": (0.9,)},
        {"weight_decay": -1.0},
        {"momentum": -0.1},
        {"split_seed": -1},
        {"epochs": 1.5},
        {"batch_size": 64.0},
        {"warmup": 1.0},
        {"augmentation": Augmentation(scale=1.0)},
        {"augmentation": Augmentation(rotate=float("inf"))},
        {"augmentation": Augmentation(stroke_gaps=1.5)},
        {"synthetic_digits": -1},
        {"synthetic_non_digits": 0.5},
        {"held_out_pairs": 11},
        {"operation": "10 * d + a", "held_out_pairs": 1},
        {"operation": "d / a"},
        {"operation": "d - d"},
        {"operation": "__import__('os').abort() or d"},
        {"adder": "exact", "operation": "max(d, a) + 1"},
        {"adder": "diagonal-table", "operation": "abs(d - a)"},
    ],
)
def test_bad_recipes_leave_nothing_behind(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError) as raised:
        seesum.train("fast", out=tmp_path / "run", quiet=True, **changes)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


def test_a_batch_of_one_cannot_be_normalised_over(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="batch size of 1"):
        seesum.train("squeeze", batch_size=1, out=tmp_path / "run", quiet=True)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Train as without any option."""
    return seesum.train(out=tmp_path_factory.mktemp("usual") / "run", plot=False, quiet=True)


@pytest.mark.slow
def test_default_seed_reaches_98_9(usual: Run) -> None:
    assert usual.metrics["digit_accuracy"] >= 0.989
    assert usual.metrics["sum_accuracy"] >= 0.989


@pytest.mark.slow
def test_fp32_and_bf16_agree(usual: Run, tmp_path: Path) -> None:
    (other,) = {"fp32", "bf16"} - {usual.recipe.precision}
    run = seesum.train("fast", precision=other, out=tmp_path / "run", plot=False, quiet=True)
    assert abs(run.metrics["sum_accuracy"] - usual.metrics["sum_accuracy"]) < 0.004
