"""seesum/__init__.py: public functions do not change global state, and work whatever that state is."""

from __future__ import annotations

import logging
import os
import random
import shutil
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from torch import nn

import seesum
from seesum.base.files import load_tensors
from seesum.networks.contract import Adder, Encoded
from seesum.networks.systems import build_network

THREE = Path(__file__).parents[1] / "examples" / "three.png"
QUICK: dict[str, Any] = {"images": "64", "epochs": 1, "quiet": True}


def look_around() -> dict[str, Any]:
    """Return everything in the process that a library might change without the caller's knowledge."""
    from matplotlib import pyplot

    return {
        "random": random.getstate(),
        "numpy": str(np.random.get_state()),
        "numpy errors": np.geterr(),
        "torch generator": torch.get_rng_state().tolist(),
        "torch dtype": torch.get_default_dtype(),
        "torch device": torch.get_default_device(),
        "torch gradients": torch.is_grad_enabled(),
        "torch inference": torch.is_inference_mode_enabled(),
        "torch autocast": torch.is_autocast_enabled("cpu"),
        "torch threads": torch.get_num_threads(),
        "torch deterministic": torch.are_deterministic_algorithms_enabled(),
        "cudnn": (torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32),
        "matplotlib": (matplotlib.get_backend(), dict(matplotlib.rcParams), pyplot.get_fignums()),
        "logging": (logging.root.level, list(logging.root.handlers)),
        "warnings": list(warnings.filters),
        "signals": [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)],
        "environment": dict(os.environ),
        "folder": Path.cwd(),
    }


MY_NETS = THREE.with_name("my_nets.py")
FUNCTIONS: dict[str, Callable[[seesum.Run, Path], Any]] = {
    "train": lambda _, data: seesum.train("squeeze", data=data, plot=False, summary=True, **QUICK),
    "study": lambda _, data: seesum.study("fast", seeds=1, data=data, plot=False, **QUICK),
    "compare": lambda _, data: seesum.compare("exact", seeds=1, data=data, **{**QUICK, "images": "200"}),
    "reproduce": lambda _, data: seesum.reproduce("squeeze", seeds=1, data=data, **QUICK),
    "evaluate": lambda run, data: seesum.evaluate(run, data=data),
    "predict": lambda run, _: seesum.predict(str(THREE), add=7, run=run, plot="plot.png", explain="explain.png"),
    "predict random": lambda run, data: seesum.predict(random=5, run=run, data=data),
    "calibrate": lambda run, data: calibrate(run, data),
    "show samples": lambda run, data: seesum.show("samples", run=run, data=data),
    "show table": lambda run, _: seesum.show("table", run=run),
    "report": lambda run, data: seesum.report(run, data=data),
    "export": lambda run, _: seesum.export(run, to="model.onnx"),
    "systems": lambda *_: seesum.systems(),
    "check": lambda *_: seesum.check(),
    "sums": lambda _, data: seesum.sums(1, network="lenet", data=data, epochs=1, plot=False, quiet=True),
    "load_data": lambda _, data: seesum.load_data(data),
    "load_mnist": lambda _, data: seesum.load_mnist(data),
    "Reader": lambda run, _: seesum.Reader.load(run)(str(THREE), add=7),
    "Reader of a file": lambda *_: seesum.Reader.load("fast")(str(THREE), add=7),
    "load_network": lambda run, _: seesum.load_network(run),
    "datasets": lambda _, data: seesum.datasets(data)[0][0],
    "register": lambda *_: seesum.register(str(MY_NETS)),
    "train my own": lambda _, data: seesum.train(f"{MY_NETS}:MINE", data=data, plot=False, **QUICK),
}


def calibrate(run: seesum.Run, data: Path) -> Any:
    twin = seesum.train("fast", data=data, split="validate", plot=False, quiet=True)
    own = seesum.Run(Path(shutil.copytree(run.directory, "calibrated")))  # the run is shared with other tests
    return seesum.calibrate(own, twin=twin, target=0.5, data=data)


@pytest.fixture(scope="module")
def own_run(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> seesum.Run:
    return seesum.train("fast", data=small_data, out=tmp_path_factory.mktemp("states") / "run", plot=False, quiet=True)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in ("compare", "reproduce", "export") else ()) for name in FUNCTIONS],
)
def test_global_state_is_unchanged(name: str, own_run: seesum.Run, small_data: Path, elsewhere: Path) -> None:
    for public in seesum.__all__:
        getattr(seesum, public)
    before = look_around()
    FUNCTIONS[name](own_run, small_data)
    after = look_around()
    assert [key for key, value in before.items() if value != after[key]] == []
    assert elsewhere == Path.cwd()


def test_every_public_function_is_tried() -> None:
    tried = {name.split()[0] for name in FUNCTIONS}
    functions = {name for name in seesum.__all__ if callable(getattr(seesum, name)) and name.islower()}
    assert functions - tried == {"serve"}, "serve runs until it is stopped"


@contextmanager
def set_dtype() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def set_device() -> Iterator[None]:
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


SURROUNDINGS: dict[str, Callable[[], Any]] = {
    "dtype": set_dtype,
    "device": set_device,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_results_do_not_depend_on_torchs_settings(name: str, own_run: seesum.Run, small_data: Path, elsewhere: Path) -> None:
    expected = seesum.Reader.load(own_run)(str(THREE), add=7)
    with SURROUNDINGS[name]():
        before = look_around()
        trained = seesum.train("fast", data=small_data, out="again", plot=False, quiet=True)
        answer = seesum.Reader.load(trained)(str(THREE), add=7)
        metrics = seesum.evaluate(trained, data=small_data)
        assert look_around() == before
    assert elsewhere == Path.cwd()
    weights = [load_tensors(run.weights)[0] for run in (own_run, trained)]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert answer == expected
    assert metrics["sum_accuracy"] == own_run.metrics["sum_accuracy"]


@pytest.fixture(scope="module")
def exported(own_run: seesum.Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seesum.export(own_run, to=tmp_path_factory.mktemp("exported") / "model.onnx").path


@pytest.mark.slow
@pytest.mark.parametrize("name", SURROUNDINGS)
def test_export_and_report_do_not_depend_on_torchs_settings(
    name: str, own_run: seesum.Run, exported: Path, small_data: Path, elsewhere: Path
) -> None:
    with SURROUNDINGS[name]():
        seesum.export(own_run, to="inside.onnx")
        seesum.report(own_run, data=small_data)
    assert exported.read_bytes() == (elsewhere / "inside.onnx").read_bytes()


def test_an_adder_gets_float32_from_any_encoder() -> None:
    """A user's own adder need not convert the output of an encoder in bf16."""
    network = build_network(seesum.Recipe("fast"))
    dtypes: list[torch.dtype] = []

    class Recording(Adder):
        def forward(self, features: torch.Tensor, digit_logits: torch.Tensor | None, addend: torch.Tensor) -> Any:  # noqa: ARG002
            assert digit_logits is not None
            dtypes.extend((features.dtype, digit_logits.dtype))
            return None

    network.adder = Recording(128, seesum.Reader.load("fast").operation)
    features = torch.zeros(2, 128, dtype=torch.bfloat16)
    network.add(Encoded(features, nn.Linear(128, 10).bfloat16()(features)), torch.zeros(2, dtype=torch.int64))
    assert dtypes == [torch.float32, torch.float32]
