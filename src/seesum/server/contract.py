"""The OpenAPI document: schemas of requests and responses, with examples."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image

from seesum.data.operations import Operation
from seesum.reading.drawings import FARTHEST, MOST_POINTS, MOST_STROKES

Schema = dict[str, Any]

SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1.0001}
"""The schema of a probability. In float32 it may be slightly above 1."""
GRID: Schema = {"type": "array", "minItems": 28, "maxItems": 28}
ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string", "description": "One sentence: what is wrong, what was expected, what to do."}},
}
ADDEND: Schema = {"type": "integer", "minimum": 0, "maximum": 9, "description": "The number to add to the digit."}
REASONS = {
    400: "The request or its body cannot be parsed.",
    401: "The server was started with a token, and the request does not have it.",
    403: "The request comes from a page of another origin.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is compressed, or neither a multipart form nor JSON.",
    421: "The Host header does not name this machine.",
    422: "A picture, an addend or another field is not valid.",
    431: "The head of the request is too large.",
    503: "The server is overloaded. Try again after the seconds in the Retry-After header.",
}
"""HTTP status -> why a request is refused."""


def describe_answer(operation: Operation, others: Iterable[int] = ()) -> Schema:
    """Return the schema of an ``Answer`` of an operation.

    Networks that a request can name may have other numbers of sums.
    """
    counts = [operation.num_classes, *others]
    digits: Schema = {"type": "array", "items": SHARE, "minItems": 10, "maxItems": 10}
    sums: Schema = {"type": "array", "items": SHARE, "minItems": min(counts), "maxItems": max(counts)}
    properties: Schema = {
        "digit": {"type": "integer", "minimum": 0, "maximum": 9, "description": "The digit in the picture."},
        "sum": {"type": "integer", "description": "Digit and addend combined by the operation: the network's second output."},
        "digit_probabilities": {**digits, "description": "Probabilities of the digits 0 to 9."},
        "sum_probabilities": {**sums, "description": f"Probabilities of the sums {operation.describe_values()}."},
        "confidence": {
            **SHARE,
            "description": "Probability of the less certain output, divided by digits_found, or by 2 if digits_found is 0.",
        },
        "digits_found": {
            "type": "integer",
            "minimum": 0,
            "description": "How many digits the picture seems to show. The answer is for the largest one.",
        },
        "unsure": {
            "type": "boolean",
            "description": "True if the answer may be wrong: the confidence is too low, or digits_found is not 1.",
        },
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def describe_explained(answer: Schema) -> Schema:
    """Return the schema of an answer with the network's input image and a saliency map."""
    pixels = {**GRID, "items": {**GRID, "items": {"type": "integer", "minimum": 0, "maximum": 255}}}
    shares = {**GRID, "items": {**GRID, "items": SHARE}}
    added = {
        "image": {**pixels, "description": "The network's input: 28x28 pixels, from 0 (paper) to 255 (ink)."},
        "saliency": {**shares, "description": "Only with ?saliency=true: how much each pixel supports the predicted digit."},
    }
    return {**answer, "required": [*answer["required"], "image"], "properties": {**answer["properties"], **added}}


def describe_question() -> Schema:
    """Return the JSON schema of one question."""
    image = {"type": "string", "contentEncoding": "base64", "description": "A PNG, JPEG, WebP, GIF or BMP file in base64."}
    properties = {"image": image, "add": ADDEND}
    return {
        "type": "object",
        "required": ["image", "add"],
        "additionalProperties": False,
        "properties": properties,
        "examples": [draw_example()],
    }


def describe_request(batch: int = 0) -> Schema:
    """Describe the body of a request, as a form and as JSON.

    Args:
        batch: the largest number of pictures for /predict/batch; 0 for the single picture of /predict.
    """
    file: Schema = {"type": "string", "format": "binary"}
    question, example = describe_question(), draw_example()
    form: Schema = {"image": file, "add": ADDEND}
    json_schema: Schema = question
    if batch:
        form = {"image": {"type": "array", "items": file, "minItems": 1, "maxItems": batch}, "add": ADDEND}
        questions = {"type": "array", "items": question, "minItems": 1, "maxItems": batch}
        json_schema = {
            "type": "object",
            "required": ["questions"],
            "additionalProperties": False,
            "properties": {"questions": questions},
        }
        example = {"questions": [example, {**example, "add": 0}]}
    return {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image", "add"],
                    "additionalProperties": False,
                    "properties": form,
                }
            },
            "application/json": {"schema": json_schema, "examples": {"a one": {"value": example}}},
        },
    }


def describe_drawing() -> Schema:
    """Describe the body of a request with a drawing."""
    number: Schema = {"type": "number", "minimum": -FARTHEST, "maximum": FARTHEST}
    point: Schema = {"type": "array", "items": number, "minItems": 2, "maxItems": 3}
    stroke: Schema = {"type": "array", "items": point, "minItems": 1, "maxItems": MOST_POINTS}
    meaning = (
        "The strokes of the pen, each a list of points [x, y] or [x, y, width]: x to the right, y downwards, width above 0, "
        f"all in one unit, and all points of a stroke alike. At most {MOST_POINTS:,} points in all."
    )
    strokes = {"type": "array", "items": stroke, "minItems": 1, "maxItems": MOST_STROKES, "description": meaning}
    example = {"strokes": [[[10, 20], [60, 20], [30, 100]], [[25, 60], [60, 60]]], "add": 7}
    schema = {
        "type": "object",
        "required": ["strokes", "add"],
        "additionalProperties": False,
        "properties": {"strokes": strokes, "add": ADDEND},
    }
    return {"required": True, "content": {"application/json": {"schema": schema, "examples": {"a seven": {"value": example}}}}}


def describe_choice(names: Iterable[str]) -> Schema:
    """Describe the parameter that names one of the shipped networks."""
    meaning = "A shipped network that answers instead of the server's own."
    return {"name": "network", "in": "query", "schema": {"type": "string", "enum": list(names), "description": meaning}}


def describe_responses(good: Schema, *statuses: int, media: str = "application/json") -> dict[int | str, dict[str, Any]]:
    """Describe the responses of a path: status 200 with the schema ``good``, and an error for each of ``statuses``."""
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"description": REASONS[status], "content": {"application/json": {"schema": ERROR}}} for status in statuses
    }
    return {200: {"description": "Success.", "content": {media: {"schema": good}}}, **refusals}


def draw_example() -> dict[str, Any]:
    """Return a question that can be sent unchanged: a picture of a one, and the addend 7."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 13:16] = 255
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return {"image": base64.b64encode(file.getvalue()).decode(), "add": 7}
