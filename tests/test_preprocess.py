"""preprocess.py: what comes in, in all its forms, and what is no picture of a digit."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageDraw
from scipy import ndimage

from seesum.mnist import Mnist
from seesum.preprocess import PictureError, centre_ink, decode_picture, fit_ink, prepare_picture, separate_ink

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").iterdir())


def draw_seven(size: int = 200, ink: Any = 0, paper: Any = 255, mode: str = "L") -> Image.Image:
    image = Image.new(mode, (size, size), paper)
    pen = ImageDraw.Draw(image)
    scale = size / 200
    pen.line([(60 * scale, 50 * scale), (140 * scale, 50 * scale), (90 * scale, 160 * scale)], ink, round(14 * scale))
    return image


def alike(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def test_mnist_images_pass_unchanged(mnist: Mnist) -> None:
    prepared = np.stack([prepare_picture(image) for image in mnist.train.images[:500]])
    same = (prepared == mnist.train.images[:500]).all((1, 2))
    assert same.mean() > 0.95
    changed = np.flatnonzero(~same)
    assert all(alike(prepared[i], mnist.train.images[i]) > 0.9 for i in changed)


def test_steps_make_mnist_again(mnist: Mnist) -> None:
    """MNIST's own recipe, applied to MNIST, gives MNIST: size, centre and intensities are where they should be."""
    pairs = [(centre_ink(fit_ink(separate_ink(image))), image) for image in mnist.train.images[:300]]
    assert np.mean([alike(*pair) for pair in pairs]) > 0.98


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_result_is_as_mnist_makes_them(path: Path) -> None:
    image = prepare_picture(path)
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert image.max() == 255
    rows, columns = np.nonzero(image)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
    assert np.abs(np.array(ndimage.center_of_mass(image)) - 14).max() <= 0.6


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (90, 200), (220, 60)])
@pytest.mark.parametrize("size", [40, 200, 1500])
def test_polarity_contrast_and_size_do_not_matter(size: int, ink: int, paper: int) -> None:
    prepared = prepare_picture(draw_seven(size, ink, paper))
    assert alike(prepared, prepare_picture(draw_seven(size))) > 0.999
    assert alike(prepared, prepare_picture(draw_seven())) > 0.85


def test_kinds_of_pictures_give_the_same(tmp_path: Path) -> None:
    seven = draw_seven()
    path = tmp_path / "seven.png"
    seven.save(path)
    expected = prepare_picture(seven)
    grey = np.asarray(seven)
    kinds: list[Any] = [
        *(path, str(path), path.read_bytes(), grey, grey.astype(np.float64) / 255, grey.astype(np.int64), grey > 127),
        *(grey.astype(np.uint16) * 257, np.stack([grey] * 3, 2), grey[:, :, None], seven.convert("RGB"), seven.convert("P")),
        *(seven.convert("CMYK"), seven.convert("1"), seven.convert("LA"), Image.fromarray(grey.astype(np.uint16) * 257)),
    ]
    for index, kind in enumerate(kinds):
        assert alike(prepare_picture(kind), expected) > 0.98, index


def test_transparency_is_paper() -> None:
    image = draw_seven(ink=(0, 0, 0, 255), paper=(0, 0, 0, 0), mode="RGBA")
    assert alike(prepare_picture(image), prepare_picture(draw_seven())) > 0.98


def test_exif_orientation_is_followed(tmp_path: Path) -> None:
    seven = draw_seven()
    exif = Image.Exif()
    exif[0x0112] = 6
    seven.rotate(90, expand=True).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    assert alike(prepare_picture(tmp_path / "turned.jpg"), prepare_picture(seven)) > 0.95


@pytest.mark.parametrize("blank", [np.zeros((50, 50)), np.full((50, 50, 3), 255), np.full((1, 1), 7), np.full((30, 30), 0.5)])
def test_blank_pictures(blank: np.ndarray) -> None:
    with pytest.raises(PictureError, match="holds no ink"):
        prepare_picture(blank)


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header promises more than its data holds: a bomb, or a truncated file."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(8000, 8000), (50_000, 50_000), (2**31 - 1, 2**31 - 1), (40_000, 2_000)])
def test_huge_pictures_are_refused_before_decoding(width: int, height: int) -> None:
    with pytest.raises(PictureError, match="50 megapixels"):
        prepare_picture(png_of(width, height))


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0"])
def test_what_is_no_image(data: bytes) -> None:
    with pytest.raises(PictureError) as raised:
        prepare_picture(data)
    assert "\n" not in str(raised.value)


def test_truncated_file() -> None:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300), dtype=np.uint8)).save(file, "JPEG")
    with pytest.raises(PictureError, match="cannot be decoded"):
        prepare_picture(file.getvalue()[:2000])


def test_pillow_images_that_cannot_be_read() -> None:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300), dtype=np.uint8)).save(file, "JPEG")
    with Image.open(io.BytesIO(file.getvalue()[:2000])) as truncated, pytest.raises(PictureError, match="cannot be decoded"):
        prepare_picture(truncated)
    with pytest.raises(PictureError, match="cannot be decoded"):
        prepare_picture(Image.new("LAB", (30, 30)))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="there is no picture"):
        prepare_picture(tmp_path / "nothing.png")
    with pytest.raises(PictureError, match="there is no picture"):
        prepare_picture(tmp_path)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 5)),
        np.zeros(28),
        np.zeros((2, 2, 2)),
        np.full((9, 9), np.nan),
        np.zeros((9, 9), complex),
        np.array([["a"]]),
    ],
)
def test_arrays_that_are_no_picture(array: np.ndarray) -> None:
    with pytest.raises(PictureError, match="no picture"):
        prepare_picture(array)


@settings(max_examples=150, deadline=None)
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)))
def test_any_grey_array_gives_an_image_or_a_sentence(array: np.ndarray) -> None:
    try:
        image = prepare_picture(array)
    except PictureError:
        return
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert image.max() > 0


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(EXAMPLES), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8), st.floats(0, 1))
def test_mutated_files_give_an_image_or_a_sentence(path: Path, changes: list[tuple[float, int]], kept: float) -> None:
    data = bytearray(path.read_bytes())
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    with contextlib.suppress(PictureError):
        assert decode_picture(bytes(data[: int(len(data) * kept) + 1])).ndim == 2
