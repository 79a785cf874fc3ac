"""reading/widths.py: thin strokes become wider and thick ones thinner, and what was open stays open."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from digits import FOUR, SEVEN, Strokes, draw_strokes, move_strokes
from seesum.data.idx import BOX
from seesum.reading.preprocessing import centre_by_mass, fit_into_box, prepare_picture
from seesum.reading.segmentation import measure_stroke_width
from seesum.reading.widths import GAP, THICKEST, THINNEST, normalise_stroke_width

Ink = NDArray[np.float32]


def circle(x: float, y: float, radius: float, start: float = 0, stop: float = 360) -> list[tuple[float, float]]:
    turns = np.radians(np.linspace(start, stop, 60))
    return [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]


HOOKED: Strokes = [[(76, 88), (84, 82), (108, 52), (108, 150)]]
OPEN_FOUR: Strokes = [[(82, 52), (80, 102), (124, 102)], [(124, 52), (124, 150)]]
OPEN_SIX: Strokes = [[(112, 48), (84, 84), *circle(100, 124, 26, 200, 490)]]
EIGHT: Strokes = [circle(100, 77, 19), circle(100, 122, 27)]
SMALL_LOOPS: Strokes = [circle(100, 66, 14), circle(100, 100, 21), [(100, 120), (100, 150)]]
SHAPES = {
    "a hooked 1": HOOKED,
    "an open 4": OPEN_FOUR,
    "an open 6": OPEN_SIX,
    "an 8": EIGHT,
    "small loops on a stem": SMALL_LOOPS,
    "a 7": SEVEN,
    "a 4 of two strokes": FOUR,
}


def ink_shape(strokes: Strokes, width: float) -> Ink:
    """Return ink 0..1 of strokes whose longer side is 96 pixels, as all digits have on their way."""
    large = np.asarray(draw_strokes(move_strokes(strokes, 0, 0, 4), (800, 800), 255, 0, round(4 * width)), np.float32) / 255
    rows, columns = (np.flatnonzero(large.any(axis)) for axis in (1, 0))
    box = Image.fromarray(large[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    share = 96 / max(box.size)
    return np.pad(np.asarray(box.resize((round(box.width * share), round(box.height * share)), Image.Resampling.BOX)), 8)


def count_enclosed(ink: NDArray[np.floating] | NDArray[np.uint8]) -> int:
    """Return how many pieces of paper are enclosed by ink: more than a speck in an acute corner."""
    labels, _ = ndimage.label(np.pad(ink <= ink.max() / 2, 1, constant_values=True))
    return int((np.bincount(labels.ravel())[2:] > ink.size / 200).sum())


def finish(strokes: Ink) -> NDArray[np.uint8]:
    return centre_by_mass(fit_into_box(strokes))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("width", [2, 3, 5])
def test_widening_neither_closes_a_gap_nor_fills_a_loop(name: str, width: int) -> None:
    ink = ink_shape(SHAPES[name], width)
    wider = normalise_stroke_width(ink, ink > 0.3)
    assert count_enclosed(wider) == count_enclosed(ink)
    assert count_enclosed(finish(wider)) == count_enclosed(ink)


@pytest.mark.parametrize("hook", range(21, 60, 3))
def test_a_hooked_one_stays_open_however_close_its_hook_is(hook: int) -> None:
    strokes: Strokes = [[(108 - hook, 100), (108 - hook / 2, 70), (108, 50), (108, 150)]]
    ink = ink_shape(strokes, 2.5)
    wider = normalise_stroke_width(ink, ink > 0.3)
    assert count_enclosed(wider) == 0
    assert count_enclosed(finish(wider)) == 0


def test_two_strokes_keep_the_paper_between_them() -> None:
    unit = (100 + 4) / BOX
    for distance in range(3, 40):
        ink = np.zeros((116, 60), np.float32)
        ink[8:108, 10:12] = ink[8:108, 12 + distance : 14 + distance] = 1
        across = normalise_stroke_width(ink, ink > 0.5).mean(0) > 0.5 * 100 / 135
        left, right = np.flatnonzero(across)[0], np.flatnonzero(across)[-1]
        paper = int((~across[left:right]).sum())
        assert paper >= min(distance, GAP * unit - 2), distance


@pytest.mark.parametrize("width", [1.5, 3, 5, 8])
def test_widening_happens_where_there_is_room(width: float) -> None:
    ink = ink_shape(SEVEN, width)
    wider = normalise_stroke_width(ink, ink > 0.3)
    unit = (max(ink.shape) - 16 + 4) / BOX
    assert measure_stroke_width(wider > 0.5) == pytest.approx(THINNEST * unit, rel=0.2)
    assert measure_stroke_width(wider > 0.5) > measure_stroke_width(ink > 0.5) + 1


@pytest.mark.parametrize("width", [35, 40, 45])
def test_thick_strokes_become_thinner(width: int) -> None:
    ink = ink_shape(SEVEN, width)
    thinner = normalise_stroke_width(ink, ink > 0.3)
    unit = (max(ink.shape) - 16 + 4) / BOX
    assert measure_stroke_width(ink > 0.5) > 1.1 * THICKEST * unit
    assert measure_stroke_width(thinner > 0.5) == pytest.approx(THICKEST * unit, rel=0.12)


def test_usual_strokes_stay_as_they_are() -> None:
    ink = ink_shape(SEVEN, 15)
    same = normalise_stroke_width(ink, ink > 0.3)
    assert measure_stroke_width(same > 0.5) == pytest.approx(measure_stroke_width(ink > 0.5), rel=0.02)
    assert (same > 0.5).sum() == (ink > 0.5).sum()


def test_ink_outside_the_mask_goes() -> None:
    ink = ink_shape(SEVEN, 15)
    mask = ink > 0.3
    ink[90:93, 10:13] = 1  # left of the stem
    assert not mask[84:99, 8:18].any()
    evened = normalise_stroke_width(ink, mask)
    assert ndimage.label(evened > 0.3)[1] == 1


def test_ink_that_is_nowhere_strong_still_is_ink() -> None:
    """A ruled line may take the strong pixels of a faint stroke with it. Such ink once ended in an IndexError."""
    mask = np.zeros((100, 100), bool)
    mask[20:80, 50:54] = True
    image = finish(normalise_stroke_width(np.where(mask, 0.45, 0).astype(np.float32), mask))
    assert image.max() == 255
    assert np.ptp(np.nonzero(image)[0]) == 19


@pytest.mark.parametrize("width", [2, 3, 6])
def test_a_thin_pen_keeps_loops_and_gaps_in_pictures(width: int) -> None:
    for name, strokes in SHAPES.items():
        picture = draw_strokes(move_strokes(strokes, -100, -100, 2), (200, 200), width=width)
        assert count_enclosed(prepare_picture(picture).image) == count_enclosed(255 - np.asarray(picture)), name


def test_a_blot_gets_no_hole() -> None:
    image = Image.new("L", (120, 120), 0)
    ImageDraw.Draw(image).ellipse((20, 10, 100, 106), fill=255)
    ink = np.asarray(image, np.float32) / 255
    assert count_enclosed(normalise_stroke_width(np.asarray(ink, np.float32), ink > 0.5)) == 0
