"""Which side of a small picture is ink: both polarities give the same image, and where doubt remains the network decides."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

import seesum
from digits import BARRED_SEVEN, FIVE, FLAG, FOUR, SEVEN, Strokes, alike, draw_strokes
from seesum.data.idx import Dataset
from seesum.reading.pictures import Picture
from seesum.reading.preprocessing import Prepared, prepare_picture
from seesum.reading.worker import answer

GLYPHS: dict[str, Strokes] = {"seven": SEVEN, "barred": BARRED_SEVEN, "four": FOUR, "five": [*FIVE, *FLAG]}
DIGITS = {"seven": 7, "barred": 7, "four": 4, "five": 5}
Levels = NDArray[np.uint8]


def stretch(name: str, side: int, width: int = 16, binary: bool = False) -> Levels:
    """Return a digit, bright on black, that touches all four sides of a square picture."""
    levels = np.asarray(draw_strokes(GLYPHS[name], ink=255, paper=0, width=width))
    rows, columns = np.nonzero(levels)
    tight = Image.fromarray(levels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    small = np.asarray(tight.resize((side, side), Image.Resampling.BOX))
    return np.asarray(np.where(small > 127, 255, 0), np.uint8) if binary else small


@pytest.fixture(scope="module")
def hand() -> seesum.Reader:
    return seesum.Reader.load("hand")


@pytest.fixture(scope="module")
def doubtful(mnist: Dataset) -> Levels:
    """Return an 8x8 picture of a 3 in which either side may be ink."""
    image = mnist.train.images[157]
    rows, columns = np.nonzero(image > 100)
    tight = Image.fromarray(image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    picture = np.asarray(np.where(np.asarray(tight.resize((8, 8), Image.Resampling.BOX)) > 100, 255, 0), np.uint8)
    assert len(prepare_picture(picture).others) == 1
    return picture


@pytest.mark.parametrize("name", GLYPHS)
@pytest.mark.parametrize("side", [8, 10, 12, 16, 20, 24, 28, 32, 40])
@pytest.mark.parametrize("binary", [False, True])
def test_both_polarities_of_a_stretched_digit_give_the_same_image(
    name: str, side: int, binary: bool, hand: seesum.Reader
) -> None:
    picture = stretch(name, side, binary=binary)
    bright, dark = prepare_picture(picture), prepare_picture(255 - picture)
    assert alike(bright.image, dark.image) > 0.999
    assert bright.digits_found == dark.digits_found == 1
    assert len(bright.others) == len(dark.others)
    answers = hand([picture, 255 - picture], add=0)
    assert answers[0].digit == answers[1].digit == DIGITS[name]


@pytest.mark.parametrize("width", [22, 30])
def test_thick_strokes_of_small_scans_are_not_hollowed_out(width: int, hand: seesum.Reader) -> None:
    for name in GLYPHS:
        picture = np.pad(stretch(name, 26, width), 3)
        for one in (picture, 255 - picture):
            prepared = prepare_picture(one)
            filled = prepared.image[ndimage.binary_erosion(prepared.image > 60, iterations=1)]
            assert filled.min(initial=255) > 60
            holes = ndimage.label(np.pad(prepared.image < 100, 1, constant_values=True))[1]
            assert holes == ndimage.label(np.pad(picture < 100, 1, constant_values=True))[1]
            assert hand(one, add=0).digit == DIGITS[name]


def test_a_filled_blob_stays_filled() -> None:
    rows, columns = np.mgrid[:32, :32]
    blob = np.where(((rows - 16) / 13) ** 2 + ((columns - 16) / 8) ** 2 < 1, 255, 0).astype(np.uint8)
    for picture in (blob, 255 - blob):
        assert prepare_picture(picture).image[14, 14] > 200


def test_the_second_way_has_ink_and_paper_exchanged(doubtful: Levels) -> None:
    first = prepare_picture(doubtful)
    (second,) = first.others
    assert second.others == ()
    assert alike(first.image, second.image) < 0.5
    for one in (first, second):
        assert np.array_equal(one.steps["picture"][:, :, 0], doubtful)
        assert list(one.steps) == list(first.steps)
    assert not np.array_equal(first.steps["strokes"], second.steps["strokes"])


def test_the_more_certain_way_is_taken(doubtful: Levels, hand: seesum.Reader) -> None:
    first = prepare_picture(doubtful)
    ways = [replace(first, others=()), *first.others]
    sure = max(ways, key=lambda way: hand.answer_prepared([way], np.array([0]))[0].digit_probabilities.max())
    answers = []
    for order in (ways, ways[::-1]):
        undecided = replace(order[0], others=tuple(order[1:]))
        answers += hand.answer_prepared([undecided], np.array([3]))
        (settled,) = hand.settle([undecided])
        assert settled.others == ()
        assert np.array_equal(settled.image, sure.image)
        assert settled.digits_found == sure.digits_found
        assert settled.steps is sure.steps, "the steps that are shown are those of the image that is answered"
    assert answers[0] == answers[1] == hand.answer_prepared([sure], np.array([3]))[0]


def test_pictures_without_doubt_stay_as_they_are(hand: seesum.Reader) -> None:
    prepared = [prepare_picture(draw_strokes(SEVEN)), Prepared(np.zeros((28, 28), np.uint8))]
    settled = hand.settle(prepared)
    assert settled[0] is prepared[0]
    assert settled[1] is prepared[1]
    assert hand.settle([]) == []


def test_every_way_of_asking_gives_the_same_answer(doubtful: Levels, hand: seesum.Reader) -> None:
    """One by one, in a list, from a file, through ``predict``, and from the images that another process prepares."""
    pictures: list[Picture] = [doubtful, stretch("four", 16), 255 - doubtful, np.asarray(draw_strokes(SEVEN))]
    alone = [hand(picture, add=4) for picture in pictures]
    assert hand(pictures, add=4) == alone
    assert hand(pictures[::-1], add=4) == alone[::-1]
    encoded = [encode(picture) for picture in pictures]
    files: list[Picture] = [*encoded]
    assert hand(files, add=4) == alone
    assert [one.answer for one in seesum.predict(files, add=4, run="hand")] == alone
    question: dict[str, Any] = {"do": "prepare", "formats": ("PNG",), "pixels": 10**6}
    others = []
    for file in encoded:
        values, data = answer(question, file)
        images = np.frombuffer(data, np.uint8).reshape(-1, 28, 28)
        first, *rest = (Prepared(*way) for way in zip(images, values["digits_found"], strict=True))
        others.append(replace(first, others=tuple(rest)))
    assert sum(bool(one.others) for one in others) == 2
    assert hand.answer_prepared(others, np.full(4, 4)) == alone


def encode(picture: Picture) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.asarray(picture)).save(file, "PNG")
    return file.getvalue()
