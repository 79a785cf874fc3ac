"""Make digits as ink 0..1 of forms that MNIST and the handwriting fonts hardly hold.

The forms are taught at schools in Germany, France, Poland, Italy and Latin America. They were made by hand, and apart from
``seesum.data.glyphs``: networks are trained with those glyphs, and these forms measure what such networks read of unseen forms.
Keep it so, and copy none in either direction.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inks import ENLARGED, Grey, Ink, crop_ink, ink_line
from seesum.data.rendering import trace_glyph, vary_handwriting

FORMS: dict[int, tuple[str, ...]] = {
    1: (
        "0,34 26,0! 25,60 20,94 8,100 4,90 16,84 46,96",  # looped foot
        "4,30 30,0! 30,70 24,96 10,101 4,91 16,84 34,90 52,97",
        "10,18 28,2! 26,80 15,100 3,95 9,85 26,88 46,95",
        "0,22 24,0! 24,68 18,95 7,97 8,87 20,86 44,95",
        "0,62 38,0! 36,100",  # long flag
        "0,66 42,0! 42,50 41,100",
        "0,56 20,24 40,0! 40,100; 20,100 60,100",
        "0,68 18,36 36,0! 35,60 31,100",
        "5,27 10,30 20,17 28,0! 28,100",  # hooked flag
        "8,22 10,28 18,20 30,2! 31,100",
    ),
    4: (
        "34,0 7,50 0,62 8,68 15,61 11,55 30,57 64,55; 48,30 44,100",  # loop at the left corner
        "30,0 8,48 0,62 10,66 30,60 54,48 61,32 54,24 49,38 46,100",  # one line with a loop at the stem
        "40,0 12,46 2,60 12,64 40,58 62,46 60,32 52,36 46,66 42,100",
        "26,2 4,46 5,60 22,60 48,48 58,28 51,23 47,42 48,100",
        "6,2 4,42 14,54 34,53 52,44; 54,2 52,100",  # open
        "0,6 5,46 20,56 58,53; 48,14 46,100",
        "14,0 2,56! 62,56; 44,28 40,100",
        "2,0 2,50! 52,50; 52,0 52,100",
        "38,0 36,100; 34,26 2,66! 62,64",  # tall stem
        "46,0 44,100; 22,24 2,62! 66,61",
        "50,0 50,100; 50,22 4,63! 70,63",
    ),
    5: (
        "38,2 16,0! 12,40! 36,38 54,60 44,92 4,96",  # short flag
        "30,0 14,2! 10,42! 40,38 56,64 40,96 0,92",
        "14,0 10,40! 38,36 54,60 42,94 2,98; 14,0 32,1",
        "12,2 8,44! 34,36 56,58 44,92 20,100 0,90; 12,2 34,-3",
        "28,0 17,3! 8,42! 30,36 54,56 46,90 2,98",
    ),
    7: (
        "4,20 0,5 16,9 36,5 60,2! 40,44 26,100; 14,52 56,44",  # ornamented and crossed
        "0,18 4,2 20,10 44,10 62,0! 38,46 24,100; 14,56 29,47 41,54 58,45",
        "6,24 2,8 14,2 34,10 58,4! 44,30 32,60 28,100; 12,50 60,50",
        "0,16 6,4! 62,4! 30,56 20,100! 36,97; 10,48 56,48",
        "2,22 2,2! 60,0 58,10 34,52 22,100; 16,58 56,40",
        "0,12 8,2 30,10 56,6 62,0! 48,30 36,58 34,100; 20,42 58,54",
        "0,14 0,2! 56,2! 30,100; 20,36 60,64",
    ),
    9: (
        "50,12 28,0 6,18 12,44 34,46 50,14! 48,100; 32,100 64,100",  # foot
        "46,10 22,0 2,20 10,44 32,42 46,12! 44,84 52,98 66,92",
        "48,12 24,2 4,22 14,46 38,40 48,10! 47,80 36,98 20,100 13,90 22,83 36,87",  # small loop at the end
        "52,16 30,0 6,16 8,40 32,48 52,18! 53,72 40,96 22,99 16,89 26,82 40,88",
        "46,14 26,0 4,20 16,44 40,34 48,12! 48,70 36,96 14,99 2,82",  # hook
        "54,20 34,2 8,14 6,38 26,48 46,38 54,18! 51,62 32,94 8,98 0,84",
        "50,8 22,0 3,22 14,45 38,38 50,8! 54,60 44,90 20,98 4,84 6,74",
    ),
}
"""Glyphs in the format of ``seesum.data.glyphs``, only of digits and forms that networks misread."""
CHOICES = tuple((digit, glyph) for digit, glyphs in FORMS.items() for glyph in glyphs)
POINTS = 1000
"""Points along the curves of a form. They are closer together than the pixels of an enlarged digit."""
THICKEST = 0.14
"""Width of the thickest pen, as a share of the digit's size. Thicker ones fill the small loops."""
HEIGHT = 80
"""Longest side of an enlarged form in pixels, like that of an enlarged digit of MNIST."""


def write_form(rng: Generator) -> tuple[Ink, int]:
    """Return the ink of any of the forms, and its digit."""
    digit, glyph = CHOICES[rng.integers(len(CHOICES))]
    return ink_glyph(glyph, rng), digit


def ink_glyph(glyph: str, rng: Generator, lean: float = 0.0) -> Ink:
    """Return the ink of a glyph. ``lean`` is the writer's own slant: points move to the right by their height times it."""
    points = vary_handwriting(trace_glyph(glyph, 1, POINTS, rng), rng)[0].astype(np.float64)
    points[:, 0] -= lean * points[:, 1]
    low, high = points.min(0), points.max(0)
    places = (points - (low + high) / 2) * HEIGHT / max(high - low) + ENLARGED / 2
    line: NDArray[np.bool_] = np.zeros((ENLARGED, ENLARGED), np.bool_)
    columns, rows = places.round().astype(int).T
    line[rows, columns] = True
    usual = rng.uniform(0.06, THICKEST)

    def draw(size: int, width: float | None) -> Grey:
        return crop_ink(ink_line(line, min(width or usual, THICKEST), rng), size)

    return draw
