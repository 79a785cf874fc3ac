"""data/glyphs.py and data/rendering.py: synthetic images are fitted and centred like MNIST's, and depend only on the seed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from seesum.data.glyphs import DIGITS, OTHERS
from seesum.data.idx import BOX, SIDE
from seesum.data.rendering import TRACE, render_blots, render_digits, render_non_digits, render_traces, trace_glyph


def test_the_same_seed_renders_the_same_images() -> None:
    first, again, other = (render_digits(60, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.digits, again.digits)
    assert not np.array_equal(first.images, other.images)
    others = [render_non_digits(60, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert np.array_equal(others[0], others[1])
    assert not np.array_equal(others[0], others[2])


@pytest.mark.parametrize("count", [0, 1, 17, 200])
def test_the_number_of_images(count: int) -> None:
    rng = np.random.default_rng(0)
    labelled = render_digits(count, rng)
    assert labelled.images.shape == render_non_digits(count, rng).shape == (count, SIDE, SIDE)
    assert labelled.images.dtype == np.uint8
    assert labelled.digits.shape == (count,)


def test_ink_is_fitted_and_centred() -> None:
    labelled = render_digits(400, np.random.default_rng(0))
    assert set(labelled.digits.tolist()) == set(range(10))
    for image in labelled.images:
        rows, columns = np.nonzero(image > 127)
        longer = max(np.ptp(rows), np.ptp(columns)) + 1
        assert BOX - 2 <= longer <= BOX
        assert image.max() == 255
        rows, columns = np.nonzero(image)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 <= BOX
        assert np.abs(np.array(ndimage.center_of_mass(image)) - SIDE / 2).max() <= 0.51


def test_the_whole_width_of_the_pen_is_fitted() -> None:
    line = np.stack([np.linspace(0, 100, TRACE), np.zeros(TRACE)], 1).astype(np.float32)
    images = render_traces(np.repeat(line[None], 50, 0), np.random.default_rng(0)).astype(float)
    columns = images.sum(1)
    first = np.take_along_axis(columns, (columns > 0).argmax(1)[:, None], 1)[:, 0]
    assert (first / columns[:, 13]).mean() < 0.85, "ends are round, and not cut off"


def test_blots_are_of_every_kind() -> None:
    images = render_blots(300, np.random.default_rng(0))
    assert 0 < (images.max((1, 2)) == 0).sum() < 15, "hardly any is blank"
    assert len(np.unique(images)) > 200


def test_a_curve_goes_through_its_points_and_turns_at_corners() -> None:
    rng = np.random.default_rng(0)
    (curve,) = trace_glyph("0,0 100,0! 100,100", 1, 101, rng)
    (smooth,) = trace_glyph("0,0 100,0 100,100", 1, 101, rng)
    corner = np.abs(curve - (100, 0)).sum(1).min()
    assert corner < 25  # the points move randomly by a few hundredths
    assert np.ptp(curve[:45, 1]) < 12, "straight up to the corner"
    assert np.ptp(smooth[:45, 1]) > np.ptp(curve[:45, 1])


def test_a_single_point_is_a_dot() -> None:
    (image,) = render_traces(np.zeros((1, 4, 2), np.float32), np.random.default_rng(0))
    assert 0 < np.count_nonzero(image) < 40


def test_every_digit_has_enough_glyphs() -> None:
    assert set(DIGITS) == set(range(10))
    assert all(len(glyphs) >= 8 for glyphs in DIGITS.values())
    everything = [glyph for glyphs in DIGITS.values() for glyph in glyphs] + list(OTHERS)
    assert len(set(everything)) == len(everything)
    for glyph in everything:
        assert np.isfinite(trace_glyph(glyph, 2, 50, np.random.default_rng(0))).all()


def test_no_glyph_is_another_digit_or_a_figure() -> None:
    kinds, curves = [], []
    for kind, glyphs in enumerate([*DIGITS.values(), OTHERS]):
        for glyph in glyphs:
            curve = trace_glyph(glyph, 40, 96, np.random.default_rng(0)).mean(0)
            lowest, highest = curve.min(0), curve.max(0)
            curves.append((curve - (lowest + highest) / 2) * (100 / np.ptp(curve, axis=0).max()))
            kinds.append(kind)
    points = np.concatenate(curves) @ (1, 1j)  # complex numbers: a distance is one subtraction
    gaps = [np.abs(points[:, None] - curve[::6] @ (1, 1j)).reshape(len(curves), 96, -1).min(1) for curve in curves]
    away = np.mean(gaps, 2)  # how far the first lies from the second, in hundredths
    away = np.maximum(away, away.T)
    one, other = np.nonzero((away < 2.4) & (np.array(kinds)[:, None] != kinds))
    assert not one.size, [(kinds[first], kinds[second]) for first, second in zip(one, other, strict=True)]
