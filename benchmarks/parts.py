"""List the parts of a comparison: kinds of picture and sources of digits, pictures without a digit, and groups for speed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from typing import NamedTuple

from PIL import Image

from doubts import DOUBTFUL
from simulation import EVERYDAY, LARGE, Shown, find_sources, generate, generate_doubtful

MOST_LARGE = 60
"""Most pictures of the part with large photos, each of which takes a second to make."""
MOST_TIMED = 300
"""Most pictures of a part that is there for speed alone."""


class Part(NamedTuple):
    """Pictures that have a row of their own."""

    name: str
    digits: str
    """The source of the digits, or an empty text where there are none."""
    pictures: Callable[[int], Iterator[Shown]]
    """Yields pictures of a seed."""
    most: int | None = None
    """Most pictures that the part has."""


def list_parts() -> dict[str, Part]:
    """Return all parts by their names. Pictures of sources that are not here are left out."""
    sources = find_sources()
    parts = [Part(kind, source, partial(generate, kind, source=source)) for kind in EVERYDAY for source in sources]
    parts += [Part(kind, "", partial(generate_doubtful, kind)) for kind in DOUBTFUL]
    parts += [
        Part("time: up to 64 pixels", "MNIST", generate_small, MOST_TIMED),
        Part("time: up to 400 pixels", "MNIST", generate_middling, MOST_TIMED),
        Part("time: photos", "MNIST", partial(generate, "photos"), MOST_TIMED),
        Part(f"time: {LARGE}", "MNIST", partial(generate, LARGE), MOST_LARGE),
    ]
    return {f"{part.name}, {part.digits}" if part.digits else part.name: part for part in parts}


def find_side(picture: Image.Image | bytes) -> int:
    """Return the longer side of a picture in pixels."""
    return max((Image.open(io.BytesIO(picture)) if isinstance(picture, bytes) else picture).size)


def shrink_drawing(shown: Shown) -> Shown:
    """Return a drawing as 28x28 grey levels, in a way that is not MNIST's."""
    assert isinstance(shown.picture, Image.Image)
    drawing = shown.picture.convert("RGBA")
    paper = Image.new("RGBA", drawing.size, "white")
    paper.alpha_composite(drawing)
    return Shown(paper.convert("L").resize((28, 28), Image.Resampling.BOX), shown.digit)


def generate_small(seed: int) -> Iterator[Shown]:
    """Yield pictures of at most 64 pixels in turn: of most kinds, and every second one a drawing of 28x28."""
    streams = [_keep_sizes(generate(kind, seed), 1, 64) for kind in ("small", "tiny", "scans", "drawings", "cut close")]
    plain = generate("drawings", seed + 1)
    for stream in cycle(streams):
        yield shrink_drawing(next(plain))
        yield next(stream)


def generate_middling(seed: int) -> Iterator[Shown]:
    """Yield drawings and scans of 65 to 400 pixels in turn."""
    for stream in cycle([_keep_sizes(generate(kind, seed), 65, 400) for kind in ("drawings", "scans", "full bleed")]):
        yield next(stream)


def _keep_sizes(pictures: Iterator[Shown], least: int, most: int) -> Iterator[Shown]:
    return (shown for shown in pictures if least <= find_side(shown.picture) <= most)
