"""reading/exporting.py: every system and every adder as ONNX; what is compared, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import seesum
from seesum.base.errors import InputError
from seesum.base.files import load_tensors, save_tensors
from seesum.base.recipe import Recipe
from seesum.data.idx import Dataset, Images
from seesum.networks.adders import ADDERS
from seesum.networks.network import Network
from seesum.networks.systems import SYSTEMS, build_network, find_system
from seesum.reading.exporting import TOLERANCE, attach_metadata, compare_model, convert_network, describe_run, take_compared
from seesum.reading.onnx_model import MODEL_FILE, OnnxModel
from seesum.runs.run import Run
from seesum.runs.shipped import SHIPPED, list_shipped

LONG = (pytest.mark.slow, pytest.mark.long)
MANY_VIEWS = ("tiny", "micro")
"""Systems whose graphs hold the encoder thirteen times, so that exporting takes long."""
PAIRS = [
    *((name, system.recipe.adder) for name, system in SYSTEMS.items()),
    *(("logit", adder) for adder in ADDERS if adder != find_system("logit").recipe.adder),
]
"""Every system with its own adder, and every adder with one system. An adder gets features and logits, not the encoder."""


@pytest.fixture(scope="module")
def images() -> Images:
    return take_compared()


def build_random_network(recipe: Recipe) -> Network:
    """Return a network with random weights, statistics in its norms, and a temperature."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        network = build_network(recipe)
        for _ in range(3):
            network(torch.randn(8, 1, 28, 28), torch.arange(8))
    network.temperature = 0.7
    return network.eval()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "adder"), [pytest.param(*pair, marks=pytest.mark.long if pair[0] in MANY_VIEWS else ()) for pair in PAIRS]
)
def test_graphs_answer_as_their_networks(name: str, adder: str, small_run: Run, images: Images) -> None:
    recipe = find_system(name).recipe.replaced({"adder": adder})
    network = build_random_network(recipe)
    model = OnnxModel(attach_metadata(convert_network(network, recipe), describe_run(small_run, False)), name)
    assert compare_model(model, network, recipe, images[:30]) < 1e-5


@pytest.mark.slow
def test_answers_of_another_operation(small_run: Run, images: Images) -> None:
    recipe = find_system("fast").recipe.replaced({"operation": "multiply"})
    network = build_random_network(recipe)
    metadata = describe_run(small_run, False)
    metadata["labels"] = {**metadata["labels"], "sum_probabilities": [*range(82)]}
    metadata["run"]["recipe"]["operation"] = "multiply"
    model = OnnxModel(attach_metadata(convert_network(network, recipe), metadata), "fast")
    assert model.predict_every_addend(images[:3]).sum_p.shape == (3, 10, 82)
    assert compare_model(model, network, recipe, images[:30]) < 1e-5


@pytest.mark.slow
def test_export_prints_what_it_wrote(small_run: Run, tmp_path: Path, command: Any) -> None:
    """Float images have the same scale as uint8 images, but are not rounded."""
    path = tmp_path / "float.onnx"
    done = command("export", small_run.directory, "--to", path, "--float", "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    assert done.json["file"] == str(path)
    assert done.json["bytes"] == path.stat().st_size
    assert 0 < done.json["largest_difference"] < TOLERANCE
    model, images = OnnxModel.load(path), take_compared()[:20]
    addends = np.arange(20) % 10
    whole = model.predict(images, addends)[0]
    assert np.allclose(whole, model.predict(images.astype(np.float32), addends)[0], atol=1e-6)
    between = model.predict(np.minimum(images + np.float32(0.4), 255), addends)[0]
    assert 1e-6 < np.abs(whole - between).max() < 0.05
    other = find_system("fast").recipe
    assert compare_model(model, build_random_network(other), other, images) > TOLERANCE, "another network is told apart"


def test_weights_that_are_not_numbers_are_not_exported(small_run: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    shutil.copytree(small_run.directory, run.directory)
    tensors, metadata = load_tensors(run.directory / "weights.safetensors")
    broken = {name: torch.full_like(tensor, float("nan")) for name, tensor in tensors.items()}
    save_tensors(run.directory / "weights.safetensors", broken, metadata)
    with pytest.raises(InputError, match="holds numbers that are none"):
        seesum.export(run, to=tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_bad_input(small_run: Run, tmp_path: Path, command: Any) -> None:
    unfinished = tmp_path / "unfinished"
    shutil.copytree(small_run.directory, unfinished)
    (unfinished / "metrics.json").unlink()
    for words, sentence in (
        ((unfinished, "--to", tmp_path / "x.onnx"), "is not finished"),
        ((small_run.directory, "--to", tmp_path / "nowhere" / "x.onnx"), "cannot be written"),
        ((small_run.directory, "--to", tmp_path), "cannot be written"),
        ((tmp_path / "nothing", "--to", tmp_path / "x.onnx"), "neither a run directory"),
    ):
        done = command("export", *words)
        assert done.code == 2
        assert sentence in done.err
    assert {path.name for path in tmp_path.iterdir()} == {"unfinished"}


@pytest.mark.slow
@pytest.mark.long
def test_the_oldest_runtime_that_is_named_reads_the_files(tmp_path: Path, mnist: Dataset) -> None:
    """This needs a separate environment, because 1.17 needs an older numpy."""
    python = tmp_path / "old" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "old")], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "onnxruntime==1.17.0", "numpy<2"]
    if subprocess.run(install, capture_output=True, check=False).returncode:
        pytest.skip("onnxruntime 1.17.0 cannot be installed here")
    np.save(tmp_path / "images.npy", mnist.test.images[:20, None])
    program = (
        "import sys, numpy, onnxruntime; session = onnxruntime.InferenceSession(sys.argv[1]);"
        "values = {'image': numpy.load(sys.argv[2]), 'addend': numpy.arange(20) % 10};"
        "print(session.run(None, values)[1].argmax(1).tolist())"
    )
    for name in list_shipped():
        words = [str(python), "-c", program, str(SHIPPED / name / MODEL_FILE), str(tmp_path / "images.npy")]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        expected = seesum.Reader.load(name).answer_images(mnist.test.images[:20], np.arange(20) % 10)
        assert json.loads(done.stdout) == [answer.sum for answer in expected], name


@pytest.mark.parametrize("name", ["fast", pytest.param("micro", marks=LONG), pytest.param("hand", marks=pytest.mark.slow)])
def test_opencv_runs_a_simple_graph(name: str, tmp_path: Path, mnist: Dataset) -> None:
    exported = seesum.export(name, to=tmp_path / "simple.onnx", float_images=True, simple=True)
    assert exported.largest_difference < TOLERANCE
    images, addends = mnist.test.images[:12], np.arange(12) % 10
    net = cv2.dnn.readNetFromONNX(str(exported.path))
    net.setInput(images[:, None].astype(np.float32), "image")
    net.setInput(addends, "addend")
    digit_p, sum_p = net.forward(["digit_probabilities", "sum_probabilities"])
    expected = seesum.Reader.load(name).answer_images(images, addends)
    assert np.allclose(digit_p, [answer.digit_probabilities for answer in expected], atol=1e-3)
    assert np.allclose(sum_p, [answer.sum_probabilities for answer in expected], atol=1e-3)
    check_every_addend(exported.path, name, mnist)


def check_every_addend(path: Path, name: str, mnist: Dataset) -> None:
    """Make sure that a simple file answers images with every addend as the ordinary one."""
    simple, ordinary = (seesum.Reader.load(one).predict_every_addend(mnist.test.images[:30]) for one in (path, name))
    assert np.allclose(simple.sum_p, ordinary.sum_p, atol=1e-6)


@pytest.mark.slow
def test_a_simple_file_of_whole_numbers_answers_every_addend(tmp_path: Path, mnist: Dataset) -> None:
    seesum.export("fast", to=tmp_path / "simple.onnx", simple=True)
    check_every_addend(tmp_path / "simple.onnx", "fast", mnist)
