"""reading/own_loop.py: torch data sets with the samples of training and evaluation, and networks as torch modules."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import seesum
from seesum.data.batches import Batches
from seesum.data.idx import Dataset
from seesum.runs.run import Run


def read_all(samples: Any, batch_size: int = 64) -> tuple[torch.Tensor, ...]:
    """Return all samples of a data set as four tensors, as a loader gives them."""
    return tuple(torch.cat(parts) for parts in zip(*DataLoader(samples, batch_size), strict=True))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"seed": 3, "operation": "multiply", "images": "50%"},
        {"addends": "every", "images": "100"},
        {"addends": "fresh", "held_out_pairs": 3},
        {"split": "validate", "operation": "abs(d - a)"},
    ],
    ids=str,
)
def test_training_samples_are_those_of_train(changes: dict[str, Any], small_data: Path, tmp_path: Path) -> None:
    train, _ = seesum.datasets(small_data, **changes)
    run = seesum.train(
        "fast", data=small_data, epochs=1, batch_size=50, plot=False, quiet=True, out=tmp_path / "run", **changes
    )
    batches = Batches(run.load_splits().train, run.recipe, torch.device("cpu"), torch.Generator())
    for epoch in (0, 1):
        train.set_epoch(epoch)
        order = batches.generator.manual_seed(7)
        shown = list(batches.shuffle(epoch))
        rows = torch.randperm(len(train), generator=order.manual_seed(7))
        for place, name in enumerate(("image", "addend", "digit", "answer")):
            torch.testing.assert_close(
                torch.cat([getattr(batch, name) for batch in shown]), read_all(train)[place][rows], rtol=0, atol=0
            )


def test_a_sample_is_an_image_and_three_numbers(small_data: Path, mnist: Dataset) -> None:
    train, test = seesum.datasets(small_data)
    image, addend, digit, answer = train[5]
    assert (image.shape, image.dtype) == ((1, 28, 28), torch.float32)
    assert image.numpy() == pytest.approx((mnist.train.images[5][None] / 255 - 0.1307) / 0.3081, abs=1e-5)
    assert digit == mnist.train.digits[5]
    assert answer == digit + addend
    assert [type(one) for one in (addend, digit, answer)] == [int] * 3
    assert len(train) == 600
    assert torch.equal(train[-1][0], train[599][0])
    with pytest.raises(IndexError):
        _ = train[600]
    assert repr(train) == "SampleDataset(600 samples of 600 images)"
    assert repr(test) == "SampleDataset(1,000 samples of 100 images)"


def test_the_samples_for_testing_are_every_pair_of_the_evaluation(small_run: Run, small_data: Path, mnist: Dataset) -> None:
    network, (_, test) = seesum.load_network(small_run), seesum.datasets(small_data)
    image, addend, digit, answer = read_all(test, 1000)
    assert addend.tolist() == list(range(10)) * 100
    assert digit.tolist() == np.repeat(mnist.test.digits[:100], 10).tolist()
    with torch.inference_mode():
        output = network(image, addend)
    expected = seesum.Reader.load(small_run).predict_every_addend(mnist.test.images[:100])
    torch.testing.assert_close(output.sum_logp.exp().numpy(), expected.sum_p.reshape(1000, 19), atol=1e-5, rtol=0)
    assert (output.sum_logp.argmax(1) == answer).float().mean() > 0.85


def test_under_validate_the_test_images_stay_unseen(small_data: Path) -> None:
    train, test = seesum.datasets(small_data, split="validate")
    assert (len(train.labelled.digits), len(test.labelled.digits)) == (480, 120)


def test_samples_can_be_sent_to_the_workers_of_a_loader(small_data: Path) -> None:
    train, _ = seesum.datasets(small_data)
    again = pickle.loads(pickle.dumps(train))  # noqa: S301 (our own bytes)
    for given, expected in zip(DataLoader(again, 300), DataLoader(train, 300), strict=True):
        assert torch.equal(given[0], expected[0])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"operation": "divide"}, "divide"),
        ({"addends": "some"}, "addend strategy"),
        ({"images": "1"}, "images"),
        ({"data": "nowhere"}, "nowhere"),
    ],
    ids=str,
)
def test_wrong_arguments_get_a_sentence(arguments: dict[str, Any], sentence: str, small_data: Path) -> None:
    with pytest.raises(seesum.InputError, match=sentence):
        seesum.datasets(**{"data": small_data, **arguments})


@pytest.mark.parametrize("source", ["fast", "run", None])
def test_a_network_is_a_torch_module(source: str | None, small_run: Run) -> None:
    network = seesum.load_network(small_run if source == "run" else source)
    assert isinstance(network, torch.nn.Module)
    assert not network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    output = network(torch.zeros(2, 1, 28, 28), torch.tensor([3, 4]))
    assert (output.digit_logp.shape, output.sum_logp.shape) == ((2, 10), (2, 19))


def test_an_onnx_file_is_no_torch_module(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(seesum.InputError, match="needs a run directory or a shipped network"):
        seesum.load_network(tmp_path / "model.onnx")


def test_neither_slows_the_import() -> None:
    code = "import sys, seesum; 'datasets' in dir(seesum); assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
