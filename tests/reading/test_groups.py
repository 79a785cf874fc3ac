"""reading/groups.py: the pieces of one digit are joined, and digits beside and above each other are not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits import FIVE, FLAG, FOUR, SEVEN, Strokes, draw_strokes, move_strokes
from seesum.reading.groups import BAR, HALF, MOST_JOINED, group_strokes, measure_extent
from seesum.reading.preprocessing import prepare_picture
from seesum.reading.segmentation import Box, Mask, label_parts

ONE: Strokes = [[(100, 50), (100, 150)]]
SLANTED_ONE: Strokes = [[(110, 50), (92, 150)]]
THREE: Strokes = [[(75, 55), (125, 55), (95, 92), (122, 118), (112, 148), (72, 148)]]
TWO: Strokes = [[(72, 75), (95, 50), (122, 70), (72, 150), (128, 150)]]
ROUND = [(100 + 28 * math.cos(turn), 100 + 48 * math.sin(turn)) for turn in np.linspace(0, 2 * math.pi, 40)]
NOUGHT: Strokes = [ROUND]


def group(mask: Mask, gap: int = 2) -> list[Box]:
    """Group ink, check that all of it is in a group and that each group fills its box, and return the boxes from the top."""
    labels, boxes = group_strokes(label_parts(mask), gap)
    assert np.array_equal(labels > 0, mask)
    for number, box in enumerate(boxes, 1):
        rows, columns = np.nonzero(labels == number)
        assert (box is None) == (len(rows) == 0)
        if box is not None:
            edges = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
            assert box == edges
    return sorted((box for box in boxes if box is not None), key=lambda box: box[0].start)


def ink_strokes(strokes: Strokes, size: tuple[int, int] = (200, 200), width: int = 8) -> NDArray[np.bool_]:
    return np.asarray(draw_strokes(strokes, size, width=width)) < 128


def stack(digits: list[Strokes], gap: float, scale: float = 0.4) -> tuple[Strokes, tuple[int, int]]:
    """Return digits one above another, and the size of a picture that holds them; the gap is a share of their height."""
    step = 100 * scale * (1 + gap) + 6
    strokes = [stroke for row, digit in enumerate(digits) for stroke in move_strokes(digit, 20, row * step, scale)]
    return strokes, (120, round(len(digits) * step + 60))


COLUMNS = {
    "7 4": [SEVEN, FOUR],
    "1 7": [ONE, SEVEN],
    "7 1": [SEVEN, SLANTED_ONE],
    "2 1 3": [TWO, ONE, THREE],
    "7 4 2 3": [SEVEN, FOUR, TWO, THREE],
    "1 1 7 1": [ONE, ONE, SEVEN, ONE],
    "1 2 3 4 7": [ONE, TWO, THREE, FOUR, SEVEN],
    "0 2 1 3 7 4": [NOUGHT, TWO, ONE, THREE, SEVEN, FOUR],
    "1 2 3 4 7 0 7 1 3": [ONE, TWO, THREE, FOUR, SEVEN, NOUGHT, SEVEN, ONE, THREE],
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("gap", [0.15, 0.3, 0.6])
def test_digits_one_above_another_are_not_joined(name: str, gap: float) -> None:
    strokes, size = stack(COLUMNS[name], gap)
    boxes = group(ink_strokes(strokes, size, 5))
    tall = [box for box in boxes if box[0].stop - box[0].start > 30]
    assert len(tall) == len(COLUMNS[name])


@pytest.mark.parametrize("name", ["7 4", "2 1 3", "1 2 3 4 7", "1 2 3 4 7 0 7 1 3"])
def test_a_column_is_no_single_digit(name: str) -> None:
    """A column from 1 to 9 was once answered as a sure 1."""
    strokes, size = stack(COLUMNS[name], 0.25)
    assert prepare_picture(draw_strokes(strokes, size, width=5)).digits_found > 1


BROKEN: dict[str, Strokes] = {
    "a 1 in two pieces": [[(100, 50), (100, 95)], [(100, 103), (100, 150)]],
    "a 1 in three pieces": [[(100, 50), (100, 80)], [(100, 87), (100, 113)], [(100, 120), (100, 150)]],
    "a slanted 1 in four pieces": [
        [(110, 50), (108, 70)],
        [(107, 78), (104, 96)],
        [(103, 104), (101, 122)],
        [(100, 130), (98, 150)],
    ],
    "a 1 with its foot apart": [[(100, 50), (100, 138)], [(80, 150), (120, 150)]],
    "a 5 with its flag": [*FIVE, *FLAG],
    "a 4 of two strokes": FOUR,
    "a 4 whose strokes do not touch": [[(85, 45), (70, 105), (112, 105)], [(125, 55), (123, 155)]],
    "a 7 with its bar apart": [*SEVEN, [(122, 100), (142, 100)]],
    "a 3 of two halves": [[(75, 52), (120, 58), (98, 92)], [(98, 103), (124, 122), (75, 148)]],
    "a 0 in two halves": [[(94, 50), (72, 75), (72, 125), (94, 150)], [(106, 50), (128, 75), (128, 125), (106, 150)]],
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_the_pieces_of_one_digit_are_joined(name: str, scale: float) -> None:
    side = round(200 * scale)
    mask = ink_strokes(move_strokes(BROKEN[name], 0, 0, scale), (side, side), round(8 * scale))
    assert len(group(mask)) == 1


@pytest.mark.parametrize("gap", [-4, 0, 2, 4, 6])
def test_an_eight_of_two_circles_is_joined(gap: int) -> None:
    image = Image.new("1", (200, 240))
    pen = ImageDraw.Draw(image)
    pen.ellipse((70, 40, 130, 100), outline=1, width=8)
    pen.ellipse((62, 100 + gap, 138, 180 + gap), outline=1, width=8)
    assert len(group(np.asarray(image))) == 1


@pytest.mark.parametrize("gap", [20, 35, 60])
def test_digits_side_by_side_are_not_joined(gap: int) -> None:
    for left, right in [(SEVEN, FOUR), (ONE, ONE), (NOUGHT, ONE), (TWO, NOUGHT)]:
        first, second = (np.array([point for stroke in digit for point in stroke]) for digit in (left, right))
        away = first[:, 0].max() + gap - second[:, 0].min()
        assert len(group(ink_strokes([*left, *move_strokes(right, away)], (400, 200)))) == 2


def test_digits_of_a_table_stay_apart() -> None:
    strokes = [
        stroke
        for row, line in enumerate(([SEVEN, ONE, TWO], [FOUR, THREE, NOUGHT], [ONE, ONE, SEVEN]))
        for column, digit in enumerate(line)
        for stroke in move_strokes(digit, 60 * column, 60 * row, 0.45)
    ]
    assert len(group(ink_strokes(strokes, (240, 240), 5))) == 9


def test_nothing_and_one_part() -> None:
    assert group(np.zeros((20, 30), bool)) == []
    assert group(np.zeros((1, 1), bool)) == []
    assert group(np.ones((1, 1), bool)) == [np.s_[0:1, 0:1]]
    assert group(np.ones((1, 40), bool)) == [np.s_[0:1, 0:40]]
    assert group(np.ones((40, 1), bool)) == [np.s_[0:40, 0:1]]
    line = np.zeros((1, 90), bool)
    line[0, [3, 4, 80]] = True
    assert len(group(line)) == len(group(line.T)) == 2


def test_of_very_many_parts_the_largest_are_joined() -> None:
    mask = np.zeros((300, 300), bool)
    mask[::12, ::12] = True
    mask[100:200, 148:155] = True
    mask[100:107, 160:190] = True
    groups = group(mask)
    assert len(groups) > MOST_JOINED
    assert max(map(measure_extent, groups)) > math.hypot(100, 40)


def test_what_counts_as_a_column() -> None:
    """Of two pieces one above the other, a bar goes on with a bar; a wide piece is a digit, unless it is small."""

    def count(width: int, height: int) -> int:
        mask = np.zeros((300, 100), bool)
        mask[20:120, 45:53] = True
        mask[128 : 128 + height, 49 - width // 2 : 49 + width // 2] = True
        mask[136 : 120 + height, 57 - width // 2 : 41 + width // 2] = False
        return len(group(mask))

    assert count(round(100 * BAR) - 8, 100) == 1
    assert count(round(100 * BAR) + 8, 100) == 2
    assert count(40, round(100 * HALF) - 27) == 1
    assert count(40, round(100 * HALF) + 3) == 2


def test_digits_in_one_piece_of_ink_are_one_group() -> None:
    """A stroke that runs from digit to digit makes them one. Pieces that reach past each other are one digit."""
    strokes, size = stack([SEVEN, FOUR], 0.3)
    assert len(group(ink_strokes([*strokes, [(55, 20), (55, 100)]], size, 5))) == 1
    mask = np.zeros((300, 100), bool)
    mask[20:150, 20:28] = True
    mask[100:250, 34:60] = True
    assert len(group(mask, 16)) == 1


def test_ink_far_away_is_not_joined() -> None:
    mask = np.zeros((200, 200), bool)
    mask[50:150, 100:108] = True
    mask[20:30, 10:20] = mask[180:184, 60:100] = True
    assert len(group(mask)) == 3
