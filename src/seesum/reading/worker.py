"""The other process: it decodes and prepares pictures, one after another, and may be killed at any time. No torch."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from seesum.reading.decoding import decode_opened
from seesum.reading.drawings import prepare_strokes
from seesum.reading.opening import open_image, refuse_damaged
from seesum.reading.pictures import PictureError
from seesum.reading.preprocessing import prepare_colours
from seesum.reading.processes import read_message, write_message

MEMORY = 2**30
"""Bytes that this process may take for a picture (Linux). One of 50 megapixels takes up to 500 million."""
NAME = "the picture"


def main() -> None:
    """Answer questions from standard input on standard output, until standard input is closed."""
    for name in ("SIGINT", "SIGTERM"):  # the server finishes its requests first, then closes the pipe
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # some decoders print warnings
        os.dup2(nothing, stream)
    _limit_memory()
    with suppress(EOFError, BrokenPipeError):
        while True:
            question, data = read_message(questions)
            _set_timer(question["seconds"])
            reply = answer(question, data)
            _set_timer(0)
            write_message(answers, *reply)
    os._exit(0)  # at once, since there is nothing to clean up


def answer(question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Answer a question.

    Args:
        question: what to ``do``: ``decode`` a file at a ``path``, or in ``data``, for messages with its ``name``; ``prepare`` a
            file in ``data`` of the ``formats`` with at most so many ``pixels``; or prepare ``strokes``, as JSON in ``data``.
        data: bytes.

    Returns:
        For ``decode``, the shape and the colours. Otherwise the pixels of the file, and for each way of preparing it the number
        of digits found and the 28x28 image. For a picture that is refused, the sentence and the name of its error.
    """
    used = 0
    try:
        if question["do"] == "decode":
            name, path = question["name"], question["path"]
            with (
                refuse_damaged(name),
                Path(path).open("rb") if path else io.BytesIO(data) as file,
                open_image(file, name) as image,
            ):
                colours = decode_opened(image, name)
            return {"shape": colours.shape}, colours.tobytes()
        if question["do"] == "strokes":
            prepared = prepare_strokes(json.loads(data))
        else:
            with open_image(io.BytesIO(data), NAME, tuple(question["formats"]), question["pixels"]) as image:
                used = image.width * image.height
                colours = decode_opened(image, NAME)
            prepared = prepare_colours(colours, NAME)
    except PictureError as error:
        return {"error": str(error), "kind": type(error).__name__, "pixels": used}, b""
    ways = (prepared, *prepared.others)
    found = [way.digits_found for way in ways]
    return {"digits_found": found, "pixels": used}, b"".join(way.image.tobytes() for way in ways)


def _set_timer(seconds: float) -> None:
    """Let the system kill this process after so much processor time (Unix); 0 for never. Python's own clock could not."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _limit_memory() -> None:
    """Limit the memory to what the libraries take, and ``MEMORY`` more (Linux)."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        return
    most = pages * resource.getpagesize() + MEMORY
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
