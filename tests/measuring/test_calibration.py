"""measuring/calibration.py and verbs/calibrate.py: temperature, coverage and thresholds, and the verb that sets them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import seesum
from seesum.base.errors import InputError
from seesum.data.operations import OPERATIONS
from seesum.measuring.calibration import Calibration, choose_threshold, compute_coverage, fit_temperature
from seesum.measuring.metrics import Probabilities
from seesum.networks.network import Network
from seesum.runs.run import Run

ADD = OPERATIONS["add"]


def sample_logits(count: int) -> tuple[Any, Any]:
    """Return logits [count, 10], and digits [count] sampled from their probabilities."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (count, 10))
    return logits, np.array([rng.choice(10, p=row) for row in soften(logits)])


def soften(logits: Any) -> Any:
    p = np.exp(logits - logits.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_put_in_is_found(temperature: float) -> None:
    logits, digits = sample_logits(20_000)
    assert fit_temperature(soften(logits * temperature), digits) == pytest.approx(temperature, rel=0.05)


def test_where_all_is_right_the_temperature_stays() -> None:
    logits = 3 * np.eye(10)[[4, 7, 7, 0]]
    assert fit_temperature(soften(logits), np.array([4, 7, 7, 0])) == 1.0
    assert fit_temperature(soften(logits), np.array([4, 7, 7, 1])) != 1.0


def make_probabilities(confidence: list[float], right: list[bool]) -> tuple[Probabilities, Any]:
    """Return the probabilities of images of the digit 3, answered with a confidence, rightly or with 4."""
    digit_p, sum_p = np.zeros((len(right), 10, 10), np.float32), np.zeros((len(right), 10, 19), np.float32)
    for image, (share, good) in enumerate(zip(confidence, right, strict=True)):
        answer = 3 if good else 4
        digit_p[image, :, answer] = share
        digit_p[image, :, 9] += 1 - share
        for addend in range(10):
            sum_p[image, addend, answer + addend] = share
            sum_p[image, addend, 9 + addend] += 1 - share
    return Probabilities(digit_p, sum_p), np.full(len(right), 3)


def test_coverage_counts_the_most_confident() -> None:
    probabilities, digits = make_probabilities([0.99] * 95 + [0.7] * 5, [True] * 95 + [False] * 5)
    rows = {row["coverage"]: row for row in compute_coverage(probabilities, digits, ADD)}
    assert rows[1.0]["both_accuracy"] == 0.95
    assert rows[0.95]["both_accuracy"] == 1.0
    assert rows[0.99]["both_accuracy"] == pytest.approx(94 / 99 + 1 / 99)
    assert rows[0.95]["confidence"] == pytest.approx(0.99)
    assert rows[1.0]["confidence"] == pytest.approx(0.7)


def test_the_threshold_is_the_lowest_that_reaches_the_target() -> None:
    probabilities, digits = make_probabilities([0.99] * 50 + [0.8] * 40 + [0.7] * 10, [True] * 90 + [False] * 10)
    threshold, accepted = choose_threshold(probabilities, digits, ADD, 0.99)
    assert threshold == pytest.approx(0.8)
    assert accepted == {"coverage": 0.9, "both_accuracy": 1.0}
    threshold, accepted = choose_threshold(probabilities, digits, ADD, 0.85)
    assert threshold == pytest.approx(0.7)
    assert accepted["coverage"] == 1.0


def test_a_target_out_of_reach_gives_the_best_there_is() -> None:
    probabilities, digits = make_probabilities([0.9] * 10 + [0.8] * 10, [True] * 9 + [False] + [True] * 5 + [False] * 5)
    threshold, accepted = choose_threshold(probabilities, digits, ADD, 0.999)
    assert threshold == pytest.approx(0.9)
    assert accepted == {"coverage": 0.5, "both_accuracy": pytest.approx(0.9)}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Train a run and its twin."""
    place = tmp_path_factory.mktemp("twins")
    shared: dict[str, Any] = {"images": "3000", "plot": False, "quiet": True}
    run = seesum.train("fast", out=place / "run", **shared)
    return run, seesum.train("fast", out=place / "twin", split="validate", seed=1, **shared)


def test_calibrating_makes_probabilities_honest_and_changes_no_digit(pair: tuple[Run, Run]) -> None:
    run, twin = pair
    before = seesum.evaluate(run)
    chosen = seesum.calibrate(run, twin=twin, target=0.98)
    assert chosen["after"]["digit_loss"] < chosen["before"]["digit_loss"]
    assert chosen["after"]["digit_ece"] < chosen["before"]["digit_ece"]
    assert chosen["accepted"]["both_accuracy"] >= 0.98
    assert chosen["chosen_on"] == {"validation_images": 12_000}
    again = Run(run.directory)
    after = seesum.evaluate(again)
    assert after["digit_accuracy"] == before["digit_accuracy"]
    assert after["digit_ece"] < before["digit_ece"]
    assert again.metrics["digit_ece"] == after["digit_ece"]
    assert again.metrics["train_seconds"] == before["train_seconds"]
    reader = seesum.Reader.load(again)
    assert reader.confidence_threshold == chosen["confidence_threshold"] == again.calibration.confidence_threshold
    assert isinstance(reader.network, Network)
    assert reader.network.temperature == chosen["temperature"] != 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 200 test images as files, in a folder for each digit, and two pictures that do not show one digit."""
    place = tmp_path_factory.mktemp("pictures")
    test = seesum.load_mnist().test
    for digit in range(10):
        (place / str(digit)).mkdir()
    for row in range(200):
        Image.fromarray(test.images[row]).save(place / str(test.digits[row]) / f"{row}.png")
    Image.new("L", (60, 60), 250).save(place / "0" / "blank.png")
    pair = np.pad(np.hstack([*test.images[:2]]), 20)
    Image.fromarray(255 - pair).resize((384, 272)).save(place / "7" / "several.png")
    (place / "0" / ".hidden").write_text("no picture")
    return place


def test_calibrating_on_pictures_counts_those_without_an_answer(pair: tuple[Run, Run], folder: Path, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    shutil.copytree(pair[0].directory, run.directory)
    chosen = seesum.calibrate(run, twin=pair[1], pictures=folder, target=0.5)
    assert chosen["chosen_on"] == {"pictures": 200, "pictures_without_ink": 1, "pictures_not_of_one": 1}
    assert chosen["accepted"]["coverage"] == pytest.approx(200 / 202), "all pictures of one digit, and no others"
    assert json.loads((run.directory / "calibration.json").read_text())["chosen_on"] == chosen["chosen_on"]
    stricter = seesum.calibrate(run, twin=pair[1], pictures=folder)
    assert stricter["target"] == 0.995
    assert stricter["accepted"]["both_accuracy"] >= 0.995
    assert stricter["accepted"]["coverage"] < chosen["accepted"]["coverage"]
    assert (
        Run(run.directory).calibration.confidence_threshold == stricter["confidence_threshold"] > chosen["confidence_threshold"]
    )


def test_a_folder_without_labelled_pictures_is_refused(pair: tuple[Run, Run], folder: Path, tmp_path: Path) -> None:
    run, twin = pair
    with pytest.raises(InputError, match="holds no labelled pictures; put the pictures of each digit into a subfolder"):
        seesum.calibrate(run, twin=twin, pictures=folder / "0")
    (tmp_path / "3").mkdir()
    with pytest.raises(InputError, match="holds no labelled pictures"):
        seesum.calibrate(run, twin=twin, pictures=tmp_path)
    (tmp_path / "3" / "notes.txt").write_text("no picture")
    with pytest.raises(InputError, match=r"notes\.txt is not an image that can be decoded"):
        seesum.calibrate(run, twin=twin, pictures=tmp_path)
    (tmp_path / "3" / "notes.txt").unlink()
    Image.new("L", (60, 60), 250).save(tmp_path / "3" / "blank.png")
    with pytest.raises(InputError, match="none of the 1 pictures in"):
        seesum.calibrate(run, twin=twin, pictures=tmp_path)


def test_only_a_twin_will_do(pair: tuple[Run, Run], small_run: Run, small_data: Path, tmp_path: Path) -> None:
    run, twin = pair
    with pytest.raises(InputError, match="no validation images"):
        seesum.calibrate(run, twin=run)
    with pytest.raises(InputError, match=r"not a twin of .*: their recipes differ in batch_size, images"):
        seesum.calibrate(small_run, twin=twin)
    with pytest.raises(InputError, match=r"target is 1\.5"):
        seesum.calibrate(run, twin=twin, target=1.5)
    small = {"images": "3000", "data": small_data, "plot": False, "quiet": True}
    foreign = seesum.train("fast", out=tmp_path / "foreign", split="validate", **small)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"not a twin of .*: it was trained on other data"):
        seesum.calibrate(run, twin=foreign)
    unfinished = tmp_path / "unfinished"
    shutil.copytree(twin.directory, unfinished)
    (unfinished / "metrics.json").unlink()
    with pytest.raises(InputError, match="is not finished"):
        seesum.calibrate(run, twin=unfinished)


def test_too_few_pictures_are_refused(pair: tuple[Run, Run], folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "7", tmp_path / "7")
    count = len(list((tmp_path / "7").iterdir())) - 1
    with pytest.raises(
        InputError, match=rf"^{count} images cannot show that 99\.50% of .* give at least 200, or a lower --target"
    ):
        seesum.calibrate(pair[0], twin=pair[1], pictures=tmp_path)


def test_a_calibration_that_fails_leaves_the_run_as_it_was(folder: Path, small_data: Path, tmp_path: Path) -> None:
    data = shutil.copytree(small_data, tmp_path / "data")
    shared: dict[str, Any] = {"data": data, "plot": False, "quiet": True}
    run = seesum.train("fast", out=tmp_path / "run", **shared)
    twin = seesum.train("fast", out=tmp_path / "twin", split="validate", **shared)
    before = {path.name: path.read_bytes() for path in run.directory.iterdir()}
    data.rename(tmp_path / "moved")
    with pytest.raises(InputError, match="data"):
        seesum.calibrate(run, twin=twin, pictures=folder, target=0.5)
    assert {path.name: path.read_bytes() for path in run.directory.iterdir()} == before


def test_a_damaged_calibration_is_refused(pair: tuple[Run, Run], tmp_path: Path) -> None:
    shutil.copytree(pair[0].directory, tmp_path / "run")
    (tmp_path / "run" / "calibration.json").write_text(json.dumps({"temperature": "warm"}))
    with pytest.raises(InputError, match=r"calibration\.json has 'warm' for temperature, not a number: .*calibrate"):
        seesum.Reader.load(tmp_path / "run")


def test_an_uncalibrated_run_has_the_default(small_run: Run) -> None:
    assert small_run.calibration == Calibration()
