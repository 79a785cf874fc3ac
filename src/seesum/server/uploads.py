"""Parse the body of a request to questions, and open their pictures with care. The only place that parses clients' bytes."""

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
"""The formats that are decoded. Browsers make these, and fewer decoders are a smaller attack surface."""
BLOCK = 16_384
"""Bytes that a decoder gets at a time. The clock is checked between two blocks."""
FEW = 100_000
"""A picture with at most this many pixels is quick to decode."""
BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)
FIELD = re.compile(rb'content-disposition:[^\r\n]*?;\s*name=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)


@dataclass(frozen=True)
class Question:
    """One picture and one addend, as a client sent them."""

    picture: bytes
    """The bytes of an image file."""
    addend: int
    explain: bool = False
    """Whether the answer includes the image that the network saw."""
    saliency: bool = False
    """Whether the answer includes what mattered in it."""

    @property
    def quick(self) -> bool:
        """Whether it takes a millisecond or so: a PNG with few pixels by its header, as the page sends it, without saliency."""
        head = self.picture[:24]
        pixels = int.from_bytes(head[16:20]) * int.from_bytes(head[20:24])
        return head.startswith(b"\x89PNG") and pixels <= FEW and not self.saliency


def parse_question(body: bytes, content_type: str, explain: bool = False, saliency: bool = False) -> Question:
    """Parse the one question of a request.

    Args:
        body: a multipart form with the fields ``image`` and ``add``, or a JSON object with a base64 ``image`` and ``add``.
        content_type: its header.
        explain: see ``Question``.
        saliency: see ``Question``.

    Raises:
        RequestError: 400 for a body that cannot be parsed, 415 for another type, 422 for wrong fields or a wrong addend.
    """
    if content_type.lower().startswith("multipart/form-data"):
        fields = _parse_form(body, content_type)
        images, addends = fields.get("image", []), fields.get("add", [])
        if len(images) != 1 or len(addends) != 1 or len(fields) != 2:
            raise RequestError(422, "the form must have one field image with the file and one field add with a number, 0 to 9")
        return Question(images[0], _check_text(addends[0]), explain, saliency)
    return _make_question(_parse_json(body, content_type), explain, saliency)


def parse_questions(body: bytes, content_type: str, largest: int) -> list[Question]:
    """Parse the questions of a batch: 1 to ``largest``.

    Args:
        body: a multipart form with fields ``image`` and either one ``add`` for all or one for each; or a JSON object with a
            list ``questions`` of objects as ``parse_question`` takes them.
        content_type: its header.
        largest: how many there may be.

    Raises:
        RequestError: as ``parse_question``.
    """
    if content_type.lower().startswith("multipart/form-data"):
        fields = _parse_form(body, content_type)
        images, addends = fields.get("image", []), fields.get("add", [])
        if fields.keys() != {"image", "add"} or len(addends) not in (1, len(images)):
            raise RequestError(
                422, "the form must have fields image with files, and one field add for all of them or one for each"
            )
        _check_count(len(images), largest)
        numbers = [_check_text(text) for text in addends]
        numbers = numbers * len(images) if len(numbers) == 1 else numbers
        return [Question(image, number) for image, number in zip(images, numbers, strict=True)]
    values = _parse_json(body, content_type)
    listed = values.get("questions") if isinstance(values, dict) else None
    if not isinstance(values, dict) or len(values) != 1 or not isinstance(listed, list):
        raise RequestError(422, 'the JSON must be {"questions": [{"image": "<base64>", "add": 7}, ...]}')
    _check_count(len(listed), largest)
    return [_make_question(one, False, False) for one in listed]


def open_picture(data: bytes, limits: Limits, pixels: int) -> Image.Image:
    """Open an image file as a picture. Its pixels are decoded later, within the limits.

    Args:
        data: the file's bytes.
        limits: how long decoding may take.
        pixels: how many there may be.

    Raises:
        RequestError: 422 for bytes that are not an image of ``FORMATS``, with too many pixels or with a damaged header.
    """
    try:
        image = Image.open(_TimedFile(data, limits.decoding), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise _refuse_pixels(limits) from error
    except Exception as error:  # pillow promises no set of exceptions for damaged headers
        raise RequestError(422, "the image cannot be decoded; send a whole PNG, JPEG, WebP, GIF or BMP") from error
    if image.width * image.height > pixels:
        raise _refuse_pixels(limits)
    image.decodermaxblock = BLOCK
    return image


class _TimedFile(io.BytesIO):
    """Bytes that can be read for a limited time.

    A thread cannot be stopped. But a decoder reads block after block, and here it can be refused. A progressive JPEG of a few
    thousand scans would otherwise keep a worker busy for minutes.
    """

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self.seconds, self.until = seconds, time.monotonic() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        if time.monotonic() > self.until:
            raise TimeoutError(f"it takes more than {self.seconds:g} seconds")
        return super().read(size)


def _parse_form(body: bytes, content_type: str) -> dict[str, list[bytes]]:
    """Parse the fields of a multipart form, by name, in order (RFC 7578).

    The body is bounded and in memory, so it is split at its delimiter. A parser made for streams took nine times as long.
    """
    found = BOUNDARY.search(content_type)
    if not found:
        raise RequestError(400, "the form names no boundary; send it as multipart/form-data with one")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode()
    _, *parts = (b"\r\n" + body).split(delimiter)
    if not parts or not parts[-1].startswith(b"--"):
        raise RequestError(400, "the form breaks off; send it whole")
    fields: dict[str, list[bytes]] = {}
    for part in parts[:-1]:
        head, blank, data = part.partition(b"\r\n\r\n")
        name = FIELD.search(head)
        if not blank or name is None:
            raise RequestError(400, "the form cannot be parsed; send multipart/form-data as a browser or curl -F does")
        fields.setdefault((name[1] or name[2]).decode("utf-8", "replace"), []).append(data)
    return fields


def _parse_json(body: bytes, content_type: str) -> Any:
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise RequestError(415, "the body must be multipart/form-data or application/json, and the Content-Type must say which")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, "the body is not JSON that can be parsed; send one object") from error


def _make_question(values: object, explain: bool, saliency: bool) -> Question:
    if not isinstance(values, dict) or values.keys() != {"image", "add"}:
        raise RequestError(422, 'a question must be {"image": "<base64 of an image file>", "add": 7}, and nothing else')
    text, add = values["image"], values["add"]
    if not isinstance(text, str):
        raise RequestError(422, "the image must be a string, the base64 of an image file")
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise RequestError(422, "the image is not base64; send the file's bytes in base64, without a data: prefix") from error
    number = int(add) if isinstance(add, float) and add.is_integer() else add  # 7.0 is an integer to JSON
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 9:
        raise RequestError(422, "the addend (add) must be a whole number from 0 to 9")
    return Question(data, number, explain, saliency)


def _check_text(text: bytes) -> int:
    try:
        return check_addend(text.decode("utf-8", "replace"))
    except InputError as error:
        raise RequestError(422, "the addend (add) must be a whole number from 0 to 9") from error


def _check_count(count: int, largest: int) -> None:
    if not 1 <= count <= largest:
        raise RequestError(422, f"a batch must have 1 to {largest} pictures, but this one has {count}; send several requests")


def _refuse_pixels(limits: Limits) -> RequestError:
    return RequestError(422, f"the image has more than {limits.pixels / 1e6:g} million pixels; send a smaller one")
