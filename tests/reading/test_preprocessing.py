"""reading/preprocessing.py: any picture becomes an image like MNIST's, whatever its size, and none gives a traceback."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from digits import SEVEN, alike, draw_strokes
from seesum.base.recipe import Recipe
from seesum.data.idx import Dataset, load_mnist
from seesum.data.splits import split_images
from seesum.reading.cutout import Area, crop_candidate
from seesum.reading.pictures import PictureError
from seesum.reading.preprocessing import centre_by_mass, fit_into_box, prepare_picture
from seesum.reading.reader import Reader

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.[jp][pn]g"))


def check_image(image: NDArray[np.uint8]) -> None:
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert image.max() > 0


def test_mnist_images_pass_unchanged(mnist: Dataset) -> None:
    prepared = np.stack([prepare_picture(image).image for image in mnist.train.images[:300]])
    same = (prepared == mnist.train.images[:300]).all((1, 2))
    assert same.mean() > 0.97
    for i in np.flatnonzero(~same):
        assert alike(prepared[i], mnist.train.images[i]) > 0.7


def test_mnist_images_pass_in_every_form(mnist: Dataset) -> None:
    """They also pass where rounding could lose a level, and when they are normalised as for a network."""
    for image in mnist.train.images[:5]:
        variants: list[Any] = [image / 255, image / np.float32(255), image.astype(np.int64), np.stack([image] * 3, 2)]
        variants += [
            Image.fromarray(image),
            Image.fromarray(image).convert("RGB"),
            image[:, :, None],
            image.astype(np.uint16) * 257,
        ]
        variants.append(((image / 255 - 0.1307) / 0.3081).astype(np.float32))
        for variant in variants:
            np.testing.assert_array_equal(prepare_picture(variant).image, image)


@pytest.mark.slow
def test_preparing_loses_next_to_nothing_on_validation_images() -> None:
    """A shipped network is as accurate with the preparation as without it, to 0.05 points on 12,000 images."""
    validation = split_images(load_mnist(), Recipe("tiny", split="validate")).validation
    assert validation is not None
    images, digits = validation.images, validation.digits
    reader = Reader.load("hand")
    prepared = np.stack([prepare_picture(image).image for image in images])
    right = [(reader.predict_every_addend(kind).digit_p[:, 0].argmax(1) == digits).mean() for kind in (images, prepared)]
    assert right[1] > right[0] - 0.0005


def test_steps_make_mnist_again(mnist: Dataset) -> None:
    """MNIST's own steps, applied to MNIST, give MNIST again, with the right size, centre and intensities."""
    pairs = [(centre_by_mass(fit_into_box(image.astype(np.float32) / 255)), image) for image in mnist.train.images[:300]]
    assert np.mean([alike(*pair) for pair in pairs]) > 0.97


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_results_look_like_mnist_images(path: Path) -> None:
    prepared = prepare_picture(path)
    check_image(prepared.image)
    assert prepared.digits_found == 1
    assert prepared.image.max() == 255
    rows, columns = np.nonzero(prepared.image)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
    assert np.abs(np.array(ndimage.center_of_mass(prepared.image)) - 14).max() <= 0.6


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (90, 200), (220, 60)])
@pytest.mark.parametrize("size", [40, 200, 1500])
def test_polarity_contrast_and_size_do_not_matter(size: int, ink: int, paper: int) -> None:
    prepared, black, large = (
        prepare_picture(draw_strokes(SEVEN, (side, side), *levels, width=14, scale=side / 200)).image
        for side, levels in ((size, (ink, paper)), (size, (0, 255)), (200, (0, 255)))
    )
    assert alike(prepared, black) > 0.99
    assert alike(prepared, large) > 0.8


@pytest.mark.parametrize("side", [8, 12, 16, 20, 28])
@pytest.mark.parametrize("largest", [255, 16])
def test_small_pictures(side: int, largest: int) -> None:
    """They may also have the levels 0 to 16, like the 8 x 8 digits that come with scikit-learn."""
    tight = draw_strokes(SEVEN, ink=255, paper=0, width=14).crop((45, 35, 155, 165)).resize((side, side), Image.Resampling.BOX)
    levels = np.round(np.asarray(tight) * (largest / 255))
    prepared = prepare_picture(levels)
    expected = prepare_picture(draw_strokes(SEVEN, width=14)).image
    assert prepared.digits_found == 1
    blurred = [ndimage.gaussian_filter(image.astype(float), 2) for image in (prepared.image, expected)]
    assert alike(*blurred) > 0.75


def test_rims_are_cut_where_the_picture_ends() -> None:
    colours = np.random.default_rng(0).random((30, 50, 3)).astype(np.float32) * 255
    cutout, (rows, columns) = crop_candidate(colours, Area(0, 30, 40, 50))
    assert cutout.shape[0] == rows.stop - rows.start == 96
    assert columns.stop == cutout.shape[1]
    assert 0 <= cutout.min() <= cutout.max() <= 255


@pytest.mark.parametrize(
    "blank", [np.zeros((50, 50)), np.full((50, 50, 3), 255), np.full((1, 1), 7), np.full((30, 30), 0.5), np.zeros((9, 9, 4))]
)
def test_blank_pictures(blank: NDArray[Any]) -> None:
    with pytest.raises(PictureError, match="holds no ink"):
        prepare_picture(blank)


@pytest.mark.parametrize("side", [16, 28, 60, 200])
@pytest.mark.parametrize(("ink", "paper"), [(122, 255), (0, 255), (255, 0)])
def test_filled_shapes_are_answered(side: int, ink: int, paper: int) -> None:
    """They are no digits, but the network decides that. A grey one in a corner once took seconds and was called blank."""
    shape = np.full((side, side), paper, np.uint8)
    shape[side * 3 // 8 :, side * 3 // 8 : side * 13 // 16] = ink
    prepared = prepare_picture(shape)
    check_image(prepared.image)
    assert all(step.size < 500_000 for step in prepared.steps.values())


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (1, 300), (300, 1), (3, 40_000), (40_000, 3), (3, 40_000, 3)])
@pytest.mark.parametrize("kind", ["noise", "smooth", "dots", "bar"])
def test_odd_shapes_give_an_image_or_a_sentence(shape: tuple[int, ...], kind: str) -> None:
    generator = np.random.default_rng(0)
    picture = generator.integers(0, 256, shape).astype(np.uint8)
    if kind == "smooth":
        picture = ndimage.gaussian_filter(picture, (3, 3, 0)[: len(shape)])
    if kind == "dots":
        picture = np.full(shape, 240, np.uint8)
        picture[::5, ::5] = 20
    if kind == "bar":
        picture = np.full(shape, 240, np.uint8)
        picture[:, shape[1] // 3 : shape[1] // 2] = 20
    try:
        check_image(prepare_picture(picture).image)
    except PictureError as error:
        sentence = str(error)
    else:
        sentence = ""
    assert "\n" not in sentence


@st.composite
def draw_pictures(draw: st.DrawFn) -> NDArray[Any]:
    """Generate boxes of ink on paper, grey or coloured, with and without noise, of several types and ranges."""
    height, width = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    channels = draw(st.sampled_from([1, 3, 4]))
    levels = st.integers(0, 255)
    picture = np.full((height, width, channels), draw(levels), np.float64)
    for _ in range(draw(st.integers(0, 4))):
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        bottom, right = top + draw(st.integers(1, 60)), left + draw(st.integers(1, 60))
        picture[top:bottom, left:right, draw(st.integers(0, channels - 1)) :] = draw(levels)
    noise = np.random.default_rng(draw(levels)).normal(0, draw(st.sampled_from([0, 1, 8, 60])), picture.shape)
    picture = (picture + noise).clip(0, 255) * draw(st.sampled_from([1, 1 / 255, 1 / 16, 257])) - draw(st.sampled_from([0, 1]))
    return picture.astype(draw(st.sampled_from([np.uint8, np.uint16, np.int32, np.float32, np.float64])))


@settings(max_examples=120, deadline=None)
@given(st.one_of(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=30)), draw_pictures()))
def test_any_array_gives_an_image_or_a_sentence(array: NDArray[Any]) -> None:
    try:
        prepared = prepare_picture(array)
    except PictureError:
        return
    check_image(prepared.image)
    assert prepared.digits_found >= 0
    assert all(step.size < 500_000 for step in prepared.steps.values())


def test_torch_is_not_needed(tmp_path: Path) -> None:
    """Nothing else that takes long to import is needed either."""
    path = tmp_path / "seven.png"
    draw_strokes(SEVEN).save(path)
    script = (
        "import sys; from seesum.reading.preprocessing import prepare_picture;"
        " assert prepare_picture(sys.argv[1]).digits_found == 1;"
    )
    script += "print(sorted({'torch', 'matplotlib', 'onnxruntime'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_ready_pictures_are_decoded_with_the_same_care(mnist: Dataset) -> None:
    image = Image.fromarray(mnist.test.images[0])
    whole, turned = io.BytesIO(), io.BytesIO()
    image.save(whole, "PNG")
    exif = Image.Exif()
    exif[0x0112] = 3
    image.save(turned, "PNG", exif=exif)
    with Image.open(whole) as opened:
        assert np.array_equal(prepare_picture(opened).image, mnist.test.images[0])
    with Image.open(turned) as opened:
        prepared = prepare_picture(opened).image
    assert alike(prepared, np.rot90(mnist.test.images[0], 2)) > 0.95
    with Image.open(io.BytesIO(whole.getvalue()[:120])) as opened, pytest.raises(PictureError, match="cannot be decoded"):
        prepare_picture(opened)
