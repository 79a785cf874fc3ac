"""reading/location.py: finding the most digit-like ink beside desks, in shadows and on boards, and counting digits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from digits import FOUR, SEVEN, alike, draw_strokes, move_strokes
from seesum.reading.candidates import Candidate
from seesum.reading.location import drop_rim, find_candidates, select_digits
from seesum.reading.pictures import PictureError
from seesum.reading.preprocessing import prepare_picture
from seesum.reading.segmentation import label_parts

Levels = NDArray[np.float64]
ROWS, COLUMNS = np.mgrid[:220, :300]


def draw_levels(ink: int = 60, paper: int = 220, width: int = 8) -> Levels:
    """Return a 7 in the left half of 220 x 300 pixels."""
    return np.array(draw_strokes(SEVEN, (300, 220), ink, paper, width), float)


def add_grain(levels: Levels) -> Levels:
    return np.asarray((ndimage.gaussian_filter(levels, 0.7) + np.random.default_rng(0).normal(0, 2, levels.shape)).clip(0, 255))


def lay_on_desk(levels: Levels, desk: float, slope: float = 0.1) -> Levels:
    return np.where(COLUMNS + slope * ROWS > 230, desk, levels)


def dim_light(levels: Levels, amount: float) -> Levels:
    return np.asarray(levels * (1 - amount * ((COLUMNS / 150 - 1) ** 2 + (ROWS / 110 - 1) ** 2) / 2))


SCENES: dict[str, Callable[[], Levels]] = {
    "dark desk": lambda: lay_on_desk(draw_levels(), 35),
    "dark desk, upright edge": lambda: lay_on_desk(draw_levels(), 35, 0),
    "brown desk, pencil": lambda: lay_on_desk(draw_levels(150), 90),
    "bright desk": lambda: lay_on_desk(draw_levels(60, 180), 250),
    "chalk beside a bright desk": lambda: lay_on_desk(draw_levels(230, 30), 240),
    "faint chalk beside a bright desk": lambda: lay_on_desk(draw_levels(140, 40), 240),
    "pencil in a vignette": lambda: dim_light(draw_levels(170), 0.5),
    "strip of paper between desks": lambda: np.where(COLUMNS < 30, 60, lay_on_desk(draw_levels(120), 60)),
    "dark strip along the rim": lambda: np.where(COLUMNS > 294, 20, draw_levels()),
    "fat pen in a vignette": lambda: dim_light(draw_levels(140, width=22), 0.5),
}


@pytest.mark.parametrize("scene", SCENES)
def test_one_digit_is_found_whatever_lies_around(scene: str) -> None:
    prepared = prepare_picture(add_grain(SCENES[scene]()))
    plain = prepare_picture(add_grain(draw_levels(width=22 if "fat" in scene else 8)))
    assert prepared.digits_found == 1
    assert alike(*(ndimage.gaussian_filter(one.image.astype(float), 1) for one in (prepared, plain))) > 0.9


EMPTY: dict[str, Callable[[], Levels]] = {
    "vignette": lambda: dim_light(np.full(ROWS.shape, 220.0), 0.6),
    "gradient": lambda: 220 - 0.4 * COLUMNS,
    "soft shadow": lambda: 220 - 90 / (1 + np.exp(-(COLUMNS - 150.0) / 12)),
    "desk": lambda: lay_on_desk(np.full(ROWS.shape, 220.0), 60),
}


@pytest.mark.parametrize("scene", EMPTY)
def test_paper_without_ink_holds_no_digit(scene: str) -> None:
    """Such a picture is refused, or answered as a picture without a digit."""
    levels = add_grain(EMPTY[scene]())
    candidates = find_candidates(levels.astype(np.float32))
    assert not select_digits(candidates)
    with suppress(PictureError):
        assert prepare_picture(levels).digits_found == 0


def test_digits_in_different_light_are_counted() -> None:
    both = np.array(draw_strokes([*SEVEN, *move_strokes(FOUR, 110)], (300, 220)), float)
    assert prepare_picture(add_grain(np.where(COLUMNS > 155, 0.45, 1) * both)).digits_found == 2


def test_digits_that_nearly_touch_are_counted() -> None:
    """In the small copy of the picture they are one piece of ink. In the cut-out they are two."""
    close = draw_strokes([*move_strokes(SEVEN, 10, 30, 0.6), *move_strokes(FOUR, 55, 30, 0.6)], (300, 220), width=5)
    prepared = prepare_picture(add_grain(np.asarray(close.resize((1200, 880)), float)))
    candidates = find_candidates(prepared.steps["grey"])
    assert len(select_digits(candidates)) == 1
    assert prepared.digits_found == 2


def test_edges_beside_a_digit_are_no_digits() -> None:
    candidates = find_candidates(add_grain(lay_on_desk(draw_levels(), 35)).astype(np.float32))
    assert len(select_digits(candidates)) == 1
    assert candidates[0].box[1].stop < 160
    assert all(one.score <= candidates[0].score for one in candidates)


def make_candidate(left: int, score: float = 1.0, height: int = 20, bright: bool = False, likeness: float = 1.0) -> Candidate:
    return Candidate(
        (slice(0, height), slice(left, left + 10)), np.ones((height, 10), bool), (100, 100), bright, score, likeness
    )


def test_counting() -> None:
    main = make_candidate(0)
    assert select_digits([]) == []
    assert len(select_digits([main])) == 1
    assert len(select_digits([main, make_candidate(20), make_candidate(40)])) == 3
    assert len(select_digits([main, make_candidate(5)])) == 1, "the same ink, cut otherwise"
    assert len(select_digits([main, make_candidate(20, score=0.2)])) == 1
    assert len(select_digits([main, make_candidate(20, height=4)])) == 1
    assert len(select_digits([main, make_candidate(20, bright=True)])) == 1
    assert select_digits([make_candidate(0, likeness=0.1), make_candidate(20)]) == []


def test_the_largest_digit_comes_first() -> None:
    small, large = make_candidate(0), make_candidate(20, score=0.8, height=30)
    assert select_digits([small, large])[0] is large


def test_what_lies_along_the_rim_goes_unless_it_is_all() -> None:
    mask = np.zeros((100, 120), bool)
    mask[:3, 10:100] = True
    assert (drop_rim(label_parts(mask)).mask == mask).all()
    mask[0:60, 50:56] = True
    assert (drop_rim(label_parts(mask)).mask == mask).all(), "a stroke that reaches in keeps what it is joined to"
    mask[:5, 50:56] = False
    dropped = drop_rim(label_parts(mask)).mask
    assert not dropped[:4].any()
    assert dropped[5:60, 50:56].all()


def test_what_is_clearly_dark_but_like_no_digit_is_answered_as_none() -> None:
    stripes = np.tile(np.where(np.arange(800) % 20 < 6, 255, 0), (600, 1)).astype(np.uint8)
    prepared = prepare_picture(stripes)
    assert prepared.digits_found == 0
    assert all(candidate.likeness < 0.1 for candidate in find_candidates(prepared.steps["grey"]))
