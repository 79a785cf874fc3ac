"""runs/run.py: finding the run that a user means, and errors about it."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from seesum.base.errors import InputError
from seesum.base.files import save_tensors
from seesum.base.recipe import Augmentation, Recipe
from seesum.base.style import LIGHT
from seesum.data.idx import LabelledImages
from seesum.runs.creation import create_run
from seesum.runs.curves import SHOWN_EXAMPLES, answer_examples, draw_training
from seesum.runs.run import Run, find_run, find_unfinished


def test_recipe_round_trip_through_json() -> None:
    recipe = Recipe("fast", betas=(0.7, 0.95), augmentation=Augmentation(rotate=3), images="10%", seed=9)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    with pytest.raises(InputError, match="not a recipe of this version"):
        Recipe.from_dict({**recipe.to_dict(), "flavour": 1})
    with pytest.raises(InputError, match="not a recipe of this version"):
        Recipe.from_dict({"system": "fast"})


def test_a_recipe_of_an_older_version_is_read() -> None:
    older = {
        name: value
        for name, value in Recipe("fast", ema_decay=0.5).to_dict().items()
        if name not in ("teachers", "teachers_per_batch")
    }
    assert Recipe.from_dict(older) == Recipe("fast", ema_decay=0.5)


def test_create_refuses_what_is_there(tmp_path: Path) -> None:
    recipe = Recipe("fast")
    (tmp_path / "empty").mkdir()
    create_run(recipe, {}, tmp_path / "empty")
    with pytest.raises(InputError, match="is not empty"):
        create_run(recipe, {}, tmp_path / "empty")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        create_run(recipe, {}, tmp_path / "file")


def test_find_run(elsewhere: Path, small_run: Run) -> None:
    with pytest.raises(InputError, match="make one with: seesum train"):
        find_run("latest")
    with pytest.raises(InputError, match=r"neither a run directory .* nor a shipped network .*best"):
        find_run(elsewhere)
    for age, name in ((50, "older"), (10, "newer"), (90, "oldest")):
        directory = elsewhere / "runs" / name
        directory.mkdir(parents=True)
        for file in ("run.json", "weights.safetensors", "metrics.json"):
            (directory / file).write_bytes((small_run.directory / file).read_bytes())
            os.utime(directory / file, (1_000_000 - age, 1_000_000 - age))
    (elsewhere / "runs" / "older" / "metrics.json").touch()  # as calibrating it does
    (elsewhere / "runs" / "unfinished").mkdir()
    (elsewhere / "runs" / "unfinished" / "run.json").write_text("{}")
    assert find_run("latest").directory.name == "newer"
    assert find_run(small_run) is small_run


def test_latest_to_resume_is_the_newest_unfinished_run(elsewhere: Path, small_run: Run) -> None:
    for age, name in ((50, "older"), (30, "newer"), (10, "finished"), (5, "student/teachers/1")):
        directory = elsewhere / "runs" / name
        directory.mkdir(parents=True)
        (directory / "run.json").write_text(json.dumps({**small_run.info, "is_teacher": "teachers" in name}))
        os.utime(directory / "run.json", (1_000_000 - age, 1_000_000 - age))
    (elsewhere / "runs" / "finished" / "metrics.json").write_text("{}")
    assert find_unfinished("latest").directory.name == "newer"
    assert find_unfinished("runs/finished").finished, "a finished run may be named, although there is nothing to resume"
    with pytest.raises(InputError, match=r"is a teacher; give the run that it teaches: .*student$"):
        find_unfinished("runs/student/teachers/1")


def test_a_path_may_be_text(small_run: Run) -> None:
    assert Run(str(small_run.directory)).metrics == small_run.metrics  # type: ignore[arg-type]


def test_damaged_run_json(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"recipe": ')
    with pytest.raises(InputError, match=r"run\.json cannot be read"):
        _ = find_run(tmp_path).recipe
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(InputError, match=r"run\.json lacks 'recipe'"):
        _ = find_run(tmp_path).recipe


def test_weights_missing_damaged_or_of_another_network(small_run: Run, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes((small_run.directory / "run.json").read_bytes())
    with pytest.raises(InputError, match="no weights yet"):
        Run(tmp_path).load_network()
    weights = bytearray((small_run.directory / "weights.safetensors").read_bytes())
    weights[-10] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(weights)
    with pytest.raises(InputError, match="checksum is wrong"):
        Run(tmp_path).load_network()
    save_tensors(tmp_path / "weights.safetensors", {"encoder.0.weight": torch.zeros(2)})
    with pytest.raises(InputError, match="does not fit"):
        Run(tmp_path).load_network()


def test_a_run_prints_as_one_short_line(small_run: Run, tmp_path: Path) -> None:
    assert repr(small_run) == f"Run({small_run.directory})"
    assert repr(find_run("hand")) == "Run(hand)"
    assert repr(Run(tmp_path)) == f"Run({tmp_path}, not finished)"


def test_a_run_draws_its_training_and_some_answers(small_run: Run) -> None:
    figure = small_run.plot()
    titles = [panel.get_title() for panel in figure.axes]
    assert titles[:3] == ["Loss (nats)", "Right (%)", "Both right (%)"]
    assert len(titles) == 3 + SHOWN_EXAMPLES
    answers = [[int(number) for number in re.findall(r"\d+", title)] for title in titles[3:]]
    assert all(digit + addend == total for digit, addend, total in answers)
    labelled = small_run.load_splits().test
    first = np.asarray(figure.axes[3].images[0].get_array())
    assert any(np.array_equal(first, image) for image in labelled.images)


def test_a_wrong_answer_is_red(small_run: Run) -> None:
    labelled = small_run.load_splits().test
    other = LabelledImages(labelled.images[:50], (labelled.digits[:50] + 1) % 10)
    examples = answer_examples(small_run.load_network(), small_run.recipe, other, "test")
    assert sum(examples.wrong) >= SHOWN_EXAMPLES - 2
    figure = draw_training("run", small_run.read_rows("history.csv"), small_run.read_rows("steps.csv"), examples)
    red = [panel.title.get_color() == LIGHT["alarm"] for panel in figure.axes[3:]]
    assert red == examples.wrong


def test_a_run_draws_its_curves_where_its_images_are_not_at_hand(small_run: Run, tmp_path: Path) -> None:
    moved = Run(shutil.copytree(small_run.directory, tmp_path / "run"))
    info = json.loads((moved.directory / "run.json").read_text())
    info["data"]["directory"] = str(tmp_path / "gone")
    (moved.directory / "run.json").write_text(json.dumps(info))
    assert len(moved.plot().axes) == 3
    with pytest.raises(InputError, match="gone"):
        moved.plot(tmp_path / "gone")


def test_a_network_that_came_with_the_package_has_no_curves() -> None:
    with pytest.raises(InputError, match=r"^hand has no history\.csv or no steps\.csv, so there are no curves to plot"):
        find_run("hand").plot()


def test_a_notebook_shows_the_metrics_of_a_run(small_run: Run, tmp_path: Path) -> None:
    page, metrics = small_run._repr_html_(), small_run.metrics
    assert re.findall(r"<td>(\w+)<td>([\d.]+%)<td>", page) == [
        (output, f"{metrics[f'{output}_accuracy']:.2%}") for output in ("digit", "sum", "both")
    ]
    assert f"{metrics['sum_ece']:.2%}" in page
    odd = tmp_path / "<b>"
    odd.mkdir()
    assert "&lt;b&gt;, not finished" in Run(odd)._repr_html_()
