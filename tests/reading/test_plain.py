"""reading/plain.py: the digit on plain paper, wherever the picture ends; desks, shadows and lines are left to the search."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from digits import BARRED_SEVEN, FIVE, FLAG, FOUR, SEVEN, Strokes, alike, draw_strokes, move_strokes
from seesum.reading.plain import find_plain
from seesum.reading.preprocessing import prepare_picture

Levels = NDArray[np.float32]
GLYPHS: dict[str, Strokes] = {"seven": SEVEN, "barred": BARRED_SEVEN, "four": FOUR, "five": [*FIVE, *FLAG]}
ROWS, COLUMNS = np.mgrid[:220, :300]


def blur(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(ndimage.gaussian_filter(image.astype(float), 0.7))


def draw_eight() -> Image.Image:
    image = Image.new("L", (200, 200), 235)
    pen = ImageDraw.Draw(image)
    pen.ellipse((70, 40, 130, 95), outline=20, width=8)
    pen.ellipse((62, 90, 138, 160), outline=20, width=8)
    return image


def draw_levels(name: str) -> NDArray[np.uint8]:
    return np.asarray(draw_eight() if name == "eight" else draw_strokes(GLYPHS[name]))


def cut(levels: NDArray[np.uint8], margin: float, *sides: str) -> NDArray[np.uint8]:
    """Cut a picture so many shares of the digit's size away from its ink (negative: into it), on all sides or on some."""
    rows, columns = np.nonzero(levels < 128)
    size = max(np.ptp(rows), np.ptp(columns))
    top, bottom, left, right = (
        round((margin if side in sides or not sides else 0.2) * size) for side in ("top", "bottom", "left", "right")
    )
    return levels[max(0, rows.min() - top) : rows.max() + 1 + bottom, max(0, columns.min() - left) : columns.max() + 1 + right]


@pytest.mark.parametrize("name", [*GLYPHS, "eight"])
@pytest.mark.parametrize("margin", [0, 0.02, 0.05, 0.1])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_picture_that_was_cut_close_gives_the_image_of_a_wide_one(name: str, margin: float, inverted: bool) -> None:
    levels = draw_levels(name)
    close = cut(levels, margin)
    close = 255 - close if inverted else close
    (found,) = find_plain(close.astype(np.float32))
    assert found.bright == inverted
    prepared = prepare_picture(close)
    assert prepared.digits_found == 1
    assert prepared.others == ()
    assert alike(blur(prepared.image), blur(prepare_picture(levels).image)) > 0.92


@pytest.mark.parametrize("name", ["seven", "barred", "four", "eight"])
@pytest.mark.parametrize("sides", [("left",), ("right",), ("top",), ("bottom",), ("left", "right"), ("top", "bottom")])
def test_a_drawing_that_leaves_the_canvas_gives_nearly_the_same(name: str, sides: tuple[str, ...]) -> None:
    levels = draw_levels(name)
    out = cut(levels, -0.05, *sides)
    assert len(find_plain(out.astype(np.float32))) == 1
    prepared = prepare_picture(out)
    assert prepared.digits_found == 1
    whole, rest = (ndimage.gaussian_filter(one.image.astype(float), 1.5) for one in (prepare_picture(levels), prepared))
    assert alike(rest, whole) > 0.84


def draw_scene(name: str, ink: int = 60) -> Levels:
    """Return a 7 on paper of 220 x 300 pixels, with something else in the picture."""
    page = np.array(draw_strokes(SEVEN, (300, 220), ink, 220), float)
    aslant = COLUMNS + 0.1 * ROWS
    scenes = {
        "paper": page,
        "strip on the right": np.where(COLUMNS > 280, 60, page),
        "strip on the left, aslant": np.where(aslant < 30, 60, page),
        "strip at the top": np.where(ROWS < 16, 60, page),
        "strip at the bottom": np.where(ROWS > 200, 60, page),
        "bright desk": np.where(COLUMNS > 280, 255, np.where(page < 150, 60, 180)),
        "L": np.where((COLUMNS > 270) | (ROWS > 195), 60, page),
        "frame": np.where((COLUMNS > 280) | (ROWS > 200) | (COLUMNS < 20) | (ROWS < 20), 60, page),
        "thin frame": np.where((COLUMNS > 293) | (ROWS > 213) | (COLUMNS < 6) | (ROWS < 6), 60, page),
        "page corner": np.where(ROWS + COLUMNS > 440, 60, page),
        "other page corner": np.where(ROWS + COLUMNS < 60, 60, page),
        "shadow beside it": page * np.where(COLUMNS > 200, 0.6, 1),
        "shadow across it": page * np.where(COLUMNS > 100, 0.6, 1),
        "soft shadow": page * (1 - 0.4 / (1 + np.exp(-(COLUMNS - 200) / 4))),
        "ruled": np.where(ROWS % 30 < 2, np.minimum(page, 100), page),
        "squared": np.where((ROWS % 24 < 2) | (COLUMNS % 24 < 2), np.minimum(page, 110), page),
        "light from the left": page * (1 - 0.5 * COLUMNS / 300),
        "light from above": page * (1 - 0.6 * ROWS / 220),
        "vignette": page * (1 - 0.3 * (COLUMNS / 150 - 1) ** 2 - 0.2 * ROWS / 220),
    }
    grain = np.random.default_rng(0).normal(0, 2, page.shape)
    return np.asarray((ndimage.gaussian_filter(scenes[name], 0.7) + grain).clip(0, 255), np.float32)


UNEVEN = ["light from the left", "light from above", "vignette"]
OTHER = [
    *("strip on the right", "strip on the left, aslant", "strip at the top", "strip at the bottom", "bright desk"),
    *("L", "frame", "thin frame", "page corner", "other page corner"),
    *("shadow beside it", "shadow across it", "soft shadow", "ruled", "squared"),
]


@pytest.mark.parametrize("name", OTHER)
@pytest.mark.parametrize("inverted", [False, True])
def test_desks_and_shadows_and_lines_are_not_plain_and_the_digit_is_found_all_the_same(name: str, inverted: bool) -> None:
    levels = draw_scene(name)
    levels = 255 - levels if inverted else levels
    assert find_plain(levels) == []
    prepared = prepare_picture(levels.astype(np.uint8))
    assert prepared.digits_found == 1
    assert alike(blur(prepared.image), blur(prepare_picture(draw_scene("paper").astype(np.uint8)).image)) > 0.9


@pytest.mark.parametrize("name", UNEVEN)
@pytest.mark.parametrize("inverted", [False, True])
def test_a_gradient_of_light_makes_no_difference(name: str, inverted: bool) -> None:
    levels = draw_scene(name)
    levels = 255 - levels if inverted else levels
    (found,) = find_plain(levels)
    (even,) = find_plain(draw_scene("paper"))
    assert found.shares(even) > 0.9
    image = prepare_picture(levels.astype(np.uint8)).image
    assert alike(image, prepare_picture(draw_scene("paper").astype(np.uint8)).image) > 0.93


@pytest.mark.parametrize("name", OTHER)
def test_what_lies_around_a_digit_is_none(name: str) -> None:
    """The same scenes without a 7 are not answered as a digit."""
    assert find_plain(draw_scene(name, ink=220)) == []


def test_two_digits_are_left_to_the_search() -> None:
    both = np.asarray(draw_strokes([*SEVEN, *move_strokes(FOUR, 110)], (300, 220)))
    assert find_plain(both.astype(np.float32)) == []
    assert prepare_picture(both).digits_found == 2


def test_dust_and_faint_lines_are_no_ink() -> None:
    page = np.array(draw_strokes(SEVEN, (300, 220)))
    clean = prepare_picture(page).image
    page[10:12, 20:22] = page[200:202, 250:252] = 30
    page[::30] = np.minimum(page[::30], 225)
    assert len(find_plain(page.astype(np.float32))) == 1
    assert alike(prepare_picture(page).image, clean) > 0.98


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 2), (5, 5), (7, 300), (300, 7), (8, 8), (96, 96), (200, 300)])
@pytest.mark.parametrize("level", [0, 7, 255])
def test_pictures_of_one_level_hold_no_digit(shape: tuple[int, int], level: int) -> None:
    assert find_plain(np.full(shape, level, np.float32)) == []


@pytest.mark.parametrize("shape", [(1, 50), (50, 1), (2, 2), (8, 8), (9, 60), (60, 9), (40, 40), (96, 96), (200, 300)])
def test_noise_and_single_pixels_hold_no_digit_and_do_no_harm(shape: tuple[int, int]) -> None:
    with np.errstate(all="raise", under="ignore"):
        for seed in range(3):
            assert len(find_plain(np.random.default_rng(seed).uniform(0, 255, shape).astype(np.float32))) <= 2
        dot = np.full(shape, 200, np.float32)
        dot[shape[0] // 2, shape[1] // 2] = 10
        assert len(find_plain(dot)) <= 2
        assert len(find_plain(255 - dot)) <= 2
