"""The verb predict: pictures, or random test images, and what a network makes of them. It imports no torch."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from seesum.checkpoint import Run
from seesum.decoding import Picture, Pictures, expand_patterns, list_pictures
from seesum.files import check_file
from seesum.models import Model, find_source
from seesum.pictures import Story, caption_answer, draw_grid, draw_stories, save_figure
from seesum.preprocess import Prepared, prepare_picture
from seesum.reader import Answer, Reader, check_addend
from seesum.recipe import InputError
from seesum.task import Operation, draw_addends
from seesum.verbs import PathLike


class Prediction(NamedTuple):
    """One question that was asked of a network."""

    picture: str
    """Its file, or its place among the test images."""
    addend: int
    answer: Answer
    digit: int | None
    """What the picture really shows, where that is known."""


MOST_EXPLAINED = 50
"""Pictures whose steps are drawn into one file."""


def predict(
    pictures: Picture | Pictures = (),
    *,
    add: int | str | None = None,
    run: PathLike | Run | Model | None = None,
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
        explain: PNG file with a row for each picture: the steps from photo to image, where the ink is that speaks for the
            answer, and the probabilities of both outputs.
        data: where the images of a network trained on a data set of one's own are now, for ``random``.

    Raises:
        PictureError: a picture cannot be decoded or holds no ink, or no file fits a pattern.
        InputError: neither or both of pictures and random, an addend or a seed that is none, no such run or file, more than
            50 pictures to explain, or more test images than there are.
        JobError: an ONNX file, and ONNX Runtime is not installed.
    """
    listed = expand_patterns(list_pictures(pictures)[0])
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
    targets = [None if path is None else check_file(path) for path in (plot, explain)]
    found = find_source(run)
    reader = Reader.load(found)
    if random is not None:
        samples_from, rng = found.load_splits(data).test, np.random.default_rng(seed)
        if random > len(samples_from.digits):
            raise InputError(f"--random is {random}, but there are {len(samples_from.digits):,} test images")
        rows = rng.choice(len(samples_from.digits), random, replace=False)
        prepared = [Prepared(image) for image in samples_from.images[rows]]
        truths: list[int | None] = [int(digit) for digit in samples_from.digits[rows]]
        addends = draw_addends(len(rows), rng) if add is None else np.full(len(rows), check_addend(add))
        names = [f"test image {row}" for row in rows]
    else:
        addends = np.full(len(listed), check_addend(add))
        prepared = [prepare_picture(picture) for picture in listed]
        truths = [None] * len(listed)
        names = [os.fspath(p) if isinstance(p, str | os.PathLike) else f"picture {i}" for i, p in enumerate(listed)]
    answers = reader.answer_prepared(prepared, addends)
    predictions = [
        Prediction(name, int(addend), answer, truth)
        for name, addend, answer, truth in zip(names, addends, answers, truths, strict=True)
    ]
    captions, wrong = zip(*(_caption(one, reader.operation) for one in predictions), strict=True)
    if targets[0] is not None:
        save_figure(draw_grid(np.stack([one.image for one in prepared]), captions, wrong), targets[0])
    if targets[1] is not None:
        stories = [
            Story(
                one.steps,
                one.image,
                reader.trace_saliency(one.image, answer.digit),
                caption,
                answer.digit_probabilities,
                answer.sum_probabilities,
            )
            for one, answer, caption in zip(prepared, answers, captions, strict=True)
        ]
        save_figure(draw_stories(stories, reader.operation), targets[1])
    return predictions


def _caption(prediction: Prediction, operation: Operation) -> tuple[str, bool]:
    answer, addend = prediction.answer, prediction.addend
    said, truth = (answer.digit, answer.sum), None
    if prediction.digit is not None:
        truth = (prediction.digit, int(operation.compute(np.array(prediction.digit), np.array(addend))))
    caption = caption_answer(operation, addend, said, truth)
    if truth is None:
        caption += f"\n{answer.confidence:.0%}" + ", unsure" * answer.unsure
    return caption, truth not in (None, said)
