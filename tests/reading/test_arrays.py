"""reading/pictures.py and reading/reader.py: which arrays are one picture or several, batches, tensors, one addend for each."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import seesum
from seesum.data.idx import Dataset
from seesum.reading.onnx_model import OnnxModel
from seesum.reading.pictures import PictureError, list_pictures
from seesum.reading.preprocessing import prepare_picture
from seesum.reading.reader import Reader

THREE = Path(__file__).parents[2] / "examples" / "three.png"


@pytest.mark.parametrize(
    "shape",
    [(28, 28), (28, 28, 1), (28, 28, 3), (28, 28, 4), (1, 28, 28), (3, 28, 28), (4, 28, 28), (3, 20, 3), (784,), (1, 784)],
    ids=str,
)
def test_these_shapes_are_one_picture(shape: tuple[int, ...]) -> None:
    image = np.zeros(shape, np.uint8)
    pictures, many = list_pictures(image)
    assert not many
    assert pictures[0] is image
    assert not list_pictures(torch.zeros(shape))[1]


@pytest.mark.parametrize(
    ("shape", "each"),
    [
        ((2, 28, 28), (28, 28)),
        ((5, 28, 28), (28, 28)),
        ((5, 30, 20), (30, 20)),
        ((2, 1, 784), (1, 784)),
        ((1, 1, 28, 28), (28, 28)),
        ((3, 1, 28, 28), (28, 28)),
        ((4, 1, 28, 28), (28, 28)),
        ((3, 28, 28, 1), (28, 28)),
        ((2, 3, 30, 20), (30, 20, 3)),
        ((2, 4, 30, 20), (30, 20, 4)),
        ((2, 30, 20, 3), (30, 20, 3)),
        ((2, 3, 30, 3), (3, 30, 3)),
        ((0, 28, 28), ()),
        ((0, 1, 28, 28), ()),
    ],
    ids=str,
)
def test_these_shapes_are_several_pictures(shape: tuple[int, ...], each: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape)).reshape(shape)
    for batch in (values, torch.from_numpy(values)):
        pictures, many = list_pictures(batch)
        assert many
        assert [one.shape for one in pictures] == [each] * shape[0]  # type: ignore[union-attr]
    if shape == (2, 3, 30, 20):
        np.testing.assert_array_equal(pictures[1], values[1].transpose(1, 2, 0))


@pytest.mark.parametrize("shape", [(2, 5, 28, 28), (1, 2, 1, 28, 28), (2, 2, 2, 2, 2)], ids=str)
def test_other_shapes_get_a_true_sentence(shape: tuple[int, ...], reader: Reader) -> None:
    with pytest.raises(PictureError, match=r"is not several pictures; expected \[N, H, W, C\] or \[N, C, H, W\]"):
        reader(np.zeros(shape), add=3)


@pytest.mark.parametrize("source", ["fast", "run"])
def test_a_batch_has_the_answers_of_its_pictures(source: str, small_run: seesum.Run, mnist: Dataset) -> None:
    reader = Reader.load(small_run if source == "run" else source)
    images, addends = mnist.test.images[:24], np.arange(24) % 10
    alone = [reader(image, add=int(addend)) for image, addend in zip(images, addends, strict=True)]
    floats = torch.from_numpy(images).float() / 255
    for batch in (images, images[:, None], images[..., None], torch.from_numpy(images), floats, floats[:, None].bfloat16()):
        together = reader(batch, add=addends)
        assert [(one.digit, one.sum) for one in together] == [(one.digit, one.sum) for one in alone]
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_array_equal(one.image, other.image)
            np.testing.assert_allclose(one.sum_probabilities, other.sum_probabilities, atol=1e-5)


def test_a_batch_goes_through_the_network_once(reader: Reader, mnist: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    network, calls = reader.network, list[int]()
    assert isinstance(network, OnnxModel)
    predict = network.predict

    def count(images: Any, addends: Any) -> Any:
        calls.append(len(images))
        return predict(images, addends)

    monkeypatch.setattr(network, "predict", count)
    assert len(reader(mnist.test.images[:50], add=3)) == 50
    assert calls == [50]


def test_pictures_of_any_size_and_colour_may_come_as_a_batch(mnist: Dataset) -> None:
    reader = Reader.load()
    pages = np.full((5, 3, 90, 70), 240, np.uint8)
    for page, image in zip(pages, mnist.test.images, strict=False):
        page[:2, 30:58, 20:48] -= (image * 0.9).astype(np.uint8)  # blue ink on white
    answers = reader(pages, add=2)
    assert [answer.digit for answer in answers] == mnist.test.digits[:5].tolist()
    assert answers == reader(list(pages), add=2)


@pytest.mark.parametrize(
    "kind", ["uint8", "int16", "int64", "uint16", "float16", "bfloat16", "float64", "float8_e4m3fn", "bool"]
)
def test_tensors_of_any_dtype_are_read(kind: str, reader: Reader, mnist: Dataset) -> None:
    images = torch.from_numpy(mnist.test.images[:6])
    dtype = getattr(torch, kind)
    tensor = images.to(dtype) if dtype.itemsize > 1 or kind == "uint8" else (images / 255 > 0.4).to(dtype)
    if dtype.is_floating_point and kind != "float8_e4m3fn":
        tensor = (images / 255).to(dtype)
    assert [answer.digit for answer in reader(tensor, add=3)] == mnist.test.digits[:6].tolist()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_tensors_on_a_gpu_are_read(reader: Reader, mnist: Dataset) -> None:
    images = torch.from_numpy(mnist.test.images[:6])
    assert reader(images.cuda(), add=torch.arange(6).cuda()) == reader(images, add=[*range(6)])


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.zeros(28, 28, device="meta"),
        lambda: torch.zeros(2, 1, 28, 28, device="meta"),
        lambda: torch.zeros(28, 28).to_sparse(),
    ],
    ids=["meta", "batch on meta", "sparse"],
)
def test_tensors_without_plain_values_get_a_true_sentence(make: Any, reader: Reader) -> None:
    with pytest.raises(PictureError, match=r"a Tensor cannot be read as numbers \(.+\); give a plain array of numpy"):
        reader(make(), add=3)


@pytest.mark.parametrize("make", [list, tuple, np.array, torch.tensor, lambda addends: np.array(addends, np.uint8)])
def test_each_picture_may_have_its_addend(make: Any, reader: Reader, mnist: Dataset) -> None:
    pictures = [mnist.test.images[0], THREE, io.BytesIO(THREE.read_bytes())]
    answers = reader(pictures, add=make([9, 0, 4]))
    assert [(answer.addend, answer.sum) for answer in answers] == [(9, 16), (0, 3), (4, 7)]
    assert answers[1] == reader(THREE, add=make([0]))


@pytest.mark.parametrize("addend", [np.array(3), torch.tensor(3), np.uint8(3), "3"])
def test_an_addend_without_axes_is_for_all(addend: Any, reader: Reader, mnist: Dataset) -> None:
    assert [answer.addend for answer in reader(mnist.test.images[:5], add=addend)] == [3] * 5


@pytest.mark.parametrize(
    ("count", "add", "sentence"),
    [
        (5, [1, 2], "^for 5 pictures, give one addend, or a list of 5 instead of 2$"),
        (0, [1], "for 0 pictures, give one addend, or a list of 0 instead of 1"),
        (5, [], "or a list of 5 instead of 0"),
        (
            3,
            [1, 2, 3],
            r"for one picture, .* a list of 1 instead of 3 .*\[3, H, W\] is one colour picture; .* \[3, 1, H, W\]",
        ),
        (2, [1, 10], "the addend is 10; expected a whole number from 0 to 9"),
        (2, [1.0, 2.0], "the addend is 1.0"),
        (2, np.ones((2, 1), int), r"the addend is \[1\]"),
        (2, torch.tensor([True, False]), "the addend is True"),
        (2, None, "the addend is None"),
        (2, {1, 2}, "the addend is {1, 2}"),
    ],
    ids=str,
)
def test_wrong_addends_get_a_true_sentence(count: int, add: Any, sentence: str, reader: Reader, mnist: Dataset) -> None:
    with pytest.raises(seesum.InputError, match=sentence):
        reader(mnist.test.images[:count], add=add)


def test_one_bad_picture_of_a_batch_is_named(reader: Reader, mnist: Dataset) -> None:
    batch = mnist.test.images[:5].copy()
    batch[3] = 0
    with pytest.raises(PictureError, match="picture 4 of the list: the picture holds no ink"):
        reader(batch, add=3)


def test_a_single_picture_of_several_is_refused_inside_a_list() -> None:
    with pytest.raises(PictureError, match=r"shape \(2, 28, 28\) is not a picture; expected \[H, W\]"):
        prepare_picture(np.zeros((2, 28, 28)))
