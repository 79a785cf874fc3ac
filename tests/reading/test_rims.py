"""reading/rims.py: ink along the rim is a digit that was cut close, or the edge of a desk, a page or a table."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from digits import BARRED_SEVEN, FIVE, FLAG, FOUR, SEVEN, Strokes, draw_strokes
from seesum.reading.rims import MOST_ENDS, fills_picture, find_rim, has_edges, list_contacts, measure_contact
from seesum.reading.segmentation import Box, Mask, label_parts

GLYPHS: dict[str, Strokes] = {"seven": SEVEN, "barred": BARRED_SEVEN, "four": FOUR, "five": [*FIVE, *FLAG]}
SHAPE = (120, 160)


def cut(strokes: Strokes, margin: float, width: int = 12) -> Mask:
    """Return ink in a picture that ends at so many shares of the digit's size from it."""
    mask = np.asarray(draw_strokes(strokes, width=width)) < 128
    rows, columns = np.nonzero(mask)
    away = round(margin * max(np.ptp(rows), np.ptp(columns)))
    return mask[rows.min() - away : rows.max() + away + 1, columns.min() - away : columns.max() + away + 1]


def box_ink(mask: Mask) -> tuple[Mask, Box, tuple[int, ...]]:
    rows, columns = np.nonzero(mask)
    box = slice(int(rows.min()), int(rows.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1)
    return mask[box], box, mask.shape


def ink_strips(*sides: str, width: int = 12) -> Mask:
    mask = np.zeros(SHAPE, bool)
    for side in sides:
        along = mask if side in ("top", "bottom") else mask.T
        along[:width] |= side in ("top", "left")
        along[-width:] |= side in ("bottom", "right")
    return mask


@pytest.mark.parametrize("name", GLYPHS)
@pytest.mark.parametrize("margin", [0, 0.02, 0.05, 0.1])
def test_a_digit_that_was_cut_close_has_no_edges(name: str, margin: float) -> None:
    mask = cut(GLYPHS[name], margin)
    assert not has_edges(label_parts(mask))
    ink, box, shape = box_ink(mask)
    assert fills_picture(ink, box, shape)
    assert measure_contact(ink, box, shape) == 1


@pytest.mark.parametrize("sides", [s for n in (1, 2, 3, 4) for s in combinations(("top", "bottom", "left", "right"), n)])
def test_desks_are_edges(sides: tuple[str, ...]) -> None:
    """A strip along one side, both sides, an L, three sides, and a frame, with and without a digit in the middle."""
    mask = ink_strips(*sides)
    assert has_edges(label_parts(mask))
    assert measure_contact(*box_ink(mask)) > 3
    mask[40:80, 76:84] = True
    assert has_edges(label_parts(mask))


@pytest.mark.parametrize("turn", range(4))
def test_the_corner_of_a_page_is_an_edge(turn: int) -> None:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    corner = np.rot90(rows + columns < 50, turn)
    assert has_edges(label_parts(np.ascontiguousarray(corner)))


def test_a_small_speck_on_the_rim_is_no_edge() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[30:90, 70:78] = True
    mask[:3, 20:30] = True
    assert not has_edges(label_parts(mask))


def test_strokes_that_run_off_the_rim_are_no_edges_and_many_are_ruled_lines() -> None:
    mask = np.zeros(SHAPE, bool)
    for number, column in enumerate(range(10, 150, 18), 1):
        mask[:60, column : column + 4] = True
        assert has_edges(label_parts(mask)) == (number > MOST_ENDS)


def test_contacts_are_counted_along_each_side() -> None:
    mask = np.zeros((40, 60), bool)
    mask[0, 10:15] = mask[-1, 20:27] = mask[12:14, 0] = mask[30:33, -1] = True
    mask[1:-1, 5:-5] = True
    assert list_contacts(*box_ink(mask)) == [5, 7, 2, 3]
    inside = np.zeros((40, 60), bool)
    inside[3:-3, 3:-3] = True
    assert list_contacts(*box_ink(inside)) == [0, 0, 0, 0]
    assert list_contacts(*box_ink(inside), 4) == [54, 54, 34, 34]


def test_a_flat_piece_has_the_same_contact_on_every_side() -> None:
    """A piece that is thinner than the rim once had less at the bottom and on the right."""
    mask = np.zeros((100, 100), bool)
    mask[0, 40:44] = mask[1, 40:46] = mask[2, 40:50] = True
    lengths = [list_contacts(*box_ink(np.ascontiguousarray(np.rot90(mask, turn))), 5) for turn in range(4)]
    assert [sorted(one) for one in lengths] == [[0, 0, 0, 10]] * 4
    assert [one.index(10) for one in lengths] == [0, 2, 1, 3]


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 2), (3, 200)])
def test_tiny_and_flat_pictures(shape: tuple[int, int]) -> None:
    assert 1 <= find_rim(shape) <= max(1, min(shape))
    assert has_edges(label_parts(np.ones(shape, bool))) in (True, False)
    assert measure_contact(*box_ink(np.ones(shape, bool))) >= 1
    assert len(list_contacts(*box_ink(np.ones(shape, bool)), 9)) == 4


def test_ink_that_fills_one_direction_does_not_fill_the_picture() -> None:
    assert not fills_picture(*box_ink(ink_strips("top")))
    assert not fills_picture(*box_ink(ink_strips("left", "right")))
    assert not fills_picture(*box_ink(ink_strips("top", "right")))
    large = np.asarray(Image.fromarray(cut(SEVEN, 0)).resize((SHAPE[1], SHAPE[0])))
    assert fills_picture(*box_ink(large))
    assert not fills_picture(*box_ink(np.pad(large, 80)))


def test_ink_from_rim_to_rim_is_distrusted_more_than_ink_on_one_side() -> None:
    one, through = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    one[:60, 70:78] = True
    through[:, 70:78] = True
    alone = np.zeros(SHAPE, bool)
    alone[30:90, 70:78] = True
    divisors = [measure_contact(*box_ink(mask)) for mask in (alone, one, through)]
    assert divisors[0] == divisors[1] == 1
    assert divisors[2] >= 10
