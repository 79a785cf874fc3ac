"""reading/drawings.py: strokes become the image that a picture of them becomes, and strokes that are none get a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import seesum
from digits import BARRED_SEVEN, FIVE, FLAG, FOUR, SEVEN, Strokes, alike, draw_strokes, move_strokes
from seesum.data.glyphs import DIGITS
from seesum.data.rendering import trace_glyph, vary_handwriting
from seesum.reading.drawings import MOST_POINTS, MOST_STROKES, prepare_strokes
from seesum.reading.preprocessing import prepare_picture

KNOWN = {"seven": (SEVEN, 7), "barred seven": (BARRED_SEVEN, 7), "four": (FOUR, 4), "five": ([*FIVE, *FLAG], 5)}


def with_width(strokes: Strokes, width: float) -> list[list[tuple[float, float, float]]]:
    return [[(x, y, width) for x, y in points] for points in strokes]


@pytest.fixture(scope="module")
def hand() -> seesum.Reader:
    return seesum.Reader.load("hand")


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("width", [3, 8, 18])
def test_a_drawing_becomes_the_image_that_its_picture_becomes(name: str, width: int, hand: seesum.Reader) -> None:
    strokes, digit = KNOWN[name]
    drawing = prepare_strokes(with_width(strokes, width))
    picture = prepare_picture(draw_strokes(strokes, width=width))
    assert drawing.image.shape == (28, 28)
    assert drawing.image.dtype == np.uint8
    # a digit may move by half a pixel, because its box may end in another pixel; the picture's lines have no round ends
    blurred = [ndimage.gaussian_filter(one.image.astype(float), 0.7) for one in (drawing, picture)]
    assert alike(*blurred) > (0.9 if width < 10 else 0.8)
    assert drawing.digits_found == picture.digits_found == 1
    answer = hand.read_strokes(with_width(strokes, width), add=6)
    assert (answer.digit, answer.sum) == (digit, digit + 6)


def test_place_size_and_unit_make_no_difference() -> None:
    expected = prepare_strokes(with_width(FIVE, 8)).image
    for scale in (0.25, 64.0):
        moved = move_strokes(FIVE, right=-1024, down=512, scale=scale)
        assert np.array_equal(prepare_strokes(with_width(moved, 8 * scale)).image, expected)
    assert np.array_equal(prepare_strokes([np.array(stroke) for stroke in with_width(FIVE, 8)]).image, expected)


def test_the_pen_may_be_left_out_and_may_change() -> None:
    assert np.array_equal(prepare_strokes(FOUR).image, prepare_strokes(with_width(FOUR, 16.5)).image)  # 3/20 of 110
    (points,) = with_width(SEVEN, 8)
    pressed = [[(x, y, 4 + 20 * (y > 60)) for x, y, _ in points]]
    heavy, even = (prepare_strokes(strokes).steps["ink"] for strokes in (pressed, [points]))
    top, bottom = (heavy[part].sum() / even[part].sum() for part in (np.s_[:20], np.s_[60:]))
    assert bottom > 2 * top


def test_separate_shapes_are_counted() -> None:
    beside = [*FIVE, *move_strokes(SEVEN, right=90)]
    for width in (3, 8):
        assert prepare_strokes(with_width(beside, width)).digits_found == 2
    three = [*beside, *move_strokes(FOUR, right=180)]
    assert prepare_strokes(with_width(three, 8)).digits_found == 3
    larger = [*move_strokes(FIVE, right=0, scale=1.4), *move_strokes(SEVEN, right=150, down=50)]
    assert alike(prepare_strokes(with_width(larger, 8)).image, prepare_strokes(with_width(FIVE, 8 / 1.4)).image) > 0.95
    speck = [*FIVE, [(30.0, 30.0)]]
    assert prepare_strokes(with_width(speck, 8)).digits_found == 1


def test_a_dot_and_a_blot_are_no_digits() -> None:
    for blot in ([[(5, 5, 1)]], [[(5, 5)]], [[(0, 0, 10), (5, 0, 10), (5, 5, 10)]]):
        assert prepare_strokes(blot).digits_found == 0


def test_simulated_digits_are_read(hand: seesum.Reader) -> None:
    rng = np.random.default_rng(3)
    right = 0
    for digit, glyphs in DIGITS.items():
        for glyph in glyphs:
            curves = [trace_glyph(stroke, 1, 40, rng) for stroke in glyph.split(";")]
            points = vary_handwriting(np.concatenate(curves, axis=1), rng)[0]
            right += hand.read_strokes(np.split(points, len(curves)), add=1).digit == digit
    assert right >= 0.97 * sum(map(len, DIGITS.values()))


WRONG: dict[str, tuple[Any, str]] = {
    "no strokes": ([], "has 0 strokes; expected 1 to 500"),
    "a text": ("12", "a list of strokes"),
    "a number": (3, "a list of strokes"),
    "an empty stroke": ([[]], "stroke 1 is not a list of points"),
    "numbers": ([1, 2], "stroke 1 is not a list of points"),
    "points of one": ([[[1], [2]]], "stroke 1 is not a list of points"),
    "points of four": ([[[1, 2, 3, 4]]], "stroke 1 is not a list of points"),
    "points that differ": ([[[1, 2], [1, 2, 3]]], "all alike"),
    "texts": ([[[1, 2]], [["1", "2"]]], "stroke 2 is not a list of points"),
    "nothing": ([[[None, 2]]], "stroke 1 is not a list of points"),
    "not a number": ([[[0, float("nan")]]], "stroke 1 has a number that is not finite"),
    "infinite": ([[[0, float("inf"), 1]]], "stroke 1 has a number that is not finite"),
    "far away": ([[[2e6, 0]]], "beyond 1,000,000"),
    "a great integer": ([[[10**400, 0]]], "stroke 1 is not a list of points"),
    "no width": ([[[0, 0, 0]]], "width below 0.000001"),
    "a width below 0": ([[[0, 0, 1], [1, 1, -1]]], "stroke 1 has a width below"),
    "too many strokes": ([[[0, 0]]] * (MOST_STROKES + 1), "has 501 strokes"),
    "too many points": ([[[0, 0]] * 6000, [[0, 0]] * (MOST_POINTS - 5999)], "has 10,001 points"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_strokes_that_are_none_get_a_sentence(wrong: str, reader: seesum.Reader) -> None:
    strokes, sentence = WRONG[wrong]
    with pytest.raises(seesum.PictureError, match=sentence) as raised:
        reader.read_strokes(strokes, add=7)
    assert "\n" not in str(raised.value)


def test_extreme_strokes_are_answered(reader: seesum.Reader) -> None:
    many = [[(k % 100, k // 100, 1) for k in range(MOST_POINTS)]]
    for strokes in ([[(1e6, -1e6, 1e-6)]], [[(-1e6, 0, 1e-6), (1e6, 0, 1e-6)]], [[(0, 0, 1e6), (1, 1, 1e-6)]], many):
        assert 0 <= reader.read_strokes(strokes, add=0).digit <= 9
    with pytest.raises(seesum.InputError, match="0 to 9"):
        reader.read_strokes(SEVEN, add=10)
