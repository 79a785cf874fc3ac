"""The OpenAPI document: schemas of requests and responses, with examples."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

Schema = dict[str, Any]

SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1.0001}
"""A probability. In float32 it may be a little above 1."""
GRID: Schema = {"type": "array", "minItems": 28, "maxItems": 28}
ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string", "description": "One sentence: what is wrong, what was expected, what to do."}},
}
ADDEND: Schema = {"type": "integer", "minimum": 0, "maximum": 9, "description": "The number to add."}
REASONS = {
    400: "The body cannot be parsed.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is neither a multipart form nor JSON.",
    421: "The Host header names another machine.",
    422: "A picture or an addend is not valid.",
    503: "Too much work; Retry-After says when to come back.",
}
"""Status -> why a request is refused."""


def describe_answer(answers: int, lowest: int) -> Schema:
    """Return the schema of an ``Answer`` with S = ``answers`` sums from ``lowest`` up."""
    digits: Schema = {"type": "array", "items": SHARE, "minItems": 10, "maxItems": 10}
    sums: Schema = {"type": "array", "items": SHARE, "minItems": answers, "maxItems": answers}
    properties: Schema = {
        "digit": {"type": "integer", "minimum": 0, "maximum": 9, "description": "The digit in the picture."},
        "sum": {"type": "integer", "description": "Digit and addend combined by the operation: the network's second output."},
        "digit_probabilities": {**digits, "description": "Of the digits 0 to 9."},
        "sum_probabilities": {**sums, "description": f"Of the sums {lowest} to {lowest + answers - 1}."},
        "confidence": {**SHARE, "description": "Probability of the less certain output, divided by digits_found (by 2 if 0)."},
        "digits_found": {
            "type": "integer",
            "minimum": 0,
            "description": "How many digits there seem to be; the largest is read.",
        },
        "unsure": {
            "type": "boolean",
            "description": "Whether not to rely on it: the confidence is too low, or there is not exactly one digit.",
        },
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def describe_explained(answer: Schema) -> Schema:
    """Return the schema of an answer with the image that the network saw, and what mattered in it."""
    levels = {**GRID, "items": {**GRID, "items": {"type": "integer", "minimum": 0, "maximum": 255}}}
    shares = {**GRID, "items": {**GRID, "items": SHARE}}
    more = {
        "image": {**levels, "description": "What the network saw, 28x28 levels of ink."},
        "saliency": {**shares, "description": "With ?saliency=true: how much each place mattered to the digit."},
    }
    return {**answer, "required": [*answer["required"], "image"], "properties": {**answer["properties"], **more}}


def describe_question() -> Schema:
    """Return the schema of one question in JSON."""
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
    """Describe the body of /predict, or of /predict/batch with at most ``batch`` pictures, as a form and as JSON."""
    file: Schema = {"type": "string", "format": "binary"}
    question, example = describe_question(), draw_example()
    form: Schema = {"image": file, "add": ADDEND}
    values: Schema = question
    if batch:
        form = {"image": {"type": "array", "items": file, "minItems": 1, "maxItems": batch}, "add": ADDEND}
        listed = {"type": "array", "items": question, "minItems": 1, "maxItems": batch}
        values = {
            "type": "object",
            "required": ["questions"],
            "additionalProperties": False,
            "properties": {"questions": listed},
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
            "application/json": {"schema": values, "examples": {"a one": {"value": example}}},
        },
    }


def describe_responses(good: Schema, *statuses: int, media: str = "application/json") -> dict[int | str, dict[str, Any]]:
    """Describe the responses of a path: 200 with a schema, and refusals."""
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"description": REASONS[status], "content": {"application/json": {"schema": ERROR}}} for status in statuses
    }
    return {200: {"description": "Done.", "content": {media: {"schema": good}}}, **refusals}


def draw_example() -> dict[str, Any]:
    """Return a question that can be sent as it is: a picture of a one, and 7 to add."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 13:16] = 255
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return {"image": base64.b64encode(file.getvalue()).decode(), "add": 7}
