"""Answer questions in a worker's thread: open and prepare the pictures, then predict all of them in one batch."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seesum.reading.pictures import PictureError
from seesum.reading.preprocessing import Prepared, prepare_picture
from seesum.reading.reader import Answer, Reader
from seesum.server.limits import Limits, RequestError
from seesum.server.uploads import Question, open_picture
from seesum.server.workers import Questions, Reply


class Answerer:
    """Answers the questions of several requests with one reader."""

    def __init__(self, reader: Reader, limits: Limits) -> None:
        """Store the reader and the limits. All threads share the reader and its network."""
        self.reader, self.limits = reader, limits

    def __call__(self, requests: list[Questions]) -> list[list[Reply]]:
        """Return a reply for each question of each request. If a picture cannot be read, the others are still answered."""
        prepared = [one for questions in requests for one in self._prepare(questions)]
        readable = [one for one in prepared if not isinstance(one, RequestError)]
        flat = [question for questions in requests for question in questions]
        addends = [question.addend for question, one in zip(flat, prepared, strict=True) if not isinstance(one, RequestError)]
        answers = iter(self.reader.answer_prepared(readable, np.array(addends)) if readable else [])
        replies = iter(
            one if isinstance(one, RequestError) else self._encode(question, one.image, next(answers))
            for question, one in zip(flat, prepared, strict=True)
        )
        return [[next(replies) for _ in questions] for questions in requests]

    def _prepare(self, questions: Questions) -> list[Prepared | RequestError]:
        """Prepare the pictures of one request. The limit on pixels is for all of them together."""
        prepared: list[Prepared | RequestError] = []
        pixels = self.limits.pixels
        for question in questions:
            try:
                picture = open_picture(question.picture, self.limits, pixels)
                pixels -= picture.width * picture.height
                prepared.append(prepare_picture(picture))
            except PictureError as error:
                prepared.append(RequestError(422, str(error)))
            except RequestError as refusal:
                prepared.append(refusal)
        return prepared

    def _encode(self, question: Question, image: NDArray[np.uint8], answer: Answer) -> bytes:
        values: dict[str, Any] = answer.to_dict()
        if question.explain:
            values["image"] = image.tolist()
        if question.saliency:
            values["saliency"] = np.round(self.reader.compute_saliency(image, answer.digit), 3).tolist()
        return json.dumps(values).encode()
