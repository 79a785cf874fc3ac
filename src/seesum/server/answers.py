"""Questions -> replies, in a worker's thread: pictures are opened and prepared, and go through the network together."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seesum.preprocess import PictureError, prepare_picture
from seesum.reader import Answer, Reader
from seesum.server.limits import Limits, RequestError
from seesum.server.uploads import Question, open_picture
from seesum.server.workers import Questions, Reply

Images = NDArray[np.uint8]
PATCH, STRIDE = 6, 2
"""Pixels of the square that covers a place of the image, and of its step from place to place."""


class Answerer:
    """A reader behind the workers."""

    def __init__(self, reader: Reader, limits: Limits) -> None:
        """Answer with a reader, whose one network serves all threads."""
        self.reader, self.limits = reader, limits

    def __call__(self, requests: list[Questions]) -> list[list[Reply]]:
        """A reply for each question of each request; a picture that is none spoils no other."""
        seen = [one for questions in requests for one in self._look(questions)]
        images = [image for image in seen if not isinstance(image, RequestError)]
        asked = [question for questions in requests for question in questions]
        addends = [question.addend for question, image in zip(asked, seen, strict=True) if not isinstance(image, RequestError)]
        answers = iter(self.reader.answer_images(np.stack(images), np.array(addends)) if images else [])
        replies = iter(
            image if isinstance(image, RequestError) else self._reply(question, image, next(answers))
            for question, image in zip(asked, seen, strict=True)
        )
        return [[next(replies) for _ in questions] for questions in requests]

    def _look(self, questions: Questions) -> list[Images | RequestError]:
        """What the network sees of the pictures of one request, which share its pixels."""
        seen: list[Images | RequestError] = []
        pixels = self.limits.pixels
        for question in questions:
            try:
                picture = open_picture(question.picture, self.limits, pixels)
                pixels -= picture.width * picture.height
                seen.append(prepare_picture(picture))
            except PictureError as error:
                seen.append(RequestError(422, str(error)))
            except RequestError as refusal:
                seen.append(refusal)
        return seen

    def _reply(self, question: Question, image: Images, answer: Answer) -> bytes:
        values: dict[str, Any] = answer.to_dict()
        if question.explain:
            values["image"] = image.tolist()
        if question.saliency:
            values["saliency"] = np.round(trace_saliency(self.reader, image, answer), 3).tolist()
        return json.dumps(values).encode()


def trace_saliency(reader: Reader, image: Images, answer: Answer) -> NDArray[np.float32]:
    """How much of the answered digit's probability is lost where a place of the image is covered, float32 [28, 28], 0..1.

    By occlusion (Zeiler and Fergus 2014, arXiv 1311.2901, section 4.2): a black square moves over the image; a pixel's
    value is the mean loss over the squares that cover it, divided by the greatest. Costs one batch of 144 images.
    """
    side = image.shape[0]
    places = [(top, left) for top in range(0, side - PATCH + 2, STRIDE) for left in range(0, side - PATCH + 2, STRIDE)]
    covered = np.repeat(image[None], len(places), 0)
    for one, (top, left) in zip(covered, places, strict=True):
        one[top : top + PATCH, left : left + PATCH] = 0
    answers = reader.answer_images(covered, np.zeros(len(places), np.int64))
    lost, times = np.zeros((side, side)), np.zeros((side, side))
    for one_answer, (top, left) in zip(answers, places, strict=True):
        loss = answer.digit_probabilities[answer.digit] - one_answer.digit_probabilities[answer.digit]
        lost[top : top + PATCH, left : left + PATCH] += max(float(loss), 0.0)
        times[top : top + PATCH, left : left + PATCH] += 1
    mean = lost / np.maximum(times, 1)
    return (mean / max(float(mean.max()), 1e-9)).astype(np.float32)
