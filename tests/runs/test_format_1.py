"""base/compatibility.py: runs of seesum 0.1 are read, evaluated, resumed and exported as before.

The last commit of version 0.1 wrote ``format-1/``: ``micro`` on the images of the fixture ``small_data``, with every field that
has a new name now. The folder has a finished and calibrated run and its ONNX file, a run that was stopped after its first epoch
with its teacher, the weights with which this run ended, and a study.
"""

from __future__ import annotations

import json
import lzma
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seesum
from seesum.base.compatibility import AUGMENTATION_NAMES, FORMAT, RECIPE_NAMES, find_new_name
from seesum.base.errors import InputError
from seesum.base.files import load_tensors, read_json
from seesum.data import rendering
from seesum.data.glyphs import DIGITS, OTHERS
from seesum.networks import blocks
from seesum.reading.onnx_model import OnnxModel

FIXTURE = Path(__file__).parent / "format-1"
EXPECTED: dict[str, Any] = json.loads((FIXTURE / "expected.json").read_text())


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a copy that may be changed."""
    return shutil.copytree(FIXTURE, tmp_path / "old")


def nearly_equal(given: Any, expected: Any) -> bool:
    """Return whether two values are equal, numbers to about four digits, because other processors round differently."""
    if isinstance(expected, dict):
        return given.keys() == expected.keys() and all(nearly_equal(given[key], value) for key, value in expected.items())
    if isinstance(expected, list):
        return len(given) == len(expected) and all(map(nearly_equal, given, expected))
    if isinstance(expected, float):
        return bool(given == pytest.approx(expected, rel=1e-4, abs=1e-5))
    return bool(given == expected)


def test_a_run_is_read_under_the_new_names() -> None:
    stored, run = read_json(FIXTURE / "finished" / "run.json"), seesum.Run(FIXTURE / "finished")
    assert "format" not in stored
    assert run.info["format"] == FORMAT
    assert run.info["evaluation"] == {"test": False, "monitor": ["validation"]}
    values = run.recipe.to_dict()
    for before, after in RECIPE_NAMES.items():
        assert values[after] == stored["recipe"][before], before
        assert before not in values
    for before, after in AUGMENTATION_NAMES.items():
        assert values["augmentation"][after] == stored["recipe"]["augmentation"][before] > 0, before
    assert run.calibration.confidence_threshold == read_json(FIXTURE / "finished" / "calibration.json")["unsure_below"]


def test_the_command_of_a_run_can_be_given_today() -> None:
    command = seesum.Run(FIXTURE / "stopped").info["command"]
    assert "--set muon_lr=0.04" in command
    assert "--set augmentation.low_resolution=0.15" in command
    for name in (*RECIPE_NAMES, *(f"augmentation.{name}" for name in AUGMENTATION_NAMES)):
        assert f"--set {name}=" not in command


def test_evaluation_is_as_before(small_data: Path) -> None:
    assert nearly_equal(seesum.evaluate(FIXTURE / "finished", data=small_data), EXPECTED["metrics"])


@pytest.mark.parametrize("name", EXPECTED["answers"])
@pytest.mark.parametrize("exported", [False, True])
def test_answers_are_as_before(name: str, exported: bool, tmp_path: Path) -> None:
    (tmp_path / "finished.onnx").write_bytes(lzma.decompress((FIXTURE / "finished.onnx.xz").read_bytes()))
    reader = seesum.Reader.load(tmp_path / "finished.onnx" if exported else FIXTURE / "finished")
    # pictures are prepared in another way today, so this is the image that version 0.1 made of the example
    answer = reader(FIXTURE / f"{Path(name).stem}.png", add=7).to_dict()
    expected = {("digits_found" if key == "found" else key): value for key, value in EXPECTED["answers"][name].items()}
    assert nearly_equal(answer, expected)
    assert reader.adder_knows_rule


def test_a_stopped_run_continues_to_the_same_weights(old: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This needs the synthetic images of version 0.1: since then, glyphs were added, and two figures have changed."""
    counts = (8, 10, 7, 7, 9, 7, 6, 9, 6, 8)
    monkeypatch.setattr(rendering, "DIGITS", {digit: DIGITS[digit][:count] for digit, count in enumerate(counts)})
    figures = {0: "0,100 34,0! 68,100; 14,64 54,64", 12: "4,20 24,2 50,14 42,40 28,56 28,74; 28,94 29,100"}
    monkeypatch.setattr(rendering, "OTHERS", tuple(figures.get(index, glyph) for index, glyph in enumerate(OTHERS)))
    run = seesum.train(resume=old / "stopped", data=small_data, plot=False, quiet=True)
    given, expected = load_tensors(run.weights)[0], load_tensors(FIXTURE / "went-on.safetensors")[0]
    assert given.keys() == expected.keys()
    for name, tensor in expected.items():
        assert np.allclose(given[name].numpy(), tensor.numpy(), atol=1e-4), name
    assert run.finished


def test_a_study_finds_its_runs(old: Path, elsewhere: Path) -> None:
    shutil.copytree(old / "studies", elsewhere / "runs")
    recipe = seesum.Run(next(FIXTURE.glob("studies/*/s0"))).recipe
    changes = {name: value for name, value in recipe.to_dict().items() if name not in ("system", "seed", "augmentation")}
    study = seesum.study(recipe.system, seeds=1, augmentation=recipe.augmentation, plot=False, quiet=True, **changes)
    assert [run.directory.parent.name for run in study.runs] == [path.name for path in FIXTURE.glob("studies/*")]
    assert len(list((elsewhere / "runs").iterdir())) == 1, "nothing was trained anew"


def test_a_calibrated_run_is_calibrated_again_under_the_new_names(old: Path, small_data: Path) -> None:
    twin = seesum.train(
        "micro", data=small_data, split="validate", out=old / "twin", plot=False, quiet=True, **changes_of(old / "finished")
    )
    seesum.calibrate(old / "finished", twin=twin, target=0.5, data=small_data)
    assert "confidence_threshold" in read_json(old / "finished" / "calibration.json")


def changes_of(directory: Path) -> dict[str, Any]:
    recipe = seesum.Run(directory).recipe
    values = {name: value for name, value in recipe.to_dict().items() if name not in ("system", "split", "augmentation")}
    return {**values, "augmentation": recipe.augmentation}


@pytest.mark.slow
def test_a_run_is_reported_and_exported(old: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network takes the mean over three views instead of thirteen. Otherwise, its export takes four times as long."""
    monkeypatch.setattr(blocks, "THIRTEEN_VIEWS", blocks.THIRTEEN_VIEWS[::5])
    seesum.report(old / "finished", data=small_data)
    assert (old / "finished" / "report.html").stat().st_size > 10_000
    made = seesum.export(old / "finished", to=old / "new.onnx")
    assert made.largest_difference < 1e-4
    assert OnnxModel.load(old / "new.onnx").metadata["format"] == FORMAT


@pytest.mark.parametrize("text", ["matrix_lr=0.1", "drawn=5", "ema=0.9", "augmentation.far=0.2", "asked=1"])
def test_an_old_name_is_answered_with_the_new_one(text: str, command: Any, elsewhere: Path) -> None:
    done = command("train", "fast", "--set", text)
    name = text.partition("=")[0]
    assert done.code == 2
    assert f"the field {name} of a recipe is now called {find_new_name(name)}" in done.err
    assert not list(elsewhere.iterdir())


def test_an_old_name_in_python_is_answered_with_the_new_one(elsewhere: Path) -> None:
    with pytest.raises(InputError, match="is now called synthetic_digits"):
        seesum.train("fast", drawn=10)
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize(("number", "sentence"), [(FORMAT + 1, "newer seesum"), ("two", "not a number"), (0, "not a number")])
def test_another_format_is_refused(old: Path, number: object, sentence: str) -> None:
    path = old / "finished" / "run.json"
    path.write_text(json.dumps({**read_json(path), "format": number}))
    with pytest.raises(InputError, match=sentence):
        _ = seesum.Run(path.parent).info
