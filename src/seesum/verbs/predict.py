"""The verb predict: answer pictures or random test images. torch is not imported if ONNX Runtime computes the answers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.files import PathLike, check_picture_file
from seesum.base.style import format_share
from seesum.data.idx import Digits
from seesum.data.operations import Operation, draw_addends
from seesum.data.sources import Data
from seesum.reading.answer import Answer
from seesum.reading.datasets import load_splits
from seesum.reading.onnx_model import OnnxModel, find_run_or_model
from seesum.reading.pictures import Picture, PictureError, Pictures, expand_patterns, list_pictures, name_picture
from seesum.reading.preprocessing import Prepared, prepare_picture
from seesum.reading.reader import Reader, check_addend
from seesum.runs.run import Run
from seesum.showing.plots import Explanation, caption_answer, draw_explanations, draw_grid, save_figure

MOST_EXPLAINED = 50
"""Largest number of pictures that ``explain`` puts into one file."""


class Prediction(NamedTuple):
    """The answer to one picture and one addend."""

    picture: str
    """Its file name, or its place among the test images."""
    addend: int
    answer: Answer
    digit: int | None
    """The true digit, if it is known."""


class Failure(NamedTuple):
    """A picture that cannot be read."""

    place: int
    """Its place among the pictures, counted from 0."""
    picture: str
    """Its file name, or its place in words."""
    error: str
    """The sentence that says why."""


class _Inputs(NamedTuple):
    """N prepared pictures and their addends."""

    names: list[str]
    prepared: list[Prepared]
    addends: Digits
    """int64 [N]."""
    digits: list[int | None]
    """The true digits, where they are known."""


@with_own_torch_settings
def predict(
    pictures: Picture | Pictures = (),
    *,
    add: int | str | None = None,
    run: PathLike | Run | OnnxModel | None = None,
    random: int | None = None,
    seed: int = 0,
    plot: PathLike | None = None,
    explain: PathLike | None = None,
    data: Data | None = None,
    failures: list[Failure] | None = None,
) -> list[Prediction]:
    """Answer pictures of digits, or random test images.

    Args:
        pictures: one picture or several: paths, patterns of paths such as ``digits/*.jpg``, bytes, PIL images or arrays.
        add: the addend, 0..9. Pictures need one; random test images get random addends without it.
        run: a Run, the name of a shipped network, a run directory, an ONNX file, ``latest``, or None for the shipped ``hand``.
        random: number of random test images to answer instead of pictures.
        seed: seed for the choice of test images and addends.
        plot: picture file (.png, .svg, .pdf or .jpg) for a grid of the 28x28 images that the network gets, with the answers.
            Wrong answers are red.
        explain: picture file with a row for each picture: its preparation steps, the ink that counts most for the answer, and
            the probabilities of both outputs.
        data: with ``random``, the images of a network that was trained on your own data, as in ``train``. They are only needed
            if they have moved, or were arrays.
        failures: a list to which the pictures that cannot be read are appended. The others are then answered all the same;
            None stops at the first one.

    Raises:
        PictureError: a picture cannot be decoded, takes more than 5 seconds to decode, or holds no ink; or no file fits a
            pattern.
        InputError: ``pictures`` and ``random`` are both given or both missing; the addend or the seed is wrong; the run or
            file does not exist; there are more than 50 pictures to explain, or too few test images.
        JobError: ``run`` is an ONNX file, and ONNX Runtime is not installed.
    """
    picture_list = expand_patterns(list_pictures(pictures)[0])
    _check_arguments(picture_list, add, random, seed, explain, data)
    plot_file, explain_file = (None if path is None else check_picture_file(path) for path in (plot, explain))
    found = find_run_or_model(run)
    reader = Reader.load(found)
    if random is None:
        inputs = _prepare_pictures(picture_list, add, failures)
        if not inputs.prepared:
            return []
    else:
        inputs = _sample_test_images(found, random, add, seed, data)
    settled = reader.settle(inputs.prepared)
    answers = reader.answer_prepared(settled, inputs.addends)
    rows = zip(inputs.names, map(int, inputs.addends), answers, inputs.digits, strict=True)
    predictions = [Prediction(*row) for row in rows]
    captions, wrong = zip(*(_caption(prediction, reader.operation) for prediction in predictions), strict=True)
    if plot_file is not None:
        save_figure(draw_grid(np.stack([prepared.image for prepared in settled]), captions, wrong), plot_file)
    if explain_file is not None:
        explanations = [_explain(*each, reader) for each in zip(settled, answers, captions, strict=True)]
        save_figure(draw_explanations(explanations, reader.operation), explain_file)
    return predictions


def _check_arguments(
    pictures: list[Picture],
    add: int | str | None,
    random: int | None,
    seed: int,
    explain: PathLike | None,
    data: Data | None,
) -> None:
    if bool(pictures) == (random is not None):
        raise InputError("give either pictures or --random with a number of test images, and not both")
    if random is None and data is not None:
        raise InputError("--data is the folder of test images for --random, and pictures do not need it; leave it out")
    if random is not None and random < 1:
        raise InputError(f"--random is {random}; expected a number of test images, at least 1")
    if seed < 0:
        raise InputError(f"the seed is {seed}; expected a whole number of at least 0")
    if pictures and add is None:
        raise InputError("give the number to add, 0 to 9, with --add")
    if explain is not None and (random or len(pictures)) > MOST_EXPLAINED:
        raise InputError(f"--explain shows at most {MOST_EXPLAINED} pictures in one file; give fewer")


def _prepare_pictures(pictures: list[Picture], add: int | str | None, failures: list[Failure] | None) -> _Inputs:
    """Prepare pictures; those that cannot be read go to ``failures`` where there is such a list."""
    addend = check_addend(add)
    names, prepared = [], []
    for place, picture in enumerate(pictures):
        name = name_picture(picture, f"picture {place}")
        try:
            prepared.append(prepare_picture(picture))
        except PictureError as error:
            if failures is None:
                raise
            failures.append(Failure(place, name, str(error)))
        else:
            names.append(name)
    return _Inputs(names, prepared, np.full(len(prepared), addend), [None] * len(prepared))


def _sample_test_images(found: Run | OnnxModel, count: int, add: int | str | None, seed: int, data: Data | None) -> _Inputs:
    test, rng = load_splits(found, data).test, np.random.default_rng(seed)
    if count > len(test.digits):
        raise InputError(f"--random is {count}, but there are {len(test.digits):,} test images; give a smaller number")
    rows = rng.choice(len(test.digits), count, replace=False)
    addends = draw_addends(count, rng) if add is None else np.full(count, check_addend(add))
    prepared = [Prepared(image) for image in test.images[rows]]
    return _Inputs([f"test image {row}" for row in rows], prepared, addends, [int(digit) for digit in test.digits[rows]])


def _caption(prediction: Prediction, operation: Operation) -> tuple[str, bool]:
    """Return the caption of an answer, and whether the answer is wrong."""
    answer, addend = prediction.answer, prediction.addend
    predicted, truth = (answer.digit, answer.sum), None
    if prediction.digit is not None:
        truth = (prediction.digit, operation.compute(prediction.digit, addend))
    caption = caption_answer(operation, addend, predicted, truth)
    if truth is None:
        caption += f"\n{format_share(answer.confidence)}" + ", unsure" * answer.unsure
    return caption, truth not in (None, predicted)


def _explain(prepared: Prepared, answer: Answer, caption: str, reader: Reader) -> Explanation:
    return Explanation(
        prepared.steps,
        prepared.image,
        reader.compute_saliency(prepared.image, answer.digit),
        caption,
        answer.digit_probabilities,
        answer.sum_probabilities,
    )
