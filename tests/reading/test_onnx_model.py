"""reading/onnx_model.py: networks in ONNX files, files that are refused, and answers without torch."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

import seesum
from seesum.base.errors import InputError, JobError
from seesum.data.idx import Dataset
from seesum.networks.network import Network
from seesum.reading import onnx_model as models
from seesum.reading.exporting import attach_metadata, describe_run, take_compared
from seesum.reading.onnx_model import INPUTS, METADATA, MODEL_FILE, OUTPUTS, OnnxModel, find_run_or_model
from seesum.reading.pictures import Picture
from seesum.runs.run import find_run
from seesum.runs.shipped import SHIPPED, list_shipped

ROOT = Path(__file__).parents[2]
EXAMPLES: tuple[Picture, ...] = tuple(sorted(map(str, (ROOT / "examples").glob("*.[jp][pn]g"))))
FILE_OF_FAST = SHIPPED / "fast" / MODEL_FILE
FOREIGN: bytes = helper.make_model(
    helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "foreign",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])],
    ),
    opset_imports=[helper.make_opsetid("", 20)],
    ir_version=10,
).SerializeToString()


@pytest.mark.parametrize("size", [1, 2, 7, 500])
def test_any_batch_size_gives_the_answers_of_the_run(size: int, mnist: Dataset) -> None:
    images, addends = mnist.test.images[:size], np.arange(size) % 10
    digit_p, sum_p = OnnxModel.load(FILE_OF_FAST).predict(images, addends)
    probabilities = seesum.Reader.load(find_run("fast")).predict_every_addend(images)
    assert digit_p.shape == (size, 10)
    assert sum_p.shape == (size, 19)
    assert np.allclose(digit_p, probabilities.digit_p[np.arange(size), addends], atol=1e-5)
    assert np.allclose(sum_p, probabilities.sum_p[np.arange(size), addends], atol=1e-5)


def test_a_reader_of_a_file_is_a_reader_of_its_run() -> None:
    run, file = seesum.Reader.load(find_run("fast")), seesum.Reader.load(FILE_OF_FAST)
    assert file.recipe == run.recipe
    assert file.confidence_threshold == run.confidence_threshold
    for one, other in zip(run(EXAMPLES, add=7), file(EXAMPLES, add=7), strict=True):
        assert (one.digit, one.sum, one.unsure) == (other.digit, other.sum, other.unsure)
        assert np.allclose(one.sum_probabilities, other.sum_probabilities, atol=1e-5)


def test_evaluation_of_a_file_is_that_of_its_run() -> None:
    run, file = seesum.evaluate(find_run("fast")), seesum.evaluate(FILE_OF_FAST)
    assert file.keys() == run.keys()
    for name, value in run.items():
        if isinstance(value, float):
            assert file[name] == pytest.approx(value, abs=1e-5), name
    for name in ("digit_accuracy", "sum_accuracy", "per_digit", "system", "parameters", "evaluated_on"):
        assert file[name] == run[name]


@pytest.mark.parametrize("name", [name for name in list_shipped() if (SHIPPED / name / MODEL_FILE).is_file()])
def test_shipped_files_are_the_shipped_weights(name: str) -> None:
    run, model = find_run(name), find_run_or_model(name)
    assert isinstance(model, OnnxModel)
    assert model.recipe == run.recipe
    assert model.metrics == run.metrics
    assert model.calibration == run.calibration
    images = take_compared()[:100]
    expected, given = seesum.Reader.load(run).predict_every_addend(images), model.predict_every_addend(images)
    assert np.abs(given.digit_p - expected.digit_p).max() <= 1e-4
    assert np.abs(given.sum_p - expected.sum_p).max() <= 1e-4


def test_the_default_network_has_a_file() -> None:
    assert isinstance(find_run_or_model(), OnnxModel)


def make_other(what: str) -> bytes:
    """Return a file that is refused, made from one that is not."""
    data, metadata = FILE_OF_FAST.read_bytes(), describe_run(find_run("fast"), False)
    weight = len(data) // 2  # nine tenths of the file are one matrix
    return {
        "empty": b"",
        "text": b"# A text\n",
        "cut": data[: len(data) // 2],
        "weight": data[:weight] + bytes([data[weight] ^ 1]) + data[weight + 1 :],
        "accuracy": data.replace(b'"digit_accuracy": 0.', b'"digit_accuracy": 1.'),
        "foreign": FOREIGN,
        "inputs": attach_metadata(FOREIGN, metadata),
        "newer": attach_metadata(FOREIGN, {"format": 3}),
        "format": attach_metadata(FOREIGN, {"format": "two"}),
    }[what]


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("empty", "not an ONNX file"),
        ("text", "not an ONNX file"),
        ("cut", "not an ONNX file"),
        ("weight", "its checksum is wrong"),
        ("accuracy", "its checksum is wrong"),
        ("foreign", "without seesum's metadata"),
        ("inputs", "other inputs and outputs"),
        ("newer", "written by a newer seesum"),
        ("format", "has the format .two., which is not a number"),
    ],
)
def test_other_files_are_refused(what: str, sentence: str, tmp_path: Path, command: Any) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(make_other(what))
    with pytest.raises(InputError, match=sentence):
        OnnxModel.load(path)
    done = command("predict", *map(str, EXAMPLES), "--add", 7, "--run", path)
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("words", [("report",), ("calibrate", "--twin", "fast"), ("export", "--to", "x.onnx")])
def test_verbs_that_need_a_run_refuse_a_file(words: tuple[str, ...], command: Any) -> None:
    done = command(words[0], FILE_OF_FAST, *words[1:])
    assert done.code == 2
    assert "needs a run directory" in done.err


def test_the_metadata_name_no_folder_of_this_machine() -> None:
    data = FILE_OF_FAST.read_bytes()
    for folder in (ROOT, Path(sys.prefix), Path.home()):
        assert str(folder).encode() not in data
    metadata = json.loads(next(one.value for one in onnx.load(FILE_OF_FAST).metadata_props if one.key == METADATA))
    assert metadata["system"] == "fast"
    assert metadata["digit_accuracy"] == find_run("fast").metrics["digit_accuracy"]
    assert metadata["labels"] == {"digit_probabilities": [*range(10)], "sum_probabilities": [*range(19)]}
    assert metadata["commit"] == find_run("fast").info["commit"]


def test_without_onnx_runtime_shipped_networks_are_answered_by_torch(monkeypatch: pytest.MonkeyPatch, command: Any) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert isinstance(seesum.Reader.load("fast").network, Network)
    with pytest.raises(JobError, match=re.escape('pip install "seesum[export]"')):
        seesum.Reader.load(FILE_OF_FAST)
    done = command("evaluate", FILE_OF_FAST)
    assert done.code == 1
    assert len(done.err.splitlines()) == 1


BLOCKED = """
import sys
for name in ("torch", "matplotlib", "safetensors", "onnx", "onnxscript"):
    sys.modules[name] = None
from seesum.cli.app import main
main()
"""


def run_without_torch(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", BLOCKED, *words], capture_output=True, text=True, check=False)


def read_probabilities(printed: str) -> NDArray[np.float64]:
    return np.array([row["sum_probabilities"] for row in json.loads(printed)["predictions"]])


def test_answers_without_torch_are_those_with_torch() -> None:
    done = run_without_torch("predict", *map(str, EXAMPLES), "--add", "7", "--json")
    assert done.returncode == 0, done.stderr
    answers = seesum.Reader.load(find_run())(EXAMPLES, add=7)
    assert np.allclose(read_probabilities(done.stdout), [answer.sum_probabilities for answer in answers], atol=1e-4)


def test_what_needs_torch_says_so_in_one_sentence() -> None:
    done = run_without_torch("train", "fast")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "seesum: this needs torch, which is not installed; install it with: pip install torch\n"


def test_inputs_and_outputs_have_their_names() -> None:
    session = OnnxModel.load(FILE_OF_FAST).session
    assert [(one.name, one.type, one.shape) for one in session.get_inputs()] == [
        (INPUTS[0], "tensor(uint8)", ["batch", 1, 28, 28]),
        (INPUTS[1], "tensor(int64)", ["pairs"]),
    ]
    assert [(one.name, one.type, one.shape) for one in session.get_outputs()] == [
        (OUTPUTS[0], "tensor(float)", ["pairs", 10]),
        (OUTPUTS[1], "tensor(float)", ["pairs", 19]),
    ]


@pytest.mark.slow
def test_the_small_installation(tmp_path: Path) -> None:
    """The commands of docs/howto/export.md run in a separate environment, which has no torch."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "howto" / "export.md").read_text(), re.S)
    (block,) = [block for block in blocks if "--no-deps" in block]
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    settings["PIP_CONSTRAINT"] = str(ROOT / "constraints.txt")
    for line in block.splitlines():
        words = shlex.split(line.replace(" --no-deps .", f" --no-deps {ROOT}"))
        words = [str(ROOT / word) if word.startswith("examples/") else word for word in words]
        done = subprocess.run(words, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    python = tmp_path / "small" / "bin" / "python"
    lacking = subprocess.run([python, "-c", "import torch"], env=settings, capture_output=True, check=False)
    assert lacking.returncode == 1
    words = [str(python), "-m", "seesum", "predict", *map(str, EXAMPLES), "--add", "7", "--json"]
    done = subprocess.run(words, cwd=tmp_path, env=settings, capture_output=True, text=True, check=True)
    answers = seesum.Reader.load(find_run())(EXAMPLES, add=7)
    assert np.allclose(read_probabilities(done.stdout), [answer.sum_probabilities for answer in answers], atol=1e-4)


@pytest.mark.parametrize(
    ("setting", "threads"), [("", 0), ("1", 1), ("1,4", 1), ("99999", os.cpu_count()), ("abc", 0), ("-1", 0)]
)
def test_threads_are_those_that_the_environment_asks_for(setting: str, threads: int) -> None:
    assert models._count_threads(setting) == threads


@pytest.mark.parametrize("count", [0, 2, 4])
def test_as_many_addends_for_each_image(mnist: Dataset, count: int) -> None:
    model = OnnxModel.load(FILE_OF_FAST)
    with pytest.raises(ValueError, match=f"{count} addends for 3 images; expected as many for each"):
        model.predict(mnist.test.images[:3], np.zeros(count, np.int64))


def test_a_shipped_name_wins_over_a_file(elsewhere: Path) -> None:
    (elsewhere / "hand").write_text("notes about a hand")
    assert find_run_or_model("hand").recipe.system == "hand"
    with pytest.raises(InputError, match="not an ONNX file that can be read"):
        find_run_or_model(elsewhere / "hand")
