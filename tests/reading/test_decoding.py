"""reading/decoding.py: every format and mode, the right way up, at any size; and files that are not pictures."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from PIL import Image

from digits import SEVEN, alike, draw_strokes
from seesum.reading import decoding
from seesum.reading.decoding import decode_picture
from seesum.reading.pictures import PictureError
from seesum.reading.preprocessing import prepare_picture

INK, PAPER = (20, 30, 120), (240, 230, 210)
COLOURED = draw_strokes(SEVEN, (120, 150), INK, PAPER, mode="RGB", scale=0.7)
GREY = COLOURED.convert("L")
ONE_BIT = GREY.convert("1", dither=Image.Dither.NONE)
FOUR_COLOURS = COLOURED.quantize(4)


def save(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def widen(image: Image.Image) -> NDArray[np.uint16]:
    return np.asarray(image).astype(np.uint16) * 257


EXACT: dict[str, tuple[Callable[[], Any], Image.Image]] = {
    "png": (lambda: save(COLOURED, "PNG"), COLOURED),
    "png, grey": (lambda: save(GREY, "PNG"), GREY),
    "png, 1 bit": (lambda: save(ONE_BIT, "PNG"), ONE_BIT),
    "png, palette": (lambda: save(FOUR_COLOURS, "PNG"), FOUR_COLOURS),
    "png, 16 bits": (lambda: save(Image.fromarray(widen(GREY)), "PNG"), GREY),
    "png, opaque": (lambda: save(COLOURED.convert("RGBA"), "PNG"), COLOURED),
    "png, grey with alpha": (lambda: save(GREY.convert("LA"), "PNG"), GREY),
    "webp": (lambda: save(COLOURED, "WEBP", lossless=True), COLOURED),
    "webp, animated": (
        lambda: save(COLOURED, "WEBP", lossless=True, save_all=True, append_images=[COLOURED.rotate(90)]),
        COLOURED,
    ),
    "gif": (lambda: save(FOUR_COLOURS, "GIF"), FOUR_COLOURS),
    "gif, animated": (lambda: save(FOUR_COLOURS, "GIF", save_all=True, append_images=[FOUR_COLOURS.rotate(90)]), FOUR_COLOURS),
    "bmp": (lambda: save(COLOURED, "BMP"), COLOURED),
    "ppm": (lambda: save(COLOURED, "PPM"), COLOURED),
    "tiff": (lambda: save(COLOURED, "TIFF"), COLOURED),
    "tiff, lzw": (lambda: save(COLOURED, "TIFF", compression="tiff_lzw"), COLOURED),
    "tiff, pages": (lambda: save(COLOURED, "TIFF", save_all=True, append_images=[COLOURED.rotate(90)]), COLOURED),
    "tiff, 1 bit, fax": (lambda: save(ONE_BIT, "TIFF", compression="group4"), ONE_BIT),
    "tiff, 16 bits": (lambda: save(Image.fromarray(widen(GREY)), "TIFF"), GREY),
    "tiff, 16 bits, big end first": (
        lambda: save(Image.frombytes("I;16B", GREY.size, widen(GREY).astype(">u2").tobytes()), "TIFF"),
        GREY,
    ),
    "tiff, 32 bits": (lambda: save(Image.fromarray(np.asarray(GREY).astype(np.int32)), "TIFF"), GREY),
    "tiff, floats 0 to 1": (lambda: save(Image.fromarray(np.asarray(GREY, np.float32) / 255), "TIFF"), GREY),
    "tiff, floats 0 to 255": (lambda: save(Image.fromarray(np.asarray(GREY, np.float32)), "TIFF"), GREY),
    "tiff, cmyk": (lambda: save(COLOURED.convert("CMYK"), "TIFF"), COLOURED),
    "pillow, palette with alpha": (lambda: FOUR_COLOURS.convert("PA"), FOUR_COLOURS),
    "pillow, premultiplied": (lambda: COLOURED.convert("RGBA").convert("RGBa"), COLOURED),
    "pillow, grey premultiplied": (lambda: GREY.convert("LA").convert("La"), GREY),
    "pillow, padded": (lambda: COLOURED.convert("RGBX"), COLOURED),
    "array": (lambda: np.asarray(COLOURED), COLOURED),
    "array, grey": (lambda: np.asarray(GREY), GREY),
    "array, one channel": (lambda: np.asarray(GREY)[:, :, None], GREY),
    "array, alpha": (lambda: np.asarray(COLOURED.convert("RGBA")), COLOURED),
    "array, floats": (lambda: np.asarray(COLOURED) / 255, COLOURED),
    "array, float16": (lambda: np.asarray(COLOURED, np.float16), COLOURED),
    "array, int64": (lambda: np.asarray(COLOURED, np.int64), COLOURED),
    "array, uint16": (lambda: widen(COLOURED), COLOURED),
    "array, uint16 alpha": (lambda: widen(COLOURED.convert("RGBA")), COLOURED),
    "array, backwards": (lambda: np.asarray(COLOURED.rotate(180))[::-1, ::-1], COLOURED),
    "array, bool": (lambda: np.asarray(ONE_BIT), ONE_BIT),
}
CLOSE: dict[str, tuple[Callable[[], Any], Image.Image]] = {
    "jpeg": (lambda: save(COLOURED, "JPEG", quality=95), COLOURED),
    "jpeg, progressive": (lambda: save(COLOURED, "JPEG", quality=95, progressive=True), COLOURED),
    "jpeg, grey": (lambda: save(GREY, "JPEG", quality=95), GREY),
    "jpeg, cmyk": (lambda: save(COLOURED.convert("CMYK"), "JPEG", quality=95), COLOURED),
    "jpeg of two pictures": (lambda: save(COLOURED, "MPO", save_all=True, append_images=[COLOURED.rotate(90)]), COLOURED),
    "webp": (lambda: save(COLOURED, "WEBP", quality=95), COLOURED),
    "tiff, jpeg": (lambda: save(COLOURED, "TIFF", compression="jpeg", quality=95), COLOURED),
    "pillow, ycbcr": (lambda: COLOURED.convert("YCbCr"), COLOURED),
}


@pytest.mark.parametrize("kind", EXACT)
def test_kinds_come_out_the_same(kind: str) -> None:
    make, expected = EXACT[kind]
    colours = decode_picture(make())
    assert colours.dtype == np.float32
    np.testing.assert_allclose(colours, np.asarray(expected.convert("RGB")), atol=0.01)


@pytest.mark.parametrize("kind", CLOSE)
def test_kinds_that_lose_a_little(kind: str) -> None:
    make, expected = CLOSE[kind]
    assert np.abs(decode_picture(make()) - np.asarray(expected.convert("RGB"))).mean() < 4


def test_a_mode_without_conversion_to_rgb_gives_its_lightness() -> None:
    lightness = Image.merge("LAB", [GREY, GREY.rotate(90, expand=False), GREY.rotate(180)])
    np.testing.assert_array_equal(decode_picture(lightness)[:, :, 0], np.asarray(GREY))


def test_paths_and_bytes_and_opened_files(tmp_path: Path) -> None:
    path = tmp_path / "seven.png"
    data = save(COLOURED, "PNG")
    path.write_bytes(data)
    expected = decode_picture(COLOURED)
    with Image.open(path) as opened:
        for kind in (path, str(path), data, bytearray(data), memoryview(data), opened):
            np.testing.assert_array_equal(decode_picture(kind), expected)


def test_values_of_fewer_bits_and_of_normalised_images_keep_their_steps() -> None:
    grey = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    np.testing.assert_allclose(decode_picture(grey)[:, :, 0], grey * (255 / 4095), atol=0.01)
    normalised = (np.asarray(GREY) / 255 - 0.1307) / 0.3081
    stretched = decode_picture(normalised)[:, :, 0]
    assert alike(stretched, np.asarray(GREY)) > 0.9999
    assert (stretched.min(), stretched.max()) == (0, 255)
    assert alike(decode_picture(normalised - normalised.mean())[:, :, 0], np.asarray(GREY)) > 0.9999
    overshot = np.asarray(GREY) / 255 * 1.1 - 0.02
    assert alike(decode_picture(overshot)[:, :, 0], np.asarray(GREY)) > 0.99


@pytest.mark.parametrize("largest", [decoding.WORKING_PIXELS, 4000])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_followed(kind: str, largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All eight orientations are followed, also where the picture is made smaller: its tags must survive that."""
    monkeypatch.setattr(decoding, "WORKING_PIXELS", largest)
    upright = decode_picture(COLOURED)
    turns = Image.Transpose
    undone = [None, turns.FLIP_LEFT_RIGHT, turns.ROTATE_180, turns.FLIP_TOP_BOTTOM]
    undone += [turns.TRANSPOSE, turns.ROTATE_90, turns.TRANSVERSE, turns.ROTATE_270]
    for orientation, turn in enumerate(undone, 1):
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = COLOURED if turn is None else COLOURED.transpose(turn)
        options: dict[str, int] = {"WEBP": {"lossless": 1}, "JPEG": {"quality": 95}}.get(kind, {})
        data = save(turned, kind, exif=exif, **options)
        # a TIFF file is decoded in another process, which has the usual size
        colours = decode_picture(Image.open(io.BytesIO(data)) if kind == "TIFF" else data)
        assert colours.shape == upright.shape
        # made smaller from the other end, so shifted by a fraction of a pixel
        assert alike(colours, upright) > 0.97, orientation


@pytest.mark.parametrize(
    "exif", [b"junk", b"Exif\0\0MM\0*", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x02a" + bytes(7)]
)
def test_damaged_exif_does_not_matter(exif: bytes) -> None:
    np.testing.assert_array_equal(decode_picture(save(COLOURED, "PNG", exif=exif)), decode_picture(COLOURED))


@pytest.mark.parametrize("size", [(120, 150), (1, 9000), (9000, 1), (641, 481), (333, 90)])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F", "array"])
def test_strips_give_what_the_whole_gives(mode: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    picture: Any = noise
    if mode in ("I;16", "F"):
        picture = Image.fromarray(noise[:, :, 0].astype(np.uint16 if mode == "I;16" else np.float32))
    elif mode != "array":
        picture = Image.fromarray(noise, "RGBA" if mode == "RGBA" else None).convert(mode)
    monkeypatch.setattr(decoding, "WORKING_PIXELS", 1000)
    whole = decode_picture(picture)
    assert whole.shape[0] * whole.shape[1] <= 1000
    monkeypatch.setattr(decoding, "STRIP_PIXELS", 2000)
    np.testing.assert_array_equal(decode_picture(picture), whole)


def test_smaller_pictures_are_means_of_larger() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (960, 1280, 3), dtype=np.uint8)
    expected = colours.reshape(480, 2, 640, 2, 3).mean((1, 3))
    np.testing.assert_allclose(decode_picture(colours), expected, atol=0.01)
    np.testing.assert_allclose(
        decode_picture(Image.fromarray(colours)), expected, atol=0.51
    )  # pillow's levels are whole numbers


@pytest.mark.parametrize("ink", [(0, 0, 0), (20, 30, 120), (255, 255, 0)])
@pytest.mark.parametrize("below", [(0, 0, 0, 0), (255, 255, 255, 0)])
def test_what_is_transparent_is_paper(ink: tuple[int, ...], below: tuple[int, ...]) -> None:
    image = draw_strokes(SEVEN, ink=(*ink, 255), paper=below, mode="RGBA")
    on_white = draw_strokes(SEVEN, ink=ink, paper=(255, 255, 255), mode="RGB")
    np.testing.assert_array_equal(decode_picture(save(image, "PNG")), np.asarray(on_white))
    assert alike(prepare_picture(image).image, prepare_picture(on_white).image) > 0.999


def test_transparent_colour_of_a_palette_and_of_grey_levels() -> None:
    palette = COLOURED.quantize(2)
    paper = palette.getpixel((0, 0))
    grey = Image.fromarray(np.where(np.asarray(GREY) > 128, 100, 0).astype(np.uint8))
    for data in (
        save(palette, "PNG", transparency=paper),
        save(palette, "GIF", transparency=paper),
        save(grey, "PNG", transparency=100),
    ):
        colours = decode_picture(data)
        assert (colours[0, 0] == 255).all()
        assert colours.min() < 100


@pytest.mark.parametrize("opacity", [255, 120])
@pytest.mark.parametrize("smooth", [False, True])
def test_white_on_transparent_can_be_seen(opacity: int, smooth: bool) -> None:
    image = draw_strokes(SEVEN, (400, 400), (255, 255, 255, opacity), (0, 0, 0, 0), mode="RGBA", scale=2)
    expected = prepare_picture(draw_strokes(SEVEN, (400, 400), scale=2)).image
    if smooth:  # plain means of the colours leave grey at the edges, which on white would be the outline of a seven
        image = Image.fromarray(np.asarray(image).reshape(200, 2, 200, 2, 4).mean((1, 3)).astype(np.uint8))
    assert alike(prepare_picture(save(image, "PNG")).image, expected) > (0.85 if smooth else 0.98)


def make_png(width: int, height: int) -> bytes:
    """Return a PNG whose header promises more than its data holds: a bomb, or a truncated file."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(8000, 8000), (50_000, 50_000), (2**31 - 1, 2**31 - 1), (40_000, 2_000)])
def test_huge_pictures_are_refused_before_decoding(width: int, height: int) -> None:
    with pytest.raises(PictureError, match="50 megapixels"):
        decode_picture(make_png(width, height))


def test_huge_arrays_and_images_are_refused() -> None:
    for huge in (np.broadcast_to(np.uint8(0), (8000, 8000)), Image.new("1", (8000, 8000))):
        with pytest.raises(PictureError, match="8000 x 8000 pixels"):
            decode_picture(huge)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0", b"II*\0", b"BM"])
def test_what_is_no_image(data: bytes) -> None:
    with pytest.raises(PictureError, match=r"^the picture [^\n]*$"):
        decode_picture(data)


def test_formats_that_start_other_programs_are_no_images() -> None:
    with pytest.raises(PictureError, match="is not an image that can be decoded"):
        decode_picture(save(COLOURED, "EPS"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_truncated_files(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8))
    data = save(noise, kind)
    with pytest.raises(PictureError, match=r"^the picture (cannot be decoded|is not an image)[^\n]*$"):
        decode_picture(data[: len(data) // 2])


def test_opened_images_that_cannot_be_loaded() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300), dtype=np.uint8))
    with (
        Image.open(io.BytesIO(save(noise, "JPEG")[:2000])) as truncated,
        pytest.raises(PictureError, match="cannot be decoded"),
    ):
        decode_picture(truncated)


def test_missing_files(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.png", "", "a\0b", tmp_path):
        with pytest.raises(PictureError, match="is a folder" if path == tmp_path else "there is no picture"):
            decode_picture(path)


@pytest.mark.parametrize(
    "array",
    [
        *(np.zeros((0, 5)), np.zeros((5, 0, 3)), np.zeros(28), np.array(5), np.zeros((2, 2, 2)), np.zeros((1, 1, 28, 28))),
        *(np.full((9, 9), np.nan), np.full((9, 9), np.inf), np.full((9, 9), -1e300), np.zeros((9, 9), complex)),
        *(np.array([["a"]]), np.array([[None]]), np.zeros((9, 9), "timedelta64[s]"), np.zeros((9, 9), [("x", "u1")])),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_arrays_that_are_no_picture(array: NDArray[Any]) -> None:
    with pytest.raises(PictureError, match="is not a picture; expected"):
        decode_picture(array)


@pytest.mark.parametrize("thing", [None, 5, object(), range])
def test_things_that_are_no_picture(thing: Any) -> None:
    with pytest.raises(PictureError, match="is not a picture"):
        decode_picture(thing)


FILES = [
    *(save(COLOURED, "JPEG"), save(COLOURED, "PNG"), save(FOUR_COLOURS, "PNG", transparency=1), save(COLOURED, "BMP")),
    *(save(COLOURED, "TIFF"), save(COLOURED, "TIFF", compression="tiff_lzw"), save(FOUR_COLOURS, "GIF")),
    *(save(COLOURED, "WEBP"), save(Image.fromarray(widen(GREY)), "PNG"), save(COLOURED.convert("CMYK"), "JPEG")),
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4), st.integers(0, 4)), max_size=6),
    st.floats(0.1, 3),
)
def test_mutated_files_give_colours_or_a_sentence(data: bytes, changes: list[tuple[float, bytes, int]], kept: float) -> None:
    for place, inserted, removed in changes:
        at = int(place**2 * len(data))  # more changes in the headers
        data = data[:at] + inserted + data[at + removed :]
    try:
        colours = decode_picture(data[: int(len(data) * kept)])
    except PictureError as error:
        sentence = str(error)
    else:
        sentence = ""
        assert colours.shape[0] * colours.shape[1] <= decoding.WORKING_PIXELS
        assert np.isfinite(colours).all()
        assert 0 <= colours.min() <= colours.max() <= 255
    assert "\n" not in sentence
    assert len(sentence) < 350


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell a process its peak memory")
@pytest.mark.parametrize(("kind", "mode", "megabytes"), [("JPEG", "RGB", 120), ("PNG", "P", 180), ("TIFF", "RGB", 400)])
def test_fifty_megapixels_in_bounded_memory(kind: str, mode: str, megabytes: int, tmp_path: Path) -> None:
    """Decoding takes the memory of the decoded file and little more. One float32 plane alone would take 200 MB."""
    path = tmp_path / "large"
    draw_strokes(SEVEN, (8192, 6144), INK, PAPER, mode="RGB", scale=30).convert(mode).save(path, kind)
    script = (
        "import sys; from seesum.reading.decoding import PROCESS, decode_picture; decode_picture(sys.argv[1])\n"
        "ids = ['self'] + ([PROCESS._process.pid] if PROCESS._process else [])\n"
        "lines = [line for one in ids for line in open(f'/proc/{one}/status') if line.startswith('VmHWM')]\n"
        "print(max(int(line.split()[1]) for line in lines))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) / 1024 < megabytes
