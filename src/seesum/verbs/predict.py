"""The verb predict: pictures, or random test images -> a network's answers. It imports no torch where ONNX Runtime answers."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from seesum.base.errors import InputError
from seesum.base.files import PathLike, check_file
from seesum.data.idx import Digits
from seesum.data.operations import Operation, draw_addends
from seesum.reading.decoding import Picture, Pictures, expand_patterns, list_pictures
from seesum.reading.onnx_model import OnnxModel, find_run_or_model
from seesum.reading.preprocessing import Prepared, prepare_picture
from seesum.reading.reader import Answer, Reader, check_addend
from seesum.runs.run import Run
from seesum.showing.plots import Explanation, caption_answer, draw_explanations, draw_grid, save_figure

MOST_EXPLAINED = 50
"""Pictures whose steps are drawn into one file."""


class Prediction(NamedTuple):
    """A network's answer to one picture and one addend."""

    picture: str
    """Its file, or its place among the test images."""
    addend: int
    answer: Answer
    digit: int | None
    """What the picture really shows, where that is known."""


class _Inputs(NamedTuple):
    """N pictures, prepared, and their addends."""

    names: list[str]
    prepared: list[Prepared]
    addends: Digits
    """int64 [N]."""
    digits: list[int | None]
    """What the pictures really show, where that is known."""


def predict(
    pictures: Picture | Pictures = (),
    *,
    add: int | str | None = None,
    run: PathLike | Run | OnnxModel | None = None,
    random: int | None = None,
    seed: int = 0,
    plot: PathLike | None = None,
    explain: PathLike | None = None,
    data: PathLike | None = None,
) -> list[Prediction]:
    """Answer pictures of digits, or random test images.

    Args:
        pictures: one picture or several: paths, patterns of paths such as ``digits/*.jpg``, bytes, PIL images or arrays.
        add: the addend, 0..9; needed with pictures.
        run: a Run, a shipped network's name, a run directory, an ONNX file, ``latest``, or None for the shipped ``hand``.
        random: instead of pictures, this many random test images with random addends.
        seed: decides which images and addends are random.
        plot: PNG file for a grid of the images as the network saw them, with answers; wrong ones are marked.
        explain: PNG file with a row for each picture: the steps of its preparation, where the ink is that speaks for the answer,
            and the probabilities of both outputs.
        data: with ``random``, where the images of a network trained on a data set of one's own are now.

    Raises:
        PictureError: a picture cannot be decoded or holds no ink, or no file fits a pattern.
        InputError: neither or both of pictures and random, an addend or a seed that is none, no such run or file, more than
            50 pictures to explain, or more test images than there are.
        JobError: an ONNX file, and ONNX Runtime is not installed.
    """
    listed = expand_patterns(list_pictures(pictures)[0])
    _check_arguments(listed, add, random, seed, explain, data)
    plot_file, explain_file = (None if path is None else check_file(path) for path in (plot, explain))
    found = find_run_or_model(run)
    reader = Reader.load(found)
    inputs = _prepare_listed(listed, add) if random is None else _draw_test_images(found, random, add, seed, data)
    answers = reader.answer_prepared(inputs.prepared, inputs.addends)
    rows = zip(inputs.names, map(int, inputs.addends), answers, inputs.digits, strict=True)
    predictions = [Prediction(*row) for row in rows]
    captions, wrong = zip(*(_caption(one, reader.operation) for one in predictions), strict=True)
    if plot_file is not None:
        save_figure(draw_grid(np.stack([one.image for one in inputs.prepared]), captions, wrong), plot_file)
    if explain_file is not None:
        explanations = [
            _explain(one, answer, caption, reader)
            for one, answer, caption in zip(inputs.prepared, answers, captions, strict=True)
        ]
        save_figure(draw_explanations(explanations, reader.operation), explain_file)
    return predictions


def _check_arguments(
    listed: list[Picture], add: int | str | None, random: int | None, seed: int, explain: PathLike | None, data: PathLike | None
) -> None:
    if bool(listed) == (random is not None):
        raise InputError("give pictures, or --random and how many test images, and not both")
    if random is None and data is not None:
        raise InputError("--data says where test images are, for --random; leave it out")
    if random is not None and random < 1:
        raise InputError(f"--random is {random}; expected a number of test images, at least 1")
    if seed < 0:
        raise InputError(f"the seed is {seed}; expected a whole number of at least 0")
    if listed and add is None:
        raise InputError("give the number to add, 0 to 9, with --add")
    if explain is not None and (random or len(listed)) > MOST_EXPLAINED:
        raise InputError(f"--explain draws at most {MOST_EXPLAINED} pictures in one; give fewer")


def _prepare_listed(listed: list[Picture], add: int | str | None) -> _Inputs:
    addends = np.full(len(listed), check_addend(add))
    prepared = [prepare_picture(picture) for picture in listed]
    names = [os.fspath(p) if isinstance(p, str | os.PathLike) else f"picture {i}" for i, p in enumerate(listed)]
    return _Inputs(names, prepared, addends, [None] * len(listed))


def _draw_test_images(found: Run | OnnxModel, count: int, add: int | str | None, seed: int, data: PathLike | None) -> _Inputs:
    test, rng = found.load_splits(data).test, np.random.default_rng(seed)
    if count > len(test.digits):
        raise InputError(f"--random is {count}, but there are {len(test.digits):,} test images")
    rows = rng.choice(len(test.digits), count, replace=False)
    addends = draw_addends(count, rng) if add is None else np.full(count, check_addend(add))
    prepared = [Prepared(image) for image in test.images[rows]]
    return _Inputs([f"test image {row}" for row in rows], prepared, addends, [int(digit) for digit in test.digits[rows]])


def _caption(prediction: Prediction, operation: Operation) -> tuple[str, bool]:
    """Write the answer below its picture; returns the caption, and whether the answer is wrong."""
    answer, addend = prediction.answer, prediction.addend
    said, truth = (answer.digit, answer.sum), None
    if prediction.digit is not None:
        truth = (prediction.digit, int(operation.compute(np.array(prediction.digit), np.array(addend))))
    caption = caption_answer(operation, addend, said, truth)
    if truth is None:
        caption += f"\n{answer.confidence:.0%}" + ", unsure" * answer.unsure
    return caption, truth not in (None, said)


def _explain(prepared: Prepared, answer: Answer, caption: str, reader: Reader) -> Explanation:
    return Explanation(
        prepared.steps,
        prepared.image,
        reader.compute_saliency(prepared.image, answer.digit),
        caption,
        answer.digit_probabilities,
        answer.sum_probabilities,
    )
