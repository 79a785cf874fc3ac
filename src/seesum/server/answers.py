"""Answer questions in a worker's thread: pictures are opened and prepared, and go through the network together."""

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
    """Answer the questions of several requests with one reader."""

    def __init__(self, reader: Reader, limits: Limits) -> None:
        """Keep the reader, whose one network serves all threads, and the limits."""
        self.reader, self.limits = reader, limits

    def __call__(self, requests: list[Questions]) -> list[list[Reply]]:
        """Return a reply for each question of each request. A picture that cannot be read spoils no other."""
        seen = [one for questions in requests for one in self._look(questions)]
        images = [image for image in seen if not isinstance(image, RequestError)]
        flat = [question for questions in requests for question in questions]
        addends = [question.addend for question, image in zip(flat, seen, strict=True) if not isinstance(image, RequestError)]
        answers = iter(self.reader.answer_prepared(images, np.array(addends)) if images else [])
        replies = iter(
            image if isinstance(image, RequestError) else self._reply(question, image.image, next(answers))
            for question, image in zip(flat, seen, strict=True)
        )
        return [[next(replies) for _ in questions] for questions in requests]

    def _look(self, questions: Questions) -> list[Prepared | RequestError]:
        """Prepare the pictures of one request, which share its bound on pixels."""
        seen: list[Prepared | RequestError] = []
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

    def _reply(self, question: Question, image: NDArray[np.uint8], answer: Answer) -> bytes:
        values: dict[str, Any] = answer.to_dict()
        if question.explain:
            values["image"] = image.tolist()
        if question.saliency:
            values["saliency"] = np.round(self.reader.compute_saliency(image, answer.digit), 3).tolist()
        return json.dumps(values).encode()
