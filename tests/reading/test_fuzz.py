"""reading/*.py: pictures changed at random, and arrays of every size, become an image or one sentence, and soon."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import mutations
from mutations import find_fault, make_mutation
from seesum.data.rendering import render_digits
from seesum.reading.preprocessing import prepare_picture

FEW, MORE, MANY = 300, 1_500, 10_000
SEVEN = np.array([[1, 1, 1, 1, 1], [0, 0, 0, 0, 1], [0, 0, 0, 1, 0], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0]], np.uint8)


def test_mutated_pictures(capfd: pytest.CaptureFixture[str]) -> None:
    faults = {number: fault for number in range(FEW) if (fault := find_fault(make_mutation(number)[1]))}
    assert not faults
    assert capfd.readouterr() == ("", ""), "no decoder writes to the terminal"


@pytest.mark.slow
@pytest.mark.parametrize(("first", "end"), [(FEW, MORE), pytest.param(MORE, MANY, marks=pytest.mark.long)])
def test_many_mutated_pictures(first: int, end: int) -> None:
    """A process of its own tries them, so that the number of a picture that kills it is known."""
    command = [sys.executable, "-W", "error", mutations.__file__, str(first), str(end)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"it died of the last one of {lines[-2:]}"
    assert [line for line in lines if not line.endswith(": ")] == []
    assert len(lines) == end - first
    assert done.stderr == "", "no decoder writes to the terminal"


def test_mutations_are_varied_and_repeat() -> None:
    """Most of the whole pictures, and some of the damaged ones, reach the preparation. The rest is refused by a decoder."""
    outcomes = {0: 0, 1: 0}
    kinds = set()
    for number in range(80):
        kind, picture = make_mutation(number)
        kinds.add(kind)
        again = make_mutation(number)[1]
        assert np.array_equal(picture, again) if isinstance(picture, np.ndarray) else picture == again
        try:
            prepare_picture(picture)
        except ValueError as error:
            outcomes[number % 2] += "holds no ink" in str(error)
        else:
            outcomes[number % 2] += 1
    assert kinds == {*(kind for kind, _, _ in mutations.SHAPES), "array"}
    assert outcomes[0] >= 10
    assert outcomes[1] == 40


def put(height: int, width: int, *places: tuple[int, int]) -> NDArray[np.uint8]:
    """Ink at a few places of a black array."""
    array = np.zeros((height, width), np.uint8)
    for place in places:
        array[place] = 255
    return array


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


RIMS = np.pad(np.zeros((50, 60), np.uint8), 4, constant_values=255)
FLOATS = noise(50, 40).astype(float)
ARRAYS: dict[str, Callable[[], NDArray[Any]]] = {
    "all black": lambda: np.zeros((50, 40), np.uint8),
    "all white": lambda: np.full((50, 40, 3), 255, np.uint8),
    "all one": lambda: np.ones((50, 40)),
    "NaN": lambda: np.full((50, 40), np.nan),
    "one NaN": lambda: np.where(np.eye(50, 40) > 0, np.nan, 0.5),
    "one infinity": lambda: np.where(np.arange(2000).reshape(50, 40) == 999, np.inf, 0.5),
    "largest float": lambda: np.where(np.eye(50, 40) > 0, np.finfo(np.float64).max, 0),
    "largest range": lambda: np.where(np.eye(50, 40) > 0, 9e29, -9e29),
    "smallest range": lambda: np.where(np.eye(50, 40) > 0, 5e-324, 0),
    "largest of 64 bits": lambda: np.where(np.eye(50, 40) > 0, np.iinfo(np.int64).max, np.iinfo(np.int64).min),
    "largest of 64 bits without a sign": lambda: np.eye(50, 40, dtype=np.uint64) * np.iinfo(np.uint64).max,
    "float16": lambda: FLOATS.astype(np.float16) * np.float16(256),
    "hardly different": lambda: 200 + FLOATS / 1e6,
    "two levels of 16 bits": lambda: (FLOATS > 99).astype(np.uint16) + np.uint16(40_000),
    "one row": lambda: noise(1, 300),
    "one column": lambda: noise(300, 1),
    "three rows": lambda: noise(3, 500),
    "strip": lambda: noise(40_000, 1),
    "strip of two": lambda: noise(2, 40_000, 3),
    "strip of 40": lambda: noise(40, 40_000),
    "strip with one mark": lambda: put(40_000, 9, (20_000, 4)),
    "fine checkerboard": lambda: (np.indices((90, 70)).sum(0) % 2 * 255).astype(np.uint8),
    "coarse checkerboard": lambda: (np.indices((90, 70)).sum(0) // 8 % 2 * 255).astype(np.uint8),
    "noise": lambda: noise(200, 150),
    "noise of colours": lambda: noise(480, 640, 3),
    "noise with opacity": lambda: noise(200, 150, 4),
    "nothing is opaque": lambda: np.dstack([noise(50, 40, 3), np.zeros((50, 40), np.uint8)]),
    "one pixel": lambda: put(60, 80, (30, 40)),
    "one pixel in a corner": lambda: put(60, 80, (59, 79)),
    "two pixels": lambda: put(60, 80, (1, 1), (58, 78)),
    "two pixels in a large picture": lambda: put(1500, 2000, (3, 3), (1400, 1900)),
    "ink at all rims": lambda: RIMS,
    "ink at all rims, and a digit": lambda: np.maximum(
        RIMS, np.pad(SEVEN.repeat(7, 0).repeat(7, 1) * 255, ((11, 12), (16, 17)))
    ),
    "rising light": lambda: np.linspace(0, 255, 5000).reshape(50, 100),
    "every row another level": lambda: np.arange(256, dtype=np.uint8)[:, None].repeat(9, 1),
}


@pytest.mark.parametrize("inverted", [False, True], ids=["", "inverted"])
@pytest.mark.parametrize("name", ARRAYS)
def test_extreme_arrays(name: str, inverted: bool) -> None:
    array = ARRAYS[name]()
    assert not find_fault(~array if inverted and array.dtype == np.uint8 else -array if inverted else array)


SIDES = range(1, 41)


def check_sizes(height: int, widths: range) -> None:
    """Digits and noise of each width, in both polarities, in arrays of all kinds. A digit gives an image, not a sentence."""
    digits = render_digits(10, np.random.default_rng(1)).images
    for width in widths:
        image = Image.fromarray(digits[width % 10][4:-4, 4:-4]).resize((width, height), Image.Resampling.BOX)
        for array in (np.asarray(image), noise(height, width), (noise(height, width, 3) > 128) * np.uint8(255)):
            for levels in (array, 255 - array):
                assert not find_fault(levels), (height, width)
        if min(height, width) >= 8:
            assert prepare_picture(image).image.any()


@pytest.mark.parametrize("height", [1, 2, 3, 5, 13, 28, 33])
def test_arrays_of_some_sizes(height: int) -> None:
    check_sizes(height, range(height % 7 + 1, 41, 7))


@pytest.mark.slow
@pytest.mark.parametrize("height", SIDES)
def test_arrays_of_many_sizes(height: int) -> None:
    check_sizes(height, range(1 + height % 3, 41, 3))


def test_faults_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutations, "SECONDS", 0.0)
    assert find_fault(SEVEN * 255).startswith("took 0.")
    monkeypatch.setattr(mutations, "prepare_picture", lambda _: 1 / 0)
    assert "ZeroDivisionError" in find_fault(SEVEN)
    monkeypatch.setattr(mutations, "prepare_picture", lambda _: prepare_picture(Path("missing\nline.png")))
    assert find_fault(SEVEN).startswith("not one sentence: 'there is no picture missing")
