"""Files of a run that are damaged or made by somebody else: each gets one sentence, and never a traceback."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from seesum.base.errors import InputError
from seesum.base.files import load_tensors, save_tensors
from seesum.runs.run import Run
from seesum.runs.shipped import SHIPPED

STRANGE: list[Any] = [None, True, -1, 0, 7, 1.5, float("nan"), 10**400, "", "x" * 300, [], [1, "a"], {}, {"a": {"b": 1}}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(SHIPPED / "micro", tmp_path / "run"))
    (folder / "calibration.json").write_text('{"temperature": 1.5, "confidence_threshold": 0.9, "target": 0.995}')
    return folder


def list_places(values: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the place of every value in a JSON object, the inner ones too."""
    for key, value in values.items():
        yield (*place, key)
        if isinstance(value, dict):
            yield from list_places(value, (*place, key))


def list_mutations(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield copies of an object in which one value is missing or strange."""
    for *outer, name in list_places(values):
        for strange in [*STRANGE, "missing"]:
            mutated = inner = copy.deepcopy(values)
            for key in outer:
                inner = inner[key]
            if strange == "missing":
                del inner[name]
            else:
                inner[name] = strange
            yield mutated


def use(folder: Path) -> None:
    """Do with a run what commands do first."""
    run = Run(folder)
    assert run.calibration.temperature > 0
    assert run.metrics["parameters"] >= 0
    assert run.recipe.to_dict()
    run.check_finished()
    run.load_network()


@pytest.mark.parametrize("name", ["run.json", "metrics.json", "calibration.json"])
def test_any_value_is_taken_or_refused_in_one_sentence(folder: Path, name: str) -> None:
    path = folder / name
    refused = 0
    for mutated in list_mutations(json.loads(path.read_text())):
        path.write_text(json.dumps(mutated))
        sentence = ""
        try:
            use(folder)
        except InputError as error:
            sentence = str(error)
        refused += bool(sentence)
        assert len(sentence) < 1500, "the sentence repeats what is in the file"
        assert "\n" not in sentence
    assert refused > 20


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "[" * 100_000, '{"a":' * 100_000, "\ufeff{}", '{"format": 1e400}', '{"format": {}}', "{}"]
)
@pytest.mark.parametrize("name", ["run.json", "metrics.json", "calibration.json"])
def test_what_is_no_object_of_ours_is_refused(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(InputError, match=name):
        use(folder)


def _change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors, metadata = load_tensors(folder / "weights.safetensors")
    change(tensors)
    save_tensors(folder / "weights.safetensors", tensors, metadata)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(command: Any, folder: Path, number: float) -> None:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        first = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
        tensors[first].view(-1)[0] = number

    _change_weights(folder, spoil)
    done = command("predict", SHIPPED.parents[3] / "examples" / "three.png", "--add", 7, "--run", folder)
    assert done.code == 2
    assert "numbers that are none" in done.err
    assert not done.out


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.complex64])
def test_weights_of_other_kinds_are_taken_or_refused(folder: Path, dtype: torch.dtype) -> None:
    from safetensors.torch import save_file

    tensors, _ = load_tensors(folder / "weights.safetensors")
    save_file({name: tensor.to(dtype) for name, tensor in tensors.items()}, folder / "weights.safetensors")
    with pytest.raises(InputError, match="is damaged"):
        Run(folder).load_network()


@pytest.mark.parametrize("name", ["history.csv", "steps.csv"])
@pytest.mark.parametrize(
    "text",
    [
        "epoch,epoch\n1,2\n",
        "epoch\n1,2\n",
        "epoch,step\n1\n",
        "epoch,step\n1,x\n",
        "other\n1\n",
        'epoch,step\n1,"2\n',
        "epoch,step\n\n\n1,2\n",
        "\x00",
    ],
)
def test_damaged_rows_are_named(tmp_path: Path, small_run: Run, name: str, text: str) -> None:
    folder = shutil.copytree(small_run.directory, tmp_path / "run")
    (folder / name).write_text(text)
    run = Run(folder)
    with pytest.raises(InputError, match=name):
        [row["sum_accuracy"] for row in run.read_rows(name)]


def test_a_path_of_a_thousand_folders_gets_a_sentence(command: Any, small_data: Path) -> None:
    long = "d/" * 1500
    for words in (("train", "--data", small_data, "--out", long), ("compare", "--out", long), ("evaluate", long)):
        done = command(*words)
        assert done.code in (1, 2), words
        assert "error of seesum itself" not in done.err
        assert done.err.startswith("seesum: ")
