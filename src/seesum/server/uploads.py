"""Parse the body of a request into questions. No other file parses bodies from clients."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from seesum.base.errors import InputError
from seesum.reading.drawings import Drawing
from seesum.reading.reader import check_addend
from seesum.server.limits import RequestError

NUMBERS = frozenset((int, float))
"""The types of JSON's numbers."""
GZIP = b"\x1f\x8b\x08"
"""The first bytes of gzip data."""
PARAMETER = re.compile(r';\s*([^\s;="]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')
"""A parameter of a header, such as ``; name="image"``. It is only used for texts of at most ``SHORT`` characters."""
SHORT = 1024
"""Most bytes of the head of a part of a form, and of a Content-Type. A browser sends one or two hundred."""
FIELDS = 16
"""Most fields of a form, and most values of a JSON object, for one picture. It needs two."""
MARKS = (b"[", b"{", b",")
"""Each value in JSON but the first comes after one of these. Base64 has none of them."""
SPACE = b" \t\r\n\v\f"


@dataclass(frozen=True)
class Question:
    """A picture or a drawing, and an addend, as a client sent them."""

    picture: bytes | Drawing
    """The bytes of an image file, or the strokes of a drawing."""
    addend: int
    explain: bool = False
    """Whether the answer includes the network's input image."""
    saliency: bool = False
    """Whether the answer includes the saliency map of this image."""
    network: str = ""
    """The network that answers: a key of ``Networks.readers``."""


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
        fields = _parse_form(body, content_type, FIELDS)
        images, addends = fields.get("image", []), fields.get("add", [])
        if len(images) != 1 or len(addends) != 1 or len(fields) != 2:
            raise RequestError(422, "the form must have one field image with a file and one field add with a number, 0 to 9")
        return Question(images[0], _parse_addend(addends[0]), explain, saliency)
    return _parse_object(_parse_json(body, content_type, FIELDS), explain, saliency)


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
        fields = _parse_form(body, content_type, 2 * largest)
        images, addends = fields.get("image", []), fields.get("add", [])
        if fields.keys() != {"image", "add"} or len(addends) not in (1, len(images)):
            raise RequestError(
                422, "the form must have fields image with files, and one field add for all files or one for each"
            )
        _check_count(len(images), largest)
        numbers = [_parse_addend(text) for text in addends]
        numbers = numbers * len(images) if len(numbers) == 1 else numbers
        return [Question(image, number) for image, number in zip(images, numbers, strict=True)]
    values = _parse_json(body, content_type, 8 * largest)
    questions = values.get("questions") if isinstance(values, dict) else None
    if not isinstance(values, dict) or len(values) != 1 or not isinstance(questions, list):
        raise RequestError(422, 'the JSON must be {"questions": [{"image": "<base64>", "add": 7}, ...]}')
    _check_count(len(questions), largest)
    return [_parse_object(question, False, False) for question in questions]


def parse_drawing(body: bytes, content_type: str, saliency: bool = False) -> Question:
    """Parse the question of a request with a drawing. The strokes themselves are checked when they are prepared.

    Args:
        body: a JSON object with ``strokes`` and ``add``.
        content_type: the header ``Content-Type``.
        saliency: see ``Question``.

    Raises:
        RequestError: as for ``parse_question``.
    """
    values = _parse_json(body, content_type, len(body))
    if not isinstance(values, dict) or values.keys() != {"strokes", "add"}:
        raise RequestError(422, 'the JSON must be {"strokes": [[[x, y, width], ...], ...], "add": 7}, with nothing else')
    strokes = values["strokes"]
    if not isinstance(strokes, list) or not all(isinstance(stroke, list) for stroke in strokes):
        raise RequestError(422, "strokes must be a list of strokes, each a list of points [x, y] or [x, y, width]")
    for stroke in strokes:
        if not all(isinstance(point, list) and NUMBERS.issuperset(map(type, point)) for point in stroke):
            raise RequestError(422, "a point of a stroke must be a list of two or three numbers: [x, y] or [x, y, width]")
    return Question(strokes, _check_addend(values["add"]), True, saliency)


def _parse_form(body: bytes, content_type: str, most: int) -> dict[str, list[bytes]]:
    """Parse a multipart form (RFC 7578) into a dict from field names to the contents of these fields, in order.

    The body is limited in size and already in memory, so it is simply split at the delimiter, at most ``most`` times. The time
    is linear. The streaming parser of python-multipart takes five times as long for a small picture, and 1.6 seconds for
    8 MB of delimiters that are none.
    """
    boundary = _find_parameter(content_type, "boundary")
    if not boundary:
        raise RequestError(400, "the Content-Type of the form has no boundary; send multipart/form-data with a boundary")
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode(), most + 2)
    if len(parts) > most + 1:
        raise RequestError(422, f"the form has more than {most} fields; send fewer fields, or several requests")
    if not parts or not parts[-1].startswith(b"--"):
        raise RequestError(400, "the form is incomplete; send the whole form, with its last boundary")
    fields: dict[str, list[bytes]] = {}
    for part in parts[:-1]:
        end = part.find(b"\r\n\r\n", 0, SHORT)
        name = _find_name(part[:end]) if end >= 0 else None
        if not name:
            raise RequestError(400, "the form cannot be parsed; send multipart/form-data as a browser or curl -F does")
        fields.setdefault(name, []).append(part[end + 4 :])
    return fields


def _find_name(head: bytes) -> str | None:
    """Return the name of a field from the head of its part."""
    for line in head.decode("utf-8", "replace").split("\r\n"):
        header, _, value = line.partition(":")
        if header.strip().lower() == "content-disposition":
            return _find_parameter(value, "name")
    return None


def _find_parameter(header: str, name: str) -> str | None:
    """Return a parameter of the value of a header, without its quotes; None if the header does not have it or is long."""
    found = PARAMETER.findall(header) if len(header) <= SHORT else []
    return next((quoted or plain for key, quoted, plain in found if key.lower() == name), None)


def _parse_json(body: bytes, content_type: str, most: int) -> Any:
    """Parse JSON of about ``most`` values at most. Without this limit, 8 MB of empty lists take 200 MB of memory."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise RequestError(415, "the body must be multipart/form-data or application/json, with a matching Content-Type header")
    if sum(body.count(mark) for mark in MARKS) > most:
        raise RequestError(400, f"the body is not JSON that can be parsed: it has more than {most:,} values; send fewer")
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
        data = base64.b64decode(text.encode().translate(None, SPACE), validate=True)  # MIME and openssl wrap it into lines
    except (ValueError, binascii.Error) as error:
        raise RequestError(
            422, "the image is not base64; send the file's bytes in standard base64 (with + and /), without a data: prefix"
        ) from error
    return Question(data, _check_addend(add), explain, saliency)


def _check_addend(add: object) -> int:
    number = int(add) if isinstance(add, float) and add.is_integer() else add  # JSON does not distinguish 7.0 from 7
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 9:
        raise RequestError(422, "the addend (add) must be a whole number from 0 to 9")
    return number


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
