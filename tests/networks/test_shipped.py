"""networks/weights/*: the stored figures of the shipped networks are what their weights give."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seesum
from seesum.base.errors import InputError
from seesum.data.glyphs import DIGITS
from seesum.data.idx import Dataset
from seesum.data.rendering import TRACE, render_non_digits, render_traces, trace_glyph, vary_handwriting
from seesum.networks.network import count_parameters
from seesum.networks.systems import SYSTEMS, find_system
from seesum.reading.onnx_model import OnnxModel, find_run_or_model
from seesum.runs.run import Run, find_run
from seesum.runs.shipped import SHIPPED, list_shipped

OURS = [name for name, system in SYSTEMS.items() if system.result and not system.published]
BESIDE = {"fast-concat": {"adder"}}
"""Networks that the page shows beside others, and what in their recipes differs from their systems."""
SHIPPED_NAMES = [*OURS, *BESIDE]
LONG = ("hand", "best", "tiny", "micro")
"""Networks that take seconds on one core. They are evaluated by their ONNX files, which are four times as fast."""
MANY_VIEWS = ("tiny", "micro")
"""Networks that encode each image thirteen times, so that they take longest."""


def test_our_systems_are_shipped() -> None:
    assert set(list_shipped()) == set(SHIPPED_NAMES)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in LONG) + [pytest.mark.long] * (name in MANY_VIEWS))
        for name in SHIPPED_NAMES
    ],
)
def test_stored_figures_are_what_the_weights_give(name: str, mnist: Dataset) -> None:
    run = find_run(name)
    evaluated = find_run_or_model(name) if name in LONG else run
    stored, measured = run.metrics, seesum.evaluate(evaluated)
    assert stored["evaluated_on"] == "test"
    for key in ("digit_accuracy", "sum_accuracy", "both_accuracy", "images"):
        assert measured[key] == pytest.approx(stored[key], abs=2e-5)  # other processors round differently: two pairs of 100,000
    for key in ("loss", "digit_ece", "sum_ece"):
        assert measured[key] == pytest.approx(stored[key], abs=1e-3)
    assert stored["parameters"] == count_parameters(run.load_network())
    if name in LONG:
        by_file, by_weights = (
            seesum.Reader.load(one).predict_every_addend(mnist.test.images[:500]) for one in (evaluated, run)
        )
        assert np.abs(by_file.sum_p - by_weights.sum_p).max() <= 1e-4


def test_the_default_network_gives_them_without_torch_too() -> None:
    model = find_run_or_model()
    assert isinstance(model, OnnxModel)
    measured = seesum.evaluate(model)
    for key in ("digit_accuracy", "sum_accuracy"):
        assert measured[key] == pytest.approx(find_run(None).metrics[key], abs=2e-5)


@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_shipped_runs_say_where_they_come_from(name: str) -> None:
    run = find_run(name)
    assert run.recipe.split == "full"
    assert run.recipe.seed == 0, "the seed is fixed beforehand, and is the first"
    assert not run.info["commit"].endswith("+")
    changes = run.recipe.changes_from(find_system(run.recipe.system).recipe).keys()
    assert changes - {"precision"} == BESIDE.get(name, set())


def test_hand_answers_where_no_run_is_named(elsewhere: Path, small_run: Run, mnist: Dataset) -> None:
    shutil.copytree(small_run.directory, elsewhere / "runs" / "stray")
    reader = seesum.Reader.load()
    assert reader.recipe.system == "hand"
    (prediction,) = seesum.predict([mnist.test.images[0]], add=7)
    assert np.array_equal(prediction.answer.sum_probabilities, reader(mnist.test.images[0], add=7).sum_probabilities)
    assert seesum.Reader.load("latest").recipe.system == "fast"


def test_hand_reads_every_glyph() -> None:
    """Some leaning ones with a flag look like sevens to anybody, so not all renderings of a glyph can be read."""
    rng = np.random.default_rng(0)
    glyphs = [(digit, glyph) for digit, some in DIGITS.items() for glyph in some]
    images = np.concatenate(
        [render_traces(vary_handwriting(trace_glyph(glyph, 40, TRACE, rng), rng), rng) for _, glyph in glyphs]
    )
    read = seesum.Reader.load("hand").predict_every_addend(images).digit_p[:, 0].argmax(1).reshape(len(glyphs), 40)
    right = read == np.array([digit for digit, _ in glyphs])[:, None]
    assert right.mean() > 0.99
    for (digit, glyph), row, shown in zip(glyphs, right, read, strict=True):
        assert row.mean() >= 0.8, f"{glyph} is a {digit}, but is read {shown}"


def test_hand_is_not_sure_of_what_is_no_digit(mnist: Dataset) -> None:
    reader = seesum.Reader.load("hand")
    digits, others = mnist.test.images[:1000], render_non_digits(500, np.random.default_rng(0))
    surest = [reader.predict_every_addend(images).digit_p[:, 0].max(1) for images in (digits, others)]
    assert (surest[1] > np.quantile(surest[0], 0.02)).mean() < 0.03
    assert (surest[1] > 0.99).mean() < 0.01


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
