"""The networks that come with the package: what is stored of them is what they give."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seesum
from seesum.checkpoint import SHIPPED, Run, find_run, list_shipped
from seesum.mnist import Mnist
from seesum.network import count_parameters
from seesum.recipe import InputError
from seesum.systems import SYSTEMS, find_system

OURS = [name for name, system in SYSTEMS.items() if not system.published]
MANY_VIEWS = ("tiny", "micro")
"""Those that look thirteen times: ten seconds each on one core."""


def test_our_systems_are_shipped() -> None:
    assert set(list_shipped()) == set(OURS)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in MANY_VIEWS else ()) for name in OURS])
def test_stored_figures_are_what_the_weights_give(name: str) -> None:
    run = find_run(name)
    stored, measured = run.metrics, seesum.evaluate(run)
    assert stored["evaluated_on"] == "test"
    for key in ("digit_accuracy", "sum_accuracy", "both_accuracy", "images"):
        assert measured[key] == pytest.approx(stored[key], abs=2e-5)  # other processors round otherwise: two pairs of 100,000
    for key in ("loss", "digit_ece", "sum_ece"):
        assert measured[key] == pytest.approx(stored[key], abs=1e-3)
    assert stored["parameters"] == count_parameters(run.load_network())


@pytest.mark.parametrize("name", OURS)
def test_shipped_runs_say_where_they_come_from(name: str) -> None:
    run = find_run(name)
    assert run.recipe.split == "full"
    assert run.recipe.seed == 0, "the seed is fixed beforehand: the first"
    assert not run.info["commit"].endswith("+")
    changes = run.recipe.changes_from(find_system(name).recipe).keys()
    assert changes <= {"precision"}


def test_best_answers_where_no_run_is_named(elsewhere: Path, small_run: Run, mnist: Mnist) -> None:
    shutil.copytree(small_run.directory, elsewhere / "runs" / "stray")
    reader = seesum.Reader.load()
    assert reader.recipe.system == "best"
    (prediction,) = seesum.predict([mnist.test.images[0]], add=7)
    assert np.array_equal(prediction.answer.sum_probabilities, reader(mnist.test.images[0], add=7).sum_probabilities)
    assert seesum.Reader.load("latest").recipe.system == "fast"


def test_a_shipped_name_wins_over_a_folder(elsewhere: Path, small_run: Run) -> None:
    shutil.copytree(small_run.directory, elsewhere / "tiny")
    assert find_run("tiny").recipe.system == "tiny"
    assert find_run("./tiny").recipe.system == "fast"
    assert find_run(Path("tiny")).recipe.system == "fast"


def test_nothing_is_written_to_a_shipped_run(command: Any) -> None:
    for words in (("report", "micro"), ("train", "--resume", "micro"), ("calibrate", "micro", "--twin", "fast")):
        done = command(*words)
        assert done.code == 2
        assert "micro came with seesum" in done.err
    with pytest.raises(InputError, match="came with seesum"):
        seesum.report("micro")
    assert {path.name for path in (SHIPPED / "micro").iterdir()} <= {
        "run.json",
        "metrics.json",
        "weights.safetensors",
        "calibration.json",
        "model.onnx",
    }
