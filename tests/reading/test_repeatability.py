"""The preparation on edges: empty masks, single pixels and lines; and it changes nothing outside and repeats to the bit."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits import FIVE, FLAG, FOUR, SEVEN, draw_strokes, move_strokes
from seesum.reading.candidates import measure_thinness
from seesum.reading.lines import remove_ruled_lines
from seesum.reading.pictures import PictureError
from seesum.reading.preprocessing import Prepared, prepare_picture
from seesum.reading.segmentation import (
    count_levels,
    estimate_background,
    find_deviation,
    find_quantile,
    grow,
    label_parts,
    make_levels,
    measure_noise,
    measure_stroke_width,
    normalise_illumination,
    shrink,
    split_ink,
    split_otsu,
    threshold_ink,
)

SHAPES = [(1, 1), (1, 2), (1, 300), (300, 1), (2, 2), (3, 40)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_planes_of_one_level_hold_no_ink(shape: tuple[int, int], level: float) -> None:
    ink = np.full(shape, level, np.float32)
    with np.errstate(all="raise"):
        for parts, strength in (split_ink(ink), threshold_ink(ink), threshold_ink(ink, np.zeros(shape, bool))):
            assert strength == 0
            assert parts.number == 0
            assert not parts.mask.any()
        parts, strength = threshold_ink(ink, np.ones(shape, bool))
        assert 0 <= strength <= 1.002
        assert parts.mask.shape == shape
        assert not normalise_illumination(ink * 255, 3).any()
        assert (estimate_background(make_levels(ink, 255), 5) == np.float32(round(255 * level))).all()
        assert measure_noise(ink * 255) == 0


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_one_level_has_no_threshold_and_no_deviation(level: int) -> None:
    counts = count_levels(np.full((1, 1), level, np.uint8))
    assert counts.sum() == counts[level] == 1
    assert split_otsu(counts) == 255
    assert find_quantile(counts, 0.5) == level
    assert find_deviation(counts, level) == 0


def test_no_pixels_have_no_levels() -> None:
    none = count_levels(np.full((4, 4), 9, np.uint8), np.zeros((4, 4), bool))
    assert none.sum() == 0
    assert split_otsu(none) == 255
    assert find_quantile(none, 0.5) == find_deviation(none, 3) == 0


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 255), (254, 255), (90, 110)])
def test_two_levels_are_parted_between_them(low: int, high: int) -> None:
    counts = count_levels(np.array([[low] * 5 + [high] * 2], np.uint8))
    assert low < split_otsu(counts) < high


@pytest.mark.parametrize("shape", SHAPES)
def test_masks_without_ink_and_full_of_it(shape: tuple[int, int]) -> None:
    for full in (False, True):
        mask = np.full(shape, full)
        parts = label_parts(mask)
        assert parts.number == int(full)
        assert parts.areas.sum() == mask.sum()
        assert parts.select(np.zeros(parts.number, bool)).number == 0
        assert (grow(mask) == mask).all()
        assert (shrink(mask) == mask).all()
        assert remove_ruled_lines(mask) is mask
        assert (measure_stroke_width(mask) > 0) == full
        assert not full or 0 < measure_thinness(mask) <= 1


def test_parts_are_renumbered_when_some_are_selected() -> None:
    mask = np.zeros((5, 30), bool)
    mask[1, 2:5] = mask[2:4, 10] = mask[4, 20:26] = True
    parts = label_parts(mask)
    kept = parts.select(np.array([True, False, True]))
    assert kept.areas.tolist() == [3, 6]
    assert [int((kept.labels == number).sum()) for number in (0, 1, 2)] == [141, 3, 6]
    assert kept.lefts.tolist() == [2, 20]
    assert parts.select(np.ones(3, bool)) is parts


def make_pictures() -> list[NDArray[Any]]:
    """Return pictures of every kind: plain, on a desk, ruled, coloured, tiny, noisy, two digits and blank."""
    generator = np.random.default_rng(0)
    page = np.asarray(draw_strokes(SEVEN, (300, 220), 60, 220))
    desk, ruled = page.copy(), page.copy()
    desk[:, 270:] = 40
    ruled[::30] = 100
    coloured = np.asarray(draw_strokes(FOUR, (400, 300), (30, 40, 160), (240, 230, 120), mode="RGB"))
    both = np.asarray(draw_strokes([*FIVE, *FLAG, *move_strokes(FOUR, 110)], (300, 220)))
    pictures = [page, 255 - page, desk, ruled, coloured, both, np.asarray(draw_strokes(FOUR).resize((16, 16)))]
    noisy = [(one + generator.normal(0, 6, one.shape)).clip(0, 255).astype(np.uint8) for one in pictures]
    return [*pictures, *noisy, np.full((90, 70), 200, np.uint8)]


def prepare(picture: NDArray[Any]) -> Prepared | str:
    try:
        return prepare_picture(picture)
    except PictureError as error:
        return str(error)


def compare(first: Prepared | str, second: Prepared | str) -> bool:
    if isinstance(first, str) or isinstance(second, str):
        return first == second
    same_steps = list(first.steps) == list(second.steps) and all(
        np.array_equal(step, second.steps[name]) for name, step in first.steps.items()
    )
    return same_steps and np.array_equal(first.image, second.image) and first.digits_found == second.digits_found


def test_nothing_outside_is_changed() -> None:
    def look() -> tuple[Any, ...]:
        state = np.random.get_state()
        settings = cv2.getNumThreads(), cv2.useOptimized(), np.geterr(), np.geterrcall(), warnings.filters[:]
        return *settings, state[1].tolist(), state[2]  # type: ignore[index]

    cv2.setRNGSeed(5)
    low, high = np.zeros(1), np.full(1, 255.0)
    expected = cv2.randu(np.empty((4, 4), np.uint8), low, high).tolist()
    before, pictures = look(), make_pictures()
    copies = [picture.copy() for picture in pictures]
    cv2.setRNGSeed(5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for picture in pictures:
            prepare(picture)
    assert cv2.randu(np.empty((4, 4), np.uint8), low, high).tolist() == expected
    assert look() == before
    assert all(np.array_equal(*pair) for pair in zip(pictures, copies, strict=True))


def test_threads_give_what_one_after_another_gives() -> None:
    pictures = make_pictures()
    alone = [prepare(picture) for picture in pictures]
    assert isinstance(alone[-1], str)
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(prepare, pictures * 2))
    assert all(map(compare, together, alone * 2))


def test_results_do_not_share_memory_with_later_ones() -> None:
    """Tables that are kept between pictures are not handed out."""
    picture = make_pictures()[0]
    first, second = prepare(picture), prepare(picture)
    assert isinstance(first, Prepared)
    first.image[:] = 0
    for name, step in first.steps.items():
        if name != "picture":
            step[:] = 0
    assert isinstance(second, Prepared)
    assert compare(second, prepare(picture))
