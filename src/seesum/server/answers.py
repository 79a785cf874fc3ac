"""Answer questions in a worker's thread: have pictures prepared, then predict those of a request in one batch."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seesum.data.idx import SIDE
from seesum.reading.answer import Answer
from seesum.reading.headers import read_header
from seesum.reading.opening import MOST_SCANS, FormatError, LargePictureError, open_image
from seesum.reading.pictures import PictureError
from seesum.reading.preprocessing import MOST_IMAGES, Prepared, take_prepared
from seesum.reading.processes import BrokenDecoderError, DecodingProcess
from seesum.reading.reader import Reader
from seesum.server.limits import Limits, RequestError
from seesum.server.uploads import Question
from seesum.server.workers import Questions, Reply

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
"""The formats that are decoded. Browsers use these, and fewer decoders mean a smaller attack surface."""
NAME = "the image"
"""A picture in messages."""
TINY = 2**12
"""Bytes that a 28x28 PNG has at most. However its chunks are cut, pillow reads so few in some milliseconds."""
SIDES = SIDE.to_bytes(4) * 2
"""Width and height in the header of a 28x28 PNG."""
HEADER = 2**16
"""So many bytes of a file are read to estimate its time."""
DRAWING, SALIENCY, PREPARING = 0.005, 0.06, 0.02
"""Estimated seconds of processor time to prepare a drawing, to compute a saliency map, and to prepare a picture of ``MANY``
pixels or more. Measured on an Intel Xeon."""
BYTE, PIXEL, SCAN = 1e-7, 2e-8, 1e-9
"""Likewise, to read a byte of a file, to decode a pixel, and to decode it in one more scan of a progressive JPEG."""
MANY = 240 * 180
"""A picture with more pixels is reduced before its digit is searched."""


class Answerer:
    """Answers the questions of several requests. Those for the same network go through it together."""

    def __init__(self, readers: Mapping[str, Reader], limits: Limits) -> None:
        """Store the readers by their names, and the limits. All threads share the readers and their networks."""
        self.readers, self.limits = readers, limits

    def is_quick(self, question: Question) -> bool:
        """Return whether the picture may be as MNIST makes them: a 28x28 PNG of few bytes."""
        data = question.picture
        return (
            isinstance(data, bytes)
            and len(data) <= TINY
            and data.startswith(b"\x89PNG")
            and data[16:24] == SIDES
            and not question.saliency
        )

    def answer_quick(self, questions: Questions) -> list[Reply | None]:
        """Answer pictures that are as MNIST makes them; None for a picture that must be prepared."""
        taken = [self._take(question) for question in questions]
        places = [place for place, one in enumerate(taken) if one is not None]
        replies = iter(self.answer([questions[place] for place in places], [one for one in taken if one is not None]))
        return [None if one is None else next(replies) for one in taken]

    def estimate(self, question: Question) -> float:
        """Estimate the seconds that a question takes, from the header of its file."""
        seconds = SALIENCY if question.saliency else 0.0
        if not isinstance(question.picture, bytes):
            return seconds + DRAWING
        header = read_header(question.picture[:HEADER])
        pixels = min(self.limits.pixels, self.limits.pixels if header.pixels is None else header.pixels)
        scans = MOST_SCANS if header.scans is None else header.scans
        decoding = BYTE * len(question.picture) + pixels * (PIXEL + SCAN * scans)
        return seconds + decoding + PREPARING * (0.4 + 0.6 * min(1.0, pixels / MANY))

    def prepare(self, question: Question, pixels: int, process: DecodingProcess) -> tuple[Prepared | RequestError, int]:
        """Prepare a picture or drawing in another process, and return how many pixels its file has, too.

        Args:
            question: the question.
            pixels: the most pixels that the picture may have.
            process: prepares it.
        """
        todo, data = {"do": "prepare", "formats": FORMATS, "pixels": pixels}, question.picture
        if not isinstance(data, bytes):
            todo, data = {"do": "strokes"}, json.dumps(data).encode()
        try:
            values, levels = process.ask(todo, data, self.limits.decoding, MOST_IMAGES * SIDE * SIDE)
        except TimeoutError:
            sentence = f"the image takes more than {self.limits.decoding:g} seconds to decode; send a smaller one, or a PNG"
            return RequestError(422, sentence), 0
        except BrokenDecoderError:
            return RequestError(422, "the image cannot be decoded, its decoder crashed; save it again with another program"), 0
        used = int(values["pixels"])
        if "error" in values:
            return self._refuse(values), used
        images = np.frombuffer(levels, np.uint8).reshape(-1, SIDE, SIDE)
        first, *others = (Prepared(*way) for way in zip(images, map(int, values["digits_found"]), strict=True))
        return replace(first, others=tuple(others)), used

    def answer(self, questions: Questions, prepared: Sequence[Prepared | RequestError]) -> list[Reply]:
        """Answer prepared pictures. If one could not be prepared, its error is the reply, and the others are still answered."""
        replies: list[Reply] = [one if isinstance(one, RequestError) else b"" for one in prepared]
        for network in dict.fromkeys(question.network for question in questions):
            some = [
                (place, question, one)
                for place, (question, one) in enumerate(zip(questions, prepared, strict=True))
                if question.network == network and not isinstance(one, RequestError)
            ]
            if some:
                reader, addends = self.readers[network], np.array([question.addend for _, question, _ in some])
                settled = reader.settle([one for _, _, one in some])
                answers = reader.answer_prepared(settled, addends)
                for (place, question, _), one, answer in zip(some, settled, answers, strict=True):
                    replies[place] = self._encode(question, one.image, answer)
        return replies

    def _take(self, question: Question) -> Prepared | RequestError | None:
        assert isinstance(question.picture, bytes)
        try:
            with open_image(io.BytesIO(question.picture), NAME, ("PNG",), SIDE * SIDE) as image:
                return take_prepared(image)
        except PictureError as error:
            return self._refuse({"error": str(error), "kind": type(error).__name__})

    def _refuse(self, values: dict[str, Any]) -> RequestError:
        """Return the error for a picture that cannot be prepared, in the words for a client."""
        sentence = str(values["error"])
        if values["kind"] == FormatError.__name__:
            sentence = "the image cannot be decoded; send a whole PNG, JPEG, WebP, GIF or BMP"
        elif values["kind"] == LargePictureError.__name__:
            sentence = f"the image has more than {self.limits.pixels / 1e6:g} million pixels; send a smaller one"
        return RequestError(422, sentence)

    def _encode(self, question: Question, image: NDArray[np.uint8], answer: Answer) -> bytes:
        values: dict[str, Any] = answer.to_dict()
        if question.explain:
            values["image"] = image.tolist()
        if question.saliency:
            values["saliency"] = np.round(self.readers[question.network].compute_saliency(image, answer.digit), 3).tolist()
        return json.dumps(values).encode()
