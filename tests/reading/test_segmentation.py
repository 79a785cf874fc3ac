"""reading/segmentation.py: telling ink from all kinds of paper, lines and shadows, and counting digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from digits import BARRED_SEVEN, FIVE, FLAG, FOUR, SEVEN, Strokes, alike, draw_strokes, move_strokes
from seesum.reading.groups import group_strokes
from seesum.reading.lines import remove_ruled_lines
from seesum.reading.pictures import PictureError
from seesum.reading.preprocessing import prepare_picture
from seesum.reading.segmentation import (
    label_parts,
    measure_stroke_width,
    normalise_illumination,
    threshold_ink,
)

Picture = NDArray[np.uint8]


def add_noise(image: Image.Image | NDArray[Any], deviation: float = 2) -> Picture:
    levels = np.asarray(image, float)
    noise = np.random.default_rng(0).normal(0, deviation, levels.shape)
    return (levels + noise).clip(0, 255).astype(np.uint8)


def rule_lines(strokes: Strokes, gap: int, squared: bool = False, slope: float = 0.0, line: int = 60) -> Picture:
    image = Image.new("L", (800, 800), 235)
    pen = ImageDraw.Draw(image)
    for place in range(-800 + 2 * gap, 1600, 4 * gap):
        pen.line([(0, place), (800, place + 800 * slope)], line, 5)
        if squared:
            pen.line([(place, 0), (place - 800 * slope, 800)], line, 5)
    return add_noise(np.minimum(np.asarray(image.reduce(4)), np.asarray(draw_strokes(strokes))))


ROWS, COLUMNS = np.mgrid[:200, :200]


def shade(light: NDArray[Any]) -> Picture:
    return add_noise(np.asarray(draw_strokes(SEVEN)) * light)


def scatter(strokes: Strokes, count: int, size: int) -> Picture:
    picture = np.asarray(draw_strokes(strokes)).copy()
    for top, left in np.random.default_rng(0).integers(5, 190, (count, 2)):
        picture[top : top + size, left : left + size] = 30
    return add_noise(picture)


@pytest.fixture(scope="module")
def plain() -> dict[str, NDArray[np.uint8]]:
    """Return the images that pictures on plain paper become."""
    glyphs = {"seven": SEVEN, "barred": BARRED_SEVEN, "four": FOUR, "five": [*FIVE, *FLAG]}
    return {name: prepare_picture(add_noise(draw_strokes(glyph))).image for name, glyph in glyphs.items()}


PAPERS: dict[str, tuple[Callable[[], Picture], str]] = {
    "lined": (lambda: rule_lines(SEVEN, 30), "seven"),
    "lined faintly": (lambda: rule_lines(SEVEN, 30, line=170), "seven"),
    "squared faintly": (lambda: rule_lines(SEVEN, 24, squared=True, line=170), "seven"),
    "lined, barred": (lambda: rule_lines(BARRED_SEVEN, 30), "barred"),
    "line through the bar": (lambda: rule_lines(BARRED_SEVEN, 200), "barred"),
    "line through the top": (lambda: rule_lines(SEVEN, 100), "seven"),
    "line through a four": (lambda: rule_lines(FOUR, 42), "four"),
    "lined aslant": (lambda: rule_lines(SEVEN, 30, slope=0.06, line=170), "seven"),
    "squared": (lambda: rule_lines(SEVEN, 24, squared=True, line=110), "seven"),
    "squared, barred": (lambda: rule_lines(BARRED_SEVEN, 20, squared=True, line=110), "barred"),
    "squared aslant": (lambda: rule_lines(SEVEN, 24, squared=True, slope=0.04, line=150), "seven"),
    "shadow from the right": (lambda: shade(np.where(COLUMNS > 100, 0.5, 1)), "seven"),
    "shadow from below": (lambda: shade(np.where(ROWS > 90, 0.5, 1)), "seven"),
    "shadow of a corner": (lambda: shade(np.where(ROWS + COLUMNS > 210, 0.45, 1)), "seven"),
    "darker and darker": (lambda: shade(1 - 0.7 * ROWS / 200), "seven"),
    "bright on dark": (lambda: 255 - add_noise(draw_strokes(SEVEN)), "seven"),
    "pencil": (lambda: add_noise(draw_strokes(SEVEN, ink=170)), "seven"),
    "blue on yellow": (lambda: add_noise(draw_strokes(SEVEN, (200, 200), (30, 40, 160), (240, 230, 120), mode="RGB")), "seven"),
    "red on green as bright": (
        lambda: add_noise(draw_strokes(SEVEN, (200, 200), (200, 60, 60), (60, 130, 60), mode="RGB")),
        "seven",
    ),
    "yellow on white": (
        lambda: add_noise(draw_strokes(SEVEN, ink=(250, 230, 80), paper=(250, 250, 250), mode="RGB")),
        "seven",
    ),
    "specks": (lambda: scatter(SEVEN, 30, 2), "seven"),
    "grain": (lambda: add_noise(draw_strokes(SEVEN), 20), "seven"),
}


@pytest.mark.parametrize("paper", PAPERS)
def test_paper_and_ink_do_not_matter(paper: str, plain: dict[str, NDArray[np.uint8]]) -> None:
    make, glyph = PAPERS[paper]
    prepared = prepare_picture(make())
    assert prepared.digits_found == 1
    assert alike(prepared.image, plain[glyph]) > 0.9
    assert max(plain, key=lambda name: alike(prepared.image, plain[name])) == glyph


@pytest.mark.parametrize("width", [1, 2, 4, 16, 24])
def test_thin_and_fat_pens_draw_the_same_digit(width: int) -> None:
    """The digits have the same size, although a fat pen reaches further out."""
    prepared = prepare_picture(add_noise(draw_strokes(SEVEN, width=width))).image
    other = prepare_picture(add_noise(draw_strokes(SEVEN, width=8))).image
    assert alike(ndimage.gaussian_filter(prepared.astype(float), 1.5), ndimage.gaussian_filter(other.astype(float), 1.5)) > 0.85


@pytest.mark.parametrize(("right", "down"), [(-67, 0), (67, 0), (0, -46), (0, 46), (-67, -46), (67, 46)])
def test_digits_at_the_rim(right: int, down: int) -> None:
    prepared = prepare_picture(add_noise(draw_strokes(move_strokes(SEVEN, right, down))))
    assert prepared.digits_found == 1
    assert alike(prepared.image, prepare_picture(add_noise(draw_strokes(SEVEN))).image) > 0.7


def test_flag_of_a_five_is_kept_where_it_is() -> None:
    with_flag, without = (prepare_picture(add_noise(draw_strokes(strokes))).image for strokes in ([*FIVE, *FLAG], FIVE))
    rows = np.flatnonzero(with_flag.any(1))
    assert with_flag[rows[0] : rows[0] + 3, 14:20].max() > 200
    assert alike(with_flag, without) < 0.9


def test_both_strokes_of_a_four_that_do_not_touch() -> None:
    apart: Strokes = [[(85, 45), (70, 105), (112, 105)], [(125, 55), (123, 155)]]
    prepared = prepare_picture(add_noise(draw_strokes(apart)))
    assert prepared.digits_found == 1
    _, strokes = ndimage.label(prepared.image > 100, np.ones((3, 3)))
    assert strokes <= 2
    rows, columns = np.nonzero(prepared.image > 100)
    assert rows[columns >= columns.max() - 1].min() <= 8
    assert np.ptp(rows) == 19
    assert np.ptp(columns) > 9


@pytest.mark.parametrize(
    ("glyphs", "digits_found"),
    [
        ([(SEVEN, 0, 1.0), (FOUR, 80, 1.0)], 2),
        ([(SEVEN, 0, 1.0), (SEVEN, 85, 1.0)], 2),
        ([([*FIVE, *FLAG], 0, 1.0), (FOUR, 90, 1.0)], 2),
        ([(SEVEN, 0, 1.0), (FOUR, 85, 1.0), ([*FIVE, *FLAG], 175, 1.0)], 3),
        ([(SEVEN, -20, 1.3), (FOUR, 120, 1.0), (FOUR, 220, 1.0)], 3),
    ],
)
def test_digits_side_by_side_are_counted_and_one_is_shown(
    glyphs: list[tuple[Strokes, float, float]], digits_found: int
) -> None:
    strokes = [stroke for glyph, right, scale in glyphs for stroke in move_strokes(glyph, right, 0, scale)]
    prepared = prepare_picture(add_noise(draw_strokes(strokes, (380, 220))))
    assert prepared.digits_found == digits_found
    alone = [prepare_picture(add_noise(draw_strokes(move_strokes(glyph, 0, 0, scale)))).image for glyph, _, scale in glyphs]
    # a digit may move by a pixel, because its box may end in another row of pixels
    shown, *others = (ndimage.gaussian_filter(image.astype(float), 1.5) for image in (prepared.image, *alone))
    assert max(alike(shown, other) for other in others) > 0.9


def test_the_largest_of_several_is_shown() -> None:
    both = draw_strokes([*move_strokes(SEVEN, 0), *move_strokes(FOUR, 110, 40, 0.6)], (300, 200))
    prepared = prepare_picture(add_noise(both))
    assert prepared.digits_found == 2
    assert alike(prepared.image, prepare_picture(add_noise(draw_strokes(SEVEN))).image) > 0.9


@pytest.mark.parametrize("deviation", [0.5, 3, 12])
def test_blank_paper_holds_no_ink(deviation: float) -> None:
    with pytest.raises(PictureError, match="holds no ink"):
        prepare_picture(add_noise(np.full((200, 200), 220.0), deviation))


@pytest.mark.parametrize("width", [1, 2, 3, 7, 20])
def test_width_of_strokes(width: int) -> None:
    mask = np.zeros((120, 200), bool)
    mask[50 : 50 + width, 20:180] = True
    assert 0.95 * width <= measure_stroke_width(mask) <= width + 1.5
    assert measure_stroke_width(np.zeros((5, 5), bool)) == 0


def test_even_light_is_the_share_of_light_that_ink_takes() -> None:
    grey = np.full((60, 60), 200, np.float32)
    grey[:, 30:] = 100
    grey[20:40, 14:18] *= 0.25
    grey[20:40, 44:48] *= 0.25
    ink = normalise_illumination(grey, 15)
    for columns in (slice(14, 18), slice(44, 48)):
        assert ink[20:40, columns] == pytest.approx(0.75, abs=1e-5)
    assert ink.sum() == pytest.approx(0.75 * 160, rel=1e-4)


def test_faint_ends_of_strong_strokes_are_ink_and_faint_specks_are_not() -> None:
    ink = np.zeros((40, 60), np.float32)
    ink[20, 5:20] = 1
    ink[20, 20:30] = 0.5
    ink[30, 40:50] = 0.5
    parts, level = threshold_ink(ink)
    mask = parts.mask
    assert level == pytest.approx(1, abs=0.002)
    assert mask[20, 5:30].all()
    assert not mask[30].any()
    parts, level = threshold_ink(np.zeros((9, 9), np.float32))
    mask = parts.mask
    assert level == 0
    assert not mask.any()


def test_lines_go_and_what_crosses_them_stays() -> None:
    mask = np.zeros((100, 160), bool)
    mask[20:80, 70:76] = True
    stroke = mask.copy()
    mask[30] = mask[60] = True
    mask[:, 20] = True
    cleaned = remove_ruled_lines(mask)
    assert (cleaned & ~stroke).sum() == 0
    assert (stroke & ~cleaned).sum() < 0.05 * stroke.sum()
    bar = stroke.copy()
    bar[45:50, 50:110] = True
    assert (remove_ruled_lines(bar) == bar).all()


def test_pieces_are_joined_and_neighbours_are_not() -> None:
    def count(*boxes: tuple[int, int, int, int]) -> int:
        mask = np.zeros((120, 200), bool)
        for top, bottom, left, right in boxes:
            mask[top:bottom, left:right] = True
        labels, groups = group_strokes(label_parts(mask))
        assert (labels > 0).sum() == mask.sum()
        assert set(np.unique(labels[mask])) == {i + 1 for i, group in enumerate(groups) if group is not None}
        return len([group for group in groups if group is not None])

    assert count((20, 100, 30, 36)) == 1
    assert count((20, 100, 30, 36), (14, 18, 34, 60)) == 1  # a flag
    assert count((20, 100, 30, 36), (20, 100, 48, 54)) == 2  # two ones
    ring = ((20, 26, 30, 90), (94, 100, 30, 90), (20, 100, 30, 36), (20, 100, 84, 90))
    assert count(*ring, (20, 100, 102, 108)) == 2  # a one beside a nought
    assert count((20, 100, 30, 36), (40, 44, 140, 160)) == 2  # far away
    assert count() == 0


def test_steps_show_the_way() -> None:
    prepared = prepare_picture(rule_lines(SEVEN, 30))
    lined, digit = prepared.steps["ink"], prepared.steps["digit"]
    assert digit.sum() < lined.sum()
    assert not (digit & ~ndimage.binary_dilation(lined, iterations=2)).any()
