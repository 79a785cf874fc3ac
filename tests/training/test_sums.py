"""Learning from sums alone: pairing, pieces, supervision, scouts, and whole runs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import seesum
from conftest import interrupt_third_epoch, write_folder
from seesum.base.errors import InputError
from seesum.base.files import load_tensors
from seesum.base.recipe import Recipe
from seesum.data.idx import Dataset, LabelledImages
from seesum.networks.addition import write_known
from seesum.runs.run import Run
from seesum.training import scouting
from seesum.training.pairing import SUM_METRICS, Additions, SumTask, evaluate_sums, make_additions, make_training_additions
from seesum.training.pieces import PieceBatches
from seesum.training.scouting import measure_shifts
from seesum.training.sums import SumLesson
from seesum.training.supervision import compute_likelihood
from seesum.verbs.sums import sums

SMALL: dict[str, Any] = {"network": "lenet", "epochs": 3, "batch_size": 64, "plot": False, "quiet": True}


@pytest.fixture(autouse=True)
def few_scouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two scouts are enough where nothing is to be learned."""
    monkeypatch.setattr(scouting, "ATTEMPTS", 2)


def draw_labels(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 10, count)


def swap_within_columns(labels: np.ndarray, additions: Additions) -> np.ndarray:
    """Exchange the labels of the two images of each column: single labels become wrong, and no sum changes."""
    swapped = labels.copy()
    swapped[additions.rows] = labels[additions.rows[:, ::-1]]
    return swapped


@pytest.mark.parametrize(("digits", "numbers"), [(1, 2), (3, 2), (7, 12), (40, 3)])
def test_every_image_is_in_one_sum(digits: int, numbers: int) -> None:
    labels = draw_labels(1000)
    made = make_additions(labels, SumTask(digits, numbers), 0)
    used = made.rows.flatten()
    assert len(made.sums) == 1000 // (digits * numbers)
    assert len(set(used)) == len(used)
    for rows, digits_of_sum in zip(made.rows, made.sums, strict=True):
        total = sum(int("".join(map(str, number))) for number in labels[rows])
        assert int("".join(map(str, digits_of_sum))) == total


@pytest.mark.parametrize(("digits", "numbers"), [(1, 2), (4, 2), (40, 3), (100, 2)])
def test_pieces_cover_every_image_and_are_certain_where_digits_are_known(digits: int, numbers: int) -> None:
    labels = draw_labels(1000)
    task = SumTask(digits, numbers)
    made = make_additions(labels, task, 0)
    images = LabelledImages(np.zeros((1000, 28, 28), np.uint8), labels)
    batches = PieceBatches(images, made, task, Recipe("fast", batch_size=64), torch.device("cpu"), torch.Generator())
    for _ in range(2):
        seen = []
        for _, pieces in batches.shuffle():
            known = write_known(torch.from_numpy(labels)[pieces.rows])
            likelihood = compute_likelihood(known, pieces.sums, task, pieces.carry_in)
            np.testing.assert_allclose(likelihood, 0, atol=1e-5)
            assert len(pieces.image) == pieces.rows.numel()
            lowest = torch.isin(pieces.rows[:, 0, -1], torch.from_numpy(made.rows[:, 0, -1]))
            assert torch.equal(pieces.carry_in[:, -1] < -1e20, lowest), "no carry comes from the right of the lowest column"
            assert (pieces.carry_in[:, 0] == 0).all()
            seen += pieces.rows.flatten().tolist()
        assert sorted(seen) == sorted(made.rows.flatten())


def weigh_pairs(numbers: Tensor, key: Callable[[int, int], int]) -> np.ndarray:
    """The probability of each value of ``key`` over all pairs of two numbers [2, 2, 10]."""
    found = np.zeros(200)
    first, second = (numbers[k, 0].exp().outer(numbers[k, 1].exp()).flatten().numpy() for k in (0, 1))
    for a, b in itertools.product(range(100), repeat=2):
        found[key(a, b)] += first[a] * second[b]
    return found


@pytest.mark.parametrize(
    ("observed", "key", "answers"),
    [
        ("first", lambda a, b: int(str(a + b)[0]), range(10)),
        ("larger", lambda a, b: 1 + (a > b) - (a < b), range(3)),
        ("last", lambda a, b: (a + b) % 10, range(10)),
    ],
)
def test_other_supervision_is_brute_force(observed: str, key: Callable[[int, int], int], answers: range) -> None:
    numbers = torch.randn(2, 2, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64).log_softmax(-1)
    expected = weigh_pairs(numbers, key)
    given = torch.tensor([[-1, -1, one] if observed == "last" else [one] for one in answers])
    many = numbers.expand(len(answers), -1, -1, -1)
    likelihood = compute_likelihood(many, given, SumTask(2, observed=observed)).exp()
    np.testing.assert_allclose(likelihood, expected[: len(answers)], atol=1e-12)
    assert likelihood.sum().item() == pytest.approx(1)
    labels = draw_labels(4000)
    made, _ = make_training_additions(labels, SumTask(2, observed=observed), 0)
    values = labels[made.rows] @ [10, 1]
    assert made.sums[:, -1].tolist() == [key(int(a), int(b)) for a, b in values]


def test_a_share_of_the_sums_is_wrong() -> None:
    labels = draw_labels(8000)
    true, _ = make_training_additions(labels, SumTask(2), 0)
    wrong, _ = make_training_additions(labels, SumTask(2, wrong=0.3), 0)
    assert np.array_equal(true.rows, wrong.rows)
    assert 0.25 < (true.sums != wrong.sums).any(1).mean() < 0.35


def test_held_out_sums_are_apart() -> None:
    made, kept = make_training_additions(draw_labels(1000), SumTask(2, held_out=True), 0)
    assert kept is not None
    assert (len(kept.sums), len(made.sums)) == (50, 200)
    assert not {*kept.rows.flatten()} & {*made.rows.flatten()}


@pytest.mark.parametrize("shift", [0, 3, 5])
def test_the_likelihood_of_long_sums_finds_the_order_of_the_digits(shift: int) -> None:
    labels = draw_labels(2000)
    task = SumTask(100)
    made = make_additions(labels, task, 0)
    numbers = torch.full((2000, 10), 0.01).scatter(1, torch.from_numpy((labels + shift) % 10)[:, None], 0.91).log()
    found = measure_shifts(numbers[torch.from_numpy(made.rows)], torch.from_numpy(made.sums), task)
    assert int(np.argmin(found)) == -shift % 10


def test_sums_are_right_where_all_digits_are() -> None:
    labels = draw_labels(400)
    logp = write_known(torch.from_numpy(labels)).clamp_min(-50).numpy()
    metrics = evaluate_sums(logp, labels, SumTask(10), seed=0)
    assert (metrics["sum_accuracy"], metrics["column_accuracy"], metrics["sums"]) == (1, 1, 20)
    logp[0] = np.roll(logp[0], 1)
    metrics = evaluate_sums(logp, labels, SumTask(10), seed=0)
    assert (metrics["sum_accuracy"], metrics["mean_sum_accuracy"]) == (0.95, pytest.approx(0.95))
    assert 0.98 < metrics["mean_column_accuracy"] < 1


def load_weights(run: Run) -> dict[str, Tensor]:
    return load_tensors(run.weights)[0]


def test_no_label_but_the_sums_decides_the_weights(mnist: Dataset, small_data: Path, tmp_path: Path) -> None:
    train, test = LabelledImages(mnist.train.images[:600], mnist.train.digits[:600]), mnist.test
    true = sums(20, data=small_data, out=tmp_path / "true", **SMALL)
    swapped = swap_within_columns(train.digits, make_additions(train.digits, SumTask(20), 0))
    assert (swapped != train.digits).mean() > 0.5
    test = LabelledImages(test.images[:100], test.digits[:100])
    other = write_folder(tmp_path / "data", LabelledImages(train.images, swapped), test)
    false = sums(20, data=other, out=tmp_path / "false", **SMALL)
    ours, theirs = load_weights(true), load_weights(false)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(one, theirs[name]) for name, one in ours.items())
    assert true.read_rows("history.csv")[-1]["digit_loss"] != false.read_rows("history.csv")[-1]["digit_loss"]


def test_a_stopped_run_ends_as_without_the_stop(small_data: Path, tmp_path: Path) -> None:
    whole = sums(20, data=small_data, out=tmp_path / "whole", **SMALL)
    with interrupt_third_epoch(SumLesson):
        sums(20, data=small_data, out=tmp_path / "run", **SMALL)
    stopped = Run(tmp_path / "run")
    assert len(stopped.read_rows("history.csv")) == 2
    with pytest.raises(InputError, match=f"go on with: seesum sums --resume {stopped.directory}"):
        seesum.train(resume=stopped, quiet=True)
    with pytest.raises(InputError, match="digits was not 2 when"):
        sums(2, resume=stopped)
    with pytest.raises(InputError, match="seed was not 1 when"):
        sums(resume=stopped, seed=1)
    resumed = sums(20, resume=stopped, plot=False, quiet=True)
    ours, theirs = load_weights(whole), load_weights(resumed)
    assert all(torch.equal(one, theirs[name]) for name, one in ours.items())
    assert whole.metrics["sum_accuracy"] == resumed.metrics["sum_accuracy"]
    assert [row["step"] for row in resumed.read_rows("steps.csv")] == [row["step"] for row in whole.read_rows("steps.csv")]


def test_a_run_is_used_like_any_other(mnist: Dataset, small_data: Path, tmp_path: Path) -> None:
    run = sums(2, data=small_data, out=tmp_path / "run", held_out=True, **SMALL)
    metrics = run.metrics
    assert {"sum_accuracy", "digit_accuracy", "column_accuracy", "train_seconds", "held_out_nats"} <= metrics.keys()
    assert metrics["sums"] == 25
    assert run.info["command"].startswith("seesum sums --digits 2 --numbers 2 --network lenet --held-out")
    assert len(run.read_rows("scouts.csv")) == 2
    evaluated = seesum.evaluate(run, quiet=True)
    assert all(evaluated[name] == pytest.approx(metrics[name]) for name in (*SUM_METRICS, "digit_accuracy"))
    assert run._repr_html_().count("%") == 11, "header, digit with ECE, sum and both without"
    answer = seesum.Reader.load(run)(mnist.test.images[0], add=7)
    assert answer.sum == answer.digit + 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"digits": 0}, "digits is 0, but must be a whole number from 1 to 10,000"),
        ({"digits": 1, "numbers": 1}, "numbers is 1, but must be a whole number from 2 to 100"),
        ({"digits": 60}, "take 120 images, but there are 100 test images"),
        ({"digits": 301}, "take 602 images, but there are 600 training images"),
        ({"digits": 100, "held_out": True}, "3 sums are too few to hold out a fifth"),
        ({"digits": 1, "network": "hand"}, "network"),
        ({"digits": 1, "observed": "middle"}, "observed is 'middle'"),
        ({"digits": 1, "wrong": 1.0}, "wrong is 1.0"),
        ({"digits": 20, "wrong": 0.1}, "more than 16 digits"),
        ({"digits": 2, "wrong": 0.1, "observed": "last"}, "only whole sums can be wrong"),
        ({"digits": 2, "numbers": 3, "observed": "larger"}, "larger compares two numbers"),
        ({"digits": 2, "split": "validate"}, "split cannot be changed"),
    ],
)
def test_what_cannot_be_learned_is_refused(arguments: dict[str, Any], message: str, small_data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        sums(**arguments, data=small_data, out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("digits", [1, 1000])
def test_digits_are_learned_from_sums(digits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scouting, "ATTEMPTS", 12)
    run = sums(digits, out=tmp_path / "run", network="lenet", epochs=1, quiet=True)
    assert run.metrics["digit_accuracy"] > 0.97
    assert (run.directory / "report.html").is_file()
