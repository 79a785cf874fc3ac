"""training/distillation.py: the mean prediction of teachers, and runs that learn from their teachers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import seesum
from seesum.base.errors import InputError
from seesum.base.files import load_tensors
from seesum.base.recipe import Recipe
from seesum.base.settings import format_change, parse_changes
from seesum.networks.network import Network
from seesum.networks.systems import build_network
from seesum.runs.run import Run, find_run
from seesum.training.distillation import Teachers, list_teachers

TAUGHT: dict[str, Any] = {
    **{
        "epochs": 3,
        "batch_size": 64,
        "ema_decay": 0.5,
        "synthetic_non_digits": 20,
        "teachers": ("fast", "logit", "fast"),
    },
    **{"adder": "exact", "mean": 0.2, "plot": False, "quiet": True},
}


def make_teachers(teachers_per_batch: int) -> Teachers:
    recipe = Recipe("fast", teachers_per_batch=teachers_per_batch, precision="fp32")
    networks = [build_network(recipe).eval() for _ in range(3)]
    return Teachers(networks, recipe, torch.Generator().manual_seed(0))


def test_the_prediction_is_the_mean_of_the_chosen_teachers() -> None:
    image, addend = torch.randn(4, 1, 28, 28), torch.tensor([0, 3, 9, 5])
    teachers = make_teachers(teachers_per_batch=5)
    prediction = teachers.predict(image, addend)
    for together, alone in zip(prediction, zip(*(one(image, addend) for one in teachers.networks), strict=True), strict=True):
        assert torch.allclose(together.exp(), torch.stack(alone).exp().mean(0), atol=1e-6)
        assert torch.allclose(together.exp().sum(1), torch.ones(4), atol=1e-5)
        assert not together.requires_grad


def test_each_batch_gets_teachers_at_random() -> None:
    image, addend = torch.randn(1, 1, 28, 28), torch.tensor([3])
    teachers = make_teachers(teachers_per_batch=1)
    answers = {teachers.predict(image, addend).digit_logp[0, 0].item() for _ in range(40)}
    assert len(answers) == 3, "one teacher for each batch, and each of the three for some"


@pytest.fixture(scope="module")
def whole(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return seesum.train("fast", data=small_data, out=tmp_path_factory.mktemp("teachers") / "whole", **TAUGHT)


def test_a_run_trains_its_teachers_first(whole: Run) -> None:
    teachers = list_teachers(whole)
    assert len({one.recipe.seed for one in teachers} | {whole.recipe.seed}) == 4
    last = [one.read_rows("history.csv")[-1] for one in teachers]
    assert [row["epoch"] for row in last] == [1, 10, 1], "each trains for the epochs of its own system"
    assert {one.recipe.adder for one in teachers} == {"exact"}
    assert {one.recipe.mean for one in teachers} == {0.2}, "they see images as the run normalises them"
    assert whole.metrics["train_seconds"] > sum(row["train_seconds"] for row in last)
    assert find_run(whole.directory / "teachers" / "1").load_network()
    assert not any(one.finished for one in teachers), "a teacher is never evaluated, so it is never the newest run"


def test_a_teacher_is_no_run_of_its_own(whole: Run, tmp_path: Path) -> None:
    teacher = whole.directory / "teachers" / "1"
    for use in (
        lambda: seesum.train(resume=teacher, quiet=True),
        lambda: seesum.evaluate(teacher),
        lambda: seesum.report(teacher),
        lambda: seesum.export(teacher, to=tmp_path / "teacher.onnx"),
        lambda: seesum.calibrate(teacher, twin=whole),
    ):
        with pytest.raises(InputError, match=r"teachers/1 is a teacher; give the run that it teaches: .*whole$"):
            use()
    assert find_run(teacher).load_network()


@pytest.mark.slow
def test_the_report_names_the_teachers(whole: Run) -> None:
    report = seesum.report(whole).read_text()
    assert "fast, logit and fast. For each batch, 2 of them are chosen at random" in report


def test_the_student_learns_from_its_teachers_and_not_from_the_labels(whole: Run, small_data: Path, tmp_path: Path) -> None:
    untaught = seesum.train("fast", data=small_data, out=tmp_path / "untaught", **{**TAUGHT, "teachers": ()})
    first = [run.read_rows("steps.csv")[0] for run in (whole, untaught)]
    assert first[0]["loss"] != first[1]["loss"]
    assert not same(whole, untaught)


@pytest.mark.parametrize("stop_after", [pytest.param(30, marks=pytest.mark.slow), 110])
def test_resume_ends_with_the_same_weights(
    whole: Run, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    count = 0
    encode = Network.encode

    def encode_and_stop(self: Network, image: torch.Tensor) -> Any:
        nonlocal count
        count += self.training
        if count > stop_after:
            raise KeyboardInterrupt
        return encode(self, image)

    monkeypatch.setattr(Network, "encode", encode_and_stop)
    with pytest.raises(KeyboardInterrupt):
        seesum.train("fast", data=small_data, out=tmp_path / "cut", **TAUGHT)
    monkeypatch.setattr(Network, "encode", encode)
    cut = Run(tmp_path / "cut")
    assert not cut.finished
    assert not list(cut.directory.glob("**/metrics.json")), "the newest run is found by this file"
    assert sum(one.trained for one in list_teachers(cut)) == (1 if stop_after == 30 else 3)
    kept = {
        one.directory: (one.directory / "weights.safetensors").stat().st_mtime_ns for one in list_teachers(cut) if one.trained
    }
    seesum.train(resume=cut, plot=False, quiet=True)
    assert same(whole, cut)
    assert kept == {path: (path / "weights.safetensors").stat().st_mtime_ns for path in kept}, "trained teachers stay"


def same(first: Run, second: Run) -> bool:
    one, other = (load_tensors(run.directory / "weights.safetensors")[0] for run in (first, second))
    return all(torch.equal(one[name], other[name]) for name in one)


def test_what_cannot_teach_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for changes, sentence in (
        ({"teachers": ("nobody",)}, "there is no system 'nobody'"),
        ({"teachers": "fast"}, "teachers is 'fast'"),
        ({"teachers": ("best",)}, "best has teachers itself"),
        ({"teachers": ("fast",), "held_out_pairs": 1}, "so none can be held out"),
        ({"teachers": ("fast",), "teachers_per_batch": 0}, "teachers_per_batch is 0"),
    ):
        with pytest.raises(InputError, match=sentence):
            seesum.train("fast", out=tmp_path / "refused", plot=False, quiet=True, **changes)
        assert not (tmp_path / "refused").exists()


def test_teachers_are_named_at_the_command_line() -> None:
    recipe = Recipe("fast")
    assert parse_changes(["teachers=plain,deep"], recipe) == {"teachers": ("plain", "deep")}
    taught = recipe.replaced({"teachers": ["plain", "deep"]})
    assert parse_changes(["teachers="], taught) == {"teachers": ()}
    assert format_change("teachers", taught.teachers) == "teachers=plain,deep"
    assert Recipe.from_dict(json.loads(json.dumps(taught.to_dict()))) == taught
