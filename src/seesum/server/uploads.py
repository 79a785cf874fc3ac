"""Parse the body of a request into questions, and open their pictures safely. No other file parses bytes from clients."""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
import time
from dataclasses import dataclass
from typing import Any

from PIL import Image

from seesum.base.errors import InputError
from seesum.reading.reader import check_addend
from seesum.server.limits import Limits, RequestError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
"""The formats that are decoded. Browsers use these, and fewer decoders mean a smaller attack surface."""
BLOCK = 16_384
"""Bytes that a decoder reads at a time. The time limit is checked before each block."""
GZIP = b"\x1f\x8b\x08"
"""The first bytes of gzip data."""
FEW = 100_000
"""Pictures with at most this many pixels are quick to decode."""
BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)
FIELD = re.compile(rb'content-disposition:[^\r\n]*?;\s*name=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)


@dataclass(frozen=True)
class Question:
    """A picture and an addend, as a client sent them."""

    picture: bytes
    """The bytes of an image file."""
    addend: int
    explain: bool = False
    """Whether the answer includes the network's input image."""
    saliency: bool = False
    """Whether the answer includes the saliency map of this image."""

    @property
    def quick(self) -> bool:
        """Whether the answer takes only about a millisecond.

        This is so without saliency, for a PNG with few pixels according to its header. The page sends such pictures.
        """
        header = self.picture[:24]
        pixels = int.from_bytes(header[16:20]) * int.from_bytes(header[20:24])
        return header.startswith(b"\x89PNG") and pixels <= FEW and not self.saliency


def parse_question(body: bytes, content_type: str, explain: bool = False, saliency: bool = False) -> Question:
    """Parse the question of a request.

    Args:
        body: a multipart form with the fields ``image`` and ``add``, or a JSON object with a base64 ``image`` and ``add``.
        content_type: the header ``Content-Type``.
        explain: see ``Question``.
        saliency: see ``Question``.

    Raises:
        RequestError: 400 if the body cannot be parsed, 415 if it has another type, 422 if the fields or the addend are wrong.
    """
    if content_type.lower().startswith("multipart/form-data"):
        fields = _parse_form(body, content_type)
        images, addends = fields.get("image", []), fields.get("add", [])
        if len(images) != 1 or len(addends) != 1 or len(fields) != 2:
            raise RequestError(422, "the form must have one field image with a file and one field add with a number, 0 to 9")
        return Question(images[0], _parse_addend(addends[0]), explain, saliency)
    return _parse_object(_parse_json(body, content_type), explain, saliency)


def parse_questions(body: bytes, content_type: str, largest: int) -> list[Question]:
    """Parse the questions of a batch.

    Args:
        body: a multipart form or a JSON object. The form has fields ``image``, and one field ``add`` for all images or one for
            each. The JSON object has a list ``questions`` of objects as for ``parse_question``.
        content_type: the header ``Content-Type``.
        largest: the most questions that are allowed; the least is 1.

    Raises:
        RequestError: as for ``parse_question``, and 422 for too few or too many questions.
    """
    if content_type.lower().startswith("multipart/form-data"):
        fields = _parse_form(body, content_type)
        images, addends = fields.get("image", []), fields.get("add", [])
        if fields.keys() != {"image", "add"} or len(addends) not in (1, len(images)):
            raise RequestError(
                422, "the form must have fields image with files, and one field add for all files or one for each"
            )
        _check_count(len(images), largest)
        numbers = [_parse_addend(text) for text in addends]
        numbers = numbers * len(images) if len(numbers) == 1 else numbers
        return [Question(image, number) for image, number in zip(images, numbers, strict=True)]
    values = _parse_json(body, content_type)
    questions = values.get("questions") if isinstance(values, dict) else None
    if not isinstance(values, dict) or len(values) != 1 or not isinstance(questions, list):
        raise RequestError(422, 'the JSON must be {"questions": [{"image": "<base64>", "add": 7}, ...]}')
    _check_count(len(questions), largest)
    return [_parse_object(question, False, False) for question in questions]


def open_picture(data: bytes, limits: Limits, pixels: int) -> Image.Image:
    """Open an image file as a picture. Its pixels are decoded later, with a limit on the time.

    Args:
        data: the bytes of the file.
        limits: the limits of the server, such as the time for decoding.
        pixels: the most pixels that the picture may have.

    Raises:
        RequestError: 422 if the format is not one of ``FORMATS``, the header is damaged or there are too many pixels.
    """
    try:
        image = Image.open(_TimedFile(data, limits.decoding), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise _refuse_pixels(limits) from error
    except Exception as error:  # pillow does not document which exceptions a damaged header raises
        raise RequestError(422, "the image cannot be decoded; send a whole PNG, JPEG, WebP, GIF or BMP") from error
    if image.width * image.height > pixels:
        raise _refuse_pixels(limits)
    image.decodermaxblock = BLOCK
    return image


class _TimedFile(io.BytesIO):
    """A file in memory that can only be read for a limited time.

    A thread cannot be stopped. But a decoder reads its file in blocks, and a read can raise an error. Without this limit, a
    progressive JPEG with a few thousand scans would keep a worker busy for minutes.
    """

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self.seconds, self.until = seconds, time.monotonic() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        if time.monotonic() > self.until:
            raise TimeoutError(f"decoding takes more than {self.seconds:g} seconds")
        return super().read(size)


def _parse_form(body: bytes, content_type: str) -> dict[str, list[bytes]]:
    """Parse a multipart form (RFC 7578) into a dict from field names to the contents of these fields, in order.

    The body is limited in size and already in memory, so it is simply split at the delimiter. A streaming parser took nine
    times as long.
    """
    boundary = BOUNDARY.search(content_type)
    if not boundary:
        raise RequestError(400, "the Content-Type of the form has no boundary; send multipart/form-data with a boundary")
    delimiter = b"\r\n--" + (boundary[1] or boundary[2]).encode()
    _, *parts = (b"\r\n" + body).split(delimiter)
    if not parts or not parts[-1].startswith(b"--"):
        raise RequestError(400, "the form is incomplete; send the whole form, with its last boundary")
    fields: dict[str, list[bytes]] = {}
    for part in parts[:-1]:
        headers, blank_line, data = part.partition(b"\r\n\r\n")
        name = FIELD.search(headers)
        if not blank_line or name is None:
            raise RequestError(400, "the form cannot be parsed; send multipart/form-data as a browser or curl -F does")
        fields.setdefault((name[1] or name[2]).decode("utf-8", "replace"), []).append(data)
    return fields


def _parse_json(body: bytes, content_type: str) -> Any:
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise RequestError(415, "the body must be multipart/form-data or application/json, with a matching Content-Type header")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, "the body is not JSON that can be parsed; send one JSON object") from error


def _parse_object(values: object, explain: bool, saliency: bool) -> Question:
    if not isinstance(values, dict) or values.keys() != {"image", "add"}:
        raise RequestError(422, 'a question must be {"image": "<base64 of an image file>", "add": 7}, with nothing else')
    text, add = values["image"], values["add"]
    if not isinstance(text, str):
        raise RequestError(422, "the image must be a string with the base64 of an image file")
    try:
        data = base64.b64decode("".join(text.split()), validate=True)  # MIME and openssl wrap base64 into lines
    except (ValueError, binascii.Error) as error:
        raise RequestError(
            422, "the image is not base64; send the file's bytes in standard base64 (with + and /), without a data: prefix"
        ) from error
    number = int(add) if isinstance(add, float) and add.is_integer() else add  # JSON does not distinguish 7.0 from 7
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 9:
        raise RequestError(422, "the addend (add) must be a whole number from 0 to 9")
    return Question(data, number, explain, saliency)


def _parse_addend(text: bytes) -> int:
    try:
        return check_addend(text.decode("utf-8", "replace"))
    except InputError as error:
        raise RequestError(422, "the addend (add) must be a whole number from 0 to 9") from error


def refuse_compression(how: str = "") -> RequestError:
    """Return the error for a compressed body."""
    sentence = f"the body is compressed{how}, and the server does not decompress; send it as it is, without Content-Encoding"
    return RequestError(415, sentence, {"Accept-Encoding": "identity"})


def _check_count(count: int, largest: int) -> None:
    if not 1 <= count <= largest:
        raise RequestError(422, f"a batch must have 1 to {largest} pictures, but this one has {count}; send several requests")


def _refuse_pixels(limits: Limits) -> RequestError:
    return RequestError(422, f"the image has more than {limits.pixels / 1e6:g} million pixels; send a smaller one")
