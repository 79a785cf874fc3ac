"""reading/reader.py: one picture, many pictures, and the evaluation, with which they must agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import seesum
from seesum.data.idx import Dataset
from seesum.reading.answer import Answer
from seesum.reading.reader import Reader, check_addend
from seesum.runs.run import Run

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.[jp][pn]g"))


def test_answer_has_what_the_contract_says(reader: Reader, mnist: Dataset) -> None:
    answer = reader(mnist.test.images[0], add=7)
    assert isinstance(answer, Answer)
    assert (answer.digit, answer.sum) == (7, 14)
    assert answer.digit_probabilities.shape == (10,)
    assert answer.sum_probabilities.shape == (19,)
    assert answer.digit_probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert answer.sum_probabilities.sum() == pytest.approx(1, abs=1e-4)
    assert answer.confidence == pytest.approx(min(answer.digit_probabilities.max(), answer.sum_probabilities.max()))
    assert not answer.unsure


def test_a_list_gives_a_list_with_the_same_answers(reader: Reader) -> None:
    together = reader(EXAMPLES, add=3)  # type: ignore[arg-type]
    alone = [reader(path, add=3) for path in EXAMPLES]
    assert [answer.digit for answer in together] == [answer.digit for answer in alone]
    for one, other in zip(together, alone, strict=True):
        assert np.allclose(one.sum_probabilities, other.sum_probabilities, atol=1e-5)
    assert reader([], add=3) == []


def test_answers_are_what_the_evaluation_counts(reader: Reader, mnist: Dataset) -> None:
    images, digits = mnist.test.images[:2000], mnist.test.digits[:2000]
    addends = np.arange(2000) % 10
    answers = reader.answer_images(images, addends)
    right = np.mean([answer.sum == digit + addend for answer, digit, addend in zip(answers, digits, addends, strict=True)])
    probabilities = reader.predict_every_addend(images)
    expected = (probabilities.sum_p[np.arange(2000), addends].argmax(1) == digits + addends).mean()
    assert right == expected
    assert right > 0.85


def test_answers_below_the_confidence_threshold_are_unsure(small_run: Run, mnist: Dataset) -> None:
    run = Reader.load(small_run)
    picture = mnist.test.images[0]
    confidence = run(picture, add=0).confidence
    assert Reader(run.network, run.recipe, confidence + 1e-6)(picture, add=0).unsure
    assert not Reader(run.network, run.recipe, confidence)(picture, add=0).unsure


def test_answers_of_another_operation_are_values(tmp_path: Path, mnist: Dataset) -> None:
    run = seesum.train("fast", operation="subtract", images="3000", adder="exact", out=tmp_path / "run", plot=False, quiet=True)
    answer = Reader.load(run)(mnist.test.images[0], add=9)
    assert (answer.digit, answer.sum) == (7, -2)


@pytest.mark.parametrize("addend", [0, 9, np.int64(3), "4", " 5 "])
def test_addends(addend: Any) -> None:
    assert check_addend(addend) == int(addend)


@pytest.mark.parametrize("addend", [-1, 10, 3.0, "x", "", "3.5", "-1", None, True, float("nan"), "²"])
def test_bad_addends(addend: Any, reader: Reader, mnist: Dataset) -> None:
    with pytest.raises(seesum.InputError, match="0 to 9"):
        reader(mnist.test.images[0], add=addend)


def test_several_digits_are_found_and_marked(reader: Reader, mnist: Dataset) -> None:
    page = np.zeros((60, 140), np.uint8)
    page[16:44, 10:38], page[16:44, 90:118] = mnist.test.images[0], mnist.test.images[2]  # a 7 and a 1
    answer = reader(page, add=2)
    assert answer.digits_found == 2
    assert answer.unsure
    assert answer.confidence == pytest.approx(min(answer.digit_probabilities.max(), answer.sum_probabilities.max()) / 2)
    assert answer.digit in (7, 1)
    alone = reader(page[:, :70], add=2)
    assert (alone.digits_found, alone.digit, alone.sum) == (1, 7, 9)


def test_saliency_is_on_the_ink_of_the_digit(reader: Reader, mnist: Dataset) -> None:
    image = mnist.test.images[0]
    saliency = reader.compute_saliency(image, 7)
    assert saliency.shape == (28, 28)
    assert saliency.min() >= 0
    assert saliency.max() == 1
    near = ndimage.binary_dilation(image > 0, np.ones((7, 7)))
    assert (saliency > 0.3)[~near].sum() == 0
    assert not reader.compute_saliency(np.zeros((28, 28), np.uint8), 7).any()


def test_a_reader_prints_as_one_short_line(reader: Reader) -> None:
    assert re.fullmatch(r"Reader\(fast, (torch|ONNX Runtime), 110,774 parameters, unsure below \d\d\.\d %\)", repr(reader))
    assert re.findall(r"<td>([^<]+)", reader._repr_html_())[::2] == ["fast", "110,774"]
