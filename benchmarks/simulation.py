"""Simulate pictures of digits of many kinds, and pictures that hold no digit or several.

A seed decides sizes, pens, papers, light and the rest, at random over wide ranges. The digits come from validation images of
MNIST, from handwriting fonts, or from forms that neither holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from PIL import Image

from cuts import cut_close
from doubts import DOUBTFUL
from flat import make_drawing, make_full_bleed, make_scan, make_small, make_tiny
from forms import write_form
from inks import Ink, find_fonts, find_validation, keeps_shape, redraw_digit, write_glyph
from paper import take_large_photo, take_photo
from seesum.base.errors import InputError


class Shown(NamedTuple):
    """A picture and the digit that it shows."""

    picture: Image.Image | bytes
    digit: int
    """The digit, or -1 if there is none."""


KINDS: dict[str, Callable[[Ink, Generator], Image.Image | bytes]] = {
    "photos": take_photo,
    "scans": make_scan,
    "drawings": make_drawing,
    "small": make_small,
    "cut close": cut_close,
    "full bleed": make_full_bleed,
    "tiny": make_tiny,
    "large photos": take_large_photo,
}
"""Makers of pictures. The place of a kind is part of its seed, so new kinds come last."""
LARGE = "large photos"
"""The kind whose pictures take a second each to make. They are for measuring speed."""
EVERYDAY = tuple(kind for kind in KINDS if kind != LARGE)
SOURCES = ("MNIST", "fonts", "forms")
"""Where digits come from. The place of a source is part of its seed."""


def find_sources() -> list[str]:
    """Return the sources of digits that are here. Handwriting fonts may be missing."""
    return [source for source in SOURCES if source != "fonts" or find_fonts()]


def generate(kind: str, seed: int = 0, source: str = "MNIST") -> Iterator[Shown]:
    """Yield simulated pictures of one kind without end, made of the digits of one source.

    Raises:
        InputError: fonts are wanted, but none is installed.
    """
    rng = np.random.default_rng([seed, list(KINDS).index(kind), SOURCES.index(source)])
    validation, font_files = find_validation(), find_fonts()
    if source == "fonts" and not font_files:
        raise InputError("no handwriting font is installed; install Debian's fonts-breip, fonts-kristi or fonts-sjfonts")
    while True:
        row, digit = rng.integers(len(validation.digits)), int(rng.integers(10))
        if source == "fonts":
            ink_of = write_glyph(font_files[rng.integers(len(font_files))], str(digit))
        elif source == "forms":
            ink_of, digit = write_form(rng)
        elif keeps_shape(validation.images[row]):
            ink_of, digit = redraw_digit(validation.images[row], rng), int(validation.digits[row])
        else:
            continue
        yield Shown(KINDS[kind](ink_of, rng), digit)


def generate_doubtful(kind: str, seed: int = 0) -> Iterator[Shown]:
    """Yield photos, scans and drawings without end that hold no digit, or several digits."""
    rng = np.random.default_rng([seed, list(DOUBTFUL).index(kind)])
    while True:
        yield Shown(DOUBTFUL[kind](rng), -1)


def simulate(kind: str, count: int, seed: int = 0, source: str = "MNIST") -> list[Shown]:
    """Return the first pictures of ``generate``."""
    return list(islice(generate(kind, seed, source), count))


def simulate_doubtful(kind: str, count: int, seed: int = 0) -> list[Shown]:
    """Return the first pictures of ``generate_doubtful``."""
    return list(islice(generate_doubtful(kind, seed), count))
