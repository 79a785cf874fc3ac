"""benchmarks/simulation.py and its parts: simulated pictures show what they say, and a seed always gives the same ones."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from answering import Answered
from before_after import Pair, choose_parts, summarise
from cuts import WIDEST, cut_close
from doubts import DOUBTFUL, draw_column
from flat import draw, fills_box, make_full_bleed, make_tiny, move_along, scan
from forms import FORMS, write_form
from inks import Grey, Ink, count_pieces
from paper import photograph
from parts import find_side, generate_middling, generate_small, list_parts
from seesum.base.errors import InputError
from simulation import EVERYDAY, KINDS, simulate, simulate_doubtful
from trials import check_run
from ways import STEPS, WAYS, switch_off


def write_ring(size: int, width: float | None) -> Grey:
    """Return a ring as ink: a figure that is as wide as it is high."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    distance = np.hypot(x, y)
    return np.where((distance <= 1) & (distance >= 1 - 2 * (width or 0.1)), 1.0, 0.0)


RING: Ink = write_ring


def read_pixels(picture: Image.Image | bytes) -> Grey:
    """Return the grey levels of a picture on white paper."""
    image = (Image.open(io.BytesIO(picture)) if isinstance(picture, bytes) else picture).convert("RGBA")
    paper = Image.new("RGBA", image.size, "white")
    paper.alpha_composite(image)
    return np.asarray(paper.convert("L"), float)


@pytest.mark.parametrize(("kind", "digits"), [("photos", "29"), ("scans", "8140"), ("drawings", "5459"), ("small", "7150")])
def test_a_seed_gives_the_digits_that_results_were_measured_on(kind: str, digits: str) -> None:
    shown = simulate(kind, len(digits), 1)
    assert "".join(str(one.digit) for one in shown) == digits


@pytest.mark.parametrize("kind", EVERYDAY)
def test_a_seed_gives_the_same_pictures_of_forms(kind: str) -> None:
    first, again = simulate(kind, 1, 5, "forms"), simulate(kind, 1, 5, "forms")
    assert np.array_equal(read_pixels(first[0].picture), read_pixels(again[0].picture))
    assert first[0].digit == again[0].digit
    assert first[0].digit in FORMS


def test_the_place_of_ink_in_a_photo_is_known() -> None:
    found = 0
    for seed in range(3):
        plate = photograph(RING, np.random.default_rng(seed))
        ink = ndimage.binary_erosion(plate.ink > 0.5, iterations=2)
        near = ndimage.binary_dilation(plate.ink > 0.1, iterations=12) & ~ndimage.binary_dilation(plate.ink > 0.1, iterations=4)
        grey = plate.pixels.mean(2)
        found += abs(np.median(grey[ink]) - np.median(grey[near])) > 15 if ink.any() else 1
    assert found == 3


@pytest.mark.parametrize("make", [scan, draw])
def test_the_place_of_ink_without_a_camera_is_known(make: object) -> None:
    assert callable(make)
    plate = make(RING, np.random.default_rng(3))
    pixels = read_pixels(Image.fromarray(plate.pixels))
    assert abs(np.corrcoef(pixels.ravel(), plate.ink.ravel())[0, 1]) > 0.9


def test_pictures_cut_close_have_a_margin_of_at_most_a_tenth() -> None:
    rng = np.random.default_rng(0)
    pictures = [cut_close(RING, rng) for _ in range(12)]
    assert {type(one) for one in pictures} == {bytes, Image.Image}
    margins = []
    for grey in (read_pixels(one) for one in pictures if isinstance(one, Image.Image)):
        ink = np.abs(grey - grey[0, 0]) > np.ptp(grey) / 2  # the corners of a ring's box are paper
        lines = [np.flatnonzero(ink.any(axis)) for axis in (0, 1)]
        size = max(line[-1] - line[0] + 1 for line in lines)
        gaps = [gap for line, length in zip(lines, grey.shape[::-1], strict=True) for gap in (line[0], length - 1 - line[-1])]
        assert max(gaps) <= WIDEST * size + 2
        margins.append(min(gaps) / size)
    assert min(margins) < 0.02


def test_drawings_touch_the_rim() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        grey = read_pixels(make_full_bleed(RING, rng))
        assert any(np.ptp(line) > 50 for line in (grey[0], grey[-1], grey[:, 0], grey[:, -1]))


@pytest.mark.parametrize(("start", "canvas"), [(-20, 100), (20, 100), (-5, 90), (-1, 102), (3, 120)])
def test_a_digit_loses_little_beyond_the_canvas(start: int, canvas: int) -> None:
    ink = write_ring(100, 0.1)
    for axis in (0, 1):
        moved = move_along(ink, axis, start, canvas)
        assert 0.9 * ink.sum() <= moved.sum() <= ink.sum()
        assert moved.shape[axis] >= min(canvas, 90)


def test_tiny_pictures_are_of_all_sorts() -> None:
    rng = np.random.default_rng(0)
    pictures = [read_pixels(make_tiny(RING, rng)) for _ in range(40)]
    sides = [max(one.shape) for one in pictures]
    assert min(sides) >= 8
    assert max(sides) <= 42
    assert {len(np.unique(one)) == 2 for one in pictures} == {True, False}
    middles = [one[one.shape[0] // 2, one.shape[1] // 2] > 127 for one in pictures if max(one.shape) > 12]
    assert set(middles) == {True, False}, "both polarities"


def test_a_bar_keeps_paper_beside_it() -> None:
    bar = np.ones((100, 12))
    assert fills_box(bar)
    rng = np.random.default_rng(0)
    for make in (cut_close, make_full_bleed, make_tiny):
        for _ in range(4):
            assert np.ptp(read_pixels(make(lambda size, _: np.ones((size, max(1, size // 8))), rng))) > 20


def test_forms_keep_their_shape_with_a_thick_pen() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        ink_of, digit = write_form(rng)
        ink = ink_of(200, 0.3)
        assert digit in FORMS
        assert max(ink.shape) == 200
        assert count_pieces(ink > 0.5)[0] <= 3
        assert not fills_box(ink)


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_doubtful_pictures_have_no_digit(kind: str) -> None:
    (shown,) = simulate_doubtful(kind, 1, 2)
    assert shown.digit == -1
    assert min(read_pixels(shown.picture).shape) > 8


def test_a_column_holds_several_digits() -> None:
    for seed in range(4):
        ink = draw_column(np.random.default_rng(seed))(120, 0.08)
        assert ink.shape[0] > ink.shape[1]
        assert count_pieces(ink > 0.5)[0] >= 2


def test_groups_for_speed_hold_pictures_of_their_sizes() -> None:
    small, middling = generate_small(0), generate_middling(0)
    sides = [find_side(next(small).picture) for _ in range(4)]
    assert sides[::2] == [28] * 2
    assert max(sides) <= 64
    assert all(65 <= find_side(next(middling).picture) <= 400 for _ in range(3))


def test_every_kind_is_a_part() -> None:
    names = {part.name for part in list_parts().values()}
    assert names >= {*EVERYDAY, *DOUBTFUL}
    assert any(name.endswith("large photos") for name in names)
    assert set(KINDS) - set(EVERYDAY) == {"large photos"}


def answer(digit: int | None, accepted: bool, truth: int, ms: float = 1.0) -> Answered:
    return Answered({"digit": digit, "accepted": accepted, "crashed": False, "decoding_ms": 0.5, "ms": ms}, truth)


def test_a_comparison_counts_what_changed() -> None:
    pairs = [
        Pair(answer(3, True, 3, 10), answer(3, True, 3, 1), False),
        Pair(answer(5, True, 3, 30), answer(3, False, 3, 3), False),
        Pair(answer(3, False, 3, 20), answer(None, False, 3, 2), False),
        Pair(answer(1, False, 3, 20), answer(3, True, 3, 2), False),
    ]
    row = summarise(pairs)
    assert (row["right_before"], row["right_after"], row["won"], row["lost"]) == ("50.00", "75.00", 2, 1)
    assert (row["accepted_before"], row["right_of_accepted_before"]) == ("50.00", "50.00")
    assert (row["ms_before"], row["ms_after"], row["decoding_ms_after"]) == ("20.00", "2.00", "0.50")


def test_of_pictures_without_a_digit_unsure_answers_are_right() -> None:
    won = Pair(answer(3, True, -1), answer(3, False, -1), True)
    lost = Pair(answer(None, False, -1), answer(4, True, -1), True)
    row = summarise([won, lost])
    assert (row["right_before"], row["right_after"], row["won"], row["lost"]) == ("50.00", "50.00", 1, 1)
    assert row["right_of_accepted_after"] == ""


def test_a_comparison_refuses_parts_that_do_not_exist() -> None:
    with pytest.raises(InputError, match="no part has 'nothing' in its name; --list shows the names"):
        choose_parts(["nothing"])
    assert {part.name for part in choose_parts(["tiny", "blank"])} == {"tiny", "blank"}


def test_a_network_that_has_seen_the_digits_is_allowed_only_on_demand() -> None:
    with pytest.raises(InputError, match="fast was trained on images that are simulated here"):
        check_run("fast")
    assert check_run("fast", seen=True).recipe.system == "fast"


def test_every_step_can_be_switched_off() -> None:
    (shown,) = simulate("scans", 1, 1)
    before = WAYS["prepare_picture"](shown.picture).image
    changed = 0
    for step in STEPS:
        with switch_off(step):
            changed += not np.array_equal(WAYS["prepare_picture"](shown.picture).image, before)
    assert changed > 0
    assert np.array_equal(WAYS["prepare_picture"](shown.picture).image, before), "steps are switched on again"
