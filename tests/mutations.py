"""Pictures changed at random, and what is wrong with how they are prepared. A number decides each picture.

    python tests/mutations.py 17 18 /tmp    # try number 17 again, say what is wrong, and write its file to a folder

Half of the pictures are files whose bytes were changed. The others are whole: their pixels were changed, and then they were
written as a file or given as an array.
"""

from __future__ import annotations

import struct
import sys
import time
import traceback
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from hostile import encode
from seesum.data.rendering import render_digits
from seesum.reading.pictures import PictureError
from seesum.reading.preprocessing import prepare_picture

SECONDS = 2.0
"""Processor time that a picture may take."""
EXTREMES = (0, 1, 2, 127, 128, 255, 256, 5000, 7000, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1)
"""Values for fields of headers. 7000 times 7000 pixels are just allowed."""
EXIF = Image.Exif()
EXIF[0x0112] = 6
MORE: dict[str, Any] = {"save_all": True}
"""For a file of two pictures."""
SHAPES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    *(("PNG", mode, {}) for mode in ("1", "L", "P", "LA", "RGB", "RGBA", "I;16")),
    *(("PNG", "P", {"transparency": 0}), ("PNG", "L", {"exif": EXIF})),
    *(("JPEG", mode, {}) for mode in ("L", "RGB", "CMYK")),
    *(("JPEG", "RGB", {"progressive": True}), ("JPEG", "RGB", {"exif": EXIF}), ("JPEG", "L", {"restart_marker_blocks": 2})),
    *(("WEBP", mode, {}) for mode in ("RGB", "RGBA")),
    *(("WEBP", "RGB", {"lossless": True}), ("WEBP", "RGB", {"exif": EXIF}), ("WEBP", "RGB", MORE)),
    *(("TIFF", mode, {}) for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F")),
    *(("TIFF", "1", {"compression": "group4"}), ("TIFF", "RGB", {"compression": "tiff_lzw"}), ("TIFF", "RGB", MORE)),
    *(("TIFF", "RGB", {"compression": "jpeg"}), ("TIFF", "L", {"compression": "tiff_adobe_deflate", "exif": EXIF})),
    *(("BMP", mode, {}) for mode in ("1", "L", "P", "RGB", "RGBA")),
    *(("GIF", "P", {}), ("GIF", "L", {"interlace": 0}), ("GIF", "P", {"transparency": 0}), ("GIF", "P", MORE)),
    *(("PPM", mode, {}) for mode in ("1", "L", "RGB")),
)
"""Format, mode of the image, and options for writing it."""

Pixels = NDArray[np.uint8]


@cache
def render_pages() -> list[Pixels]:
    """Digits on pages of 28 to 200 pixels: as MNIST makes them, dark on paper, coloured, and of uneven light."""
    rng, pages = np.random.default_rng(0), []
    for number, image in enumerate(render_digits(24, rng).images):
        height, width = rng.integers(28, 201, 2)
        size = int(rng.integers(20, min(height, width) + 1)) if number % 4 else 28
        page = np.zeros((28, 28) if size == 28 else (height, width), np.uint8)
        top, left = (int(rng.integers(0, length - size + 1)) for length in page.shape)
        page[top : top + size, left : left + size] = np.asarray(Image.fromarray(image).resize((size, size)))
        colours = np.repeat(page[:, :, None], 3, 2)
        if number % 4 > 1:
            paper, ink = rng.integers(170, 256, 3), rng.integers(0, 110, 3)
            light = np.linspace(1, rng.uniform(0.5, 1), page.shape[1])[:, None]
            colours = ((paper + (ink - paper) * (colours / 255)) * light + rng.normal(0, 3, colours.shape)).clip(0, 255)
        pages.append(colours.astype(np.uint8))
    return pages


def write_picture(pixels: Pixels, kind: str, mode: str, options: dict[str, Any]) -> bytes:
    """Write pixels [H, W, 3] as a file."""
    image = Image.fromarray(pixels)
    if "save_all" in options:
        options = {**options, "append_images": [image.transpose(Image.Transpose.ROTATE_180)]}
    if mode == "I;16":
        return encode(np.asarray(image.convert("L")).astype(np.uint16) * 257, kind, **options)
    return encode(image.convert(mode), kind, **options)


@cache
def write_files() -> dict[str, list[bytes]]:
    """The files of each format that mutations start from."""
    files: dict[str, list[bytes]] = {}
    for number, page in enumerate(render_pages()):
        for place, (kind, mode, options) in enumerate(SHAPES):
            if (place + number) % 12 == 0:
                files.setdefault(kind, []).append(write_picture(page, kind, mode, options))
    grey = render_pages()[3][:, :, 0]
    files["PNG"].append(interlace_png(grey))
    files["TIFF"].append(write_tiles(grey))
    files["PPM"].append(b"P2\n%d %d\n255\n%s\n" % (grey.shape[1], grey.shape[0], b" ".join(b"%d" % one for one in grey.flat)))
    return files


def interlace_png(grey: Pixels) -> bytes:
    """A grey PNG in the seven passes of Adam7, which pillow cannot write."""
    passes = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))
    rows = b"".join(b"\0" + row.tobytes() for top, down, left, right in passes for row in grey[top::down, left::right])
    header = struct.pack(">IIBBBBB", grey.shape[1], grey.shape[0], 8, 0, 0, 0, 1)
    return write_chunks([(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])


def write_tiles(grey: Pixels, side: int = 32) -> bytes:
    """A grey TIFF in tiles, which pillow cannot write."""
    down, right = (-(-length // side) for length in grey.shape)
    padded = np.pad(grey, [(0, count * side - length) for count, length in zip((down, right), grey.shape, strict=True)])
    tiles = [padded[y * side : (y + 1) * side, x * side : (x + 1) * side].tobytes() for y in range(down) for x in range(right)]
    tags, count = (256, 257, 258, 259, 262, 277, 322, 323, 324, 325), down * right
    start = 8 + 2 + 12 * len(tags) + 4
    first = start + 8 * count
    values = (grey.shape[1], grey.shape[0], 8, 1, 1, 1, side, side, start, start + 4 * count)
    lengths = (1,) * 8 + (count, count)
    entries = b"".join(struct.pack("<HHII", tag, 4, n, value) for tag, n, value in zip(tags, lengths, values, strict=True))
    places = struct.pack(f"<{2 * count}I", *(first + side * side * k for k in range(count)), *[side * side] * count)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + places + b"".join(tiles)


def read_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a whole PNG."""
    chunks, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


def write_chunks(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG with right lengths and checksums."""
    parts = [struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def change_bytes(data: bytes, rng: Generator) -> bytes:
    """Change a file in one of many ways, more often near its start."""
    at = int(len(data) * rng.random() ** 2)
    length = int(rng.integers(1, max(2, min(len(data) - at, 2 ** int(rng.integers(1, 9))))))
    random, way = rng.integers(0, 256, length, np.uint8).tobytes(), int(rng.integers(6))
    if way == 0:
        changed = bytearray(data)
        for place in (len(data) * rng.random(int(rng.integers(1, 9))) ** 2).astype(int).tolist():
            changed[place] ^= 1 << int(rng.integers(8))
        return bytes(changed)
    if way == 1:
        return data[:at] + (random if rng.random() < 0.5 else random[:1] * length) + data[at + length :]
    if way == 2:
        return data[: int(len(data) * rng.random())]
    if way == 3:
        start = int(rng.integers(len(data)))
        return data[:at] + data[start : start + length] + data[at:]
    if way == 4:
        return data[:at] + data[at + length :]
    return data[:at] + random + data[at:]


def set_field(data: bytes, rng: Generator) -> bytes:
    """Set a number of a file's header to an extreme value, most often its width or height."""
    fields = list_fields(data)
    at, length, order = fields[int(rng.integers(len(fields)))]
    if rng.random() < 0.3:
        at, length, order = int(rng.integers(2, min(64, len(data)))), int(rng.choice([1, 2, 4])), str(rng.choice(["<", ">"]))
    value = int(rng.choice(EXTREMES)) % (1 << 8 * length)
    return data[:at] + value.to_bytes(length, "little" if order == "<" else "big") + data[at + length :]


def list_fields(data: bytes) -> list[tuple[int, int, str]]:
    """Where a file says its width, height and the like: place, bytes and order of the bytes."""
    if data.startswith(b"\x89PNG"):
        return [(16, 4, ">"), (20, 4, ">"), (24, 1, ">"), (25, 1, ">")]
    if data.startswith(b"\xff\xd8"):
        at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
        return [(at + 5, 2, ">"), (at + 7, 2, ">"), (at + 9, 1, ">"), (at + 11, 1, ">")]
    if data.startswith(b"GIF"):
        at = data.find(b"\x2c\0\0\0\0")
        return [(6, 2, "<"), (8, 2, "<"), (10, 1, "<"), (at + 5, 2, "<"), (at + 7, 2, "<")]
    if data.startswith(b"BM"):
        return [(10, 4, "<"), (14, 4, "<"), (18, 4, "<"), (22, 4, "<"), (28, 2, "<"), (30, 4, "<"), (46, 4, "<")]
    if data.startswith(b"RIFF"):
        return [(4, 4, "<"), (16, 4, "<"), (24, 2, "<"), (26, 2, "<"), (28, 2, "<")]
    if data.startswith(b"II"):
        (start,) = struct.unpack("<I", data[4:8])
        (count,) = struct.unpack("<H", data[start : start + 2])
        return [(start + 2 + 12 * entry + part, 4, "<") for entry in range(count) for part in (4, 8)]
    return [(3, 1, "<"), (5, 1, "<")]


def repair_png(data: bytes, rng: Generator) -> bytes:
    """Change a PNG behind its checksums: a chunk's bytes, the order of its chunks, or the levels before they are compressed."""
    chunks = read_chunks(data)
    place, way = int(rng.integers(len(chunks))), int(rng.integers(4))
    name, inner = chunks[place]
    if way == 0:
        chunks.insert(int(rng.integers(len(chunks) + 1)), chunks[place])
    elif way == 1:
        chunks[0] = (chunks[0][0], set_field(data[:33], rng)[16:29])
    elif name == b"IDAT":
        chunks[place] = (name, zlib.compress(change_bytes(zlib.decompress(inner) or b"\0", rng)))
    elif inner:
        chunks[place] = (name, change_bytes(inner, rng))
    return write_chunks(chunks)


def change_pixels(pixels: Pixels, rng: Generator) -> Pixels:
    """Change the pixels [H, W, 3] of a page in one of many ways."""
    height, width = pixels.shape[:2]
    top, left = int(rng.integers(height)), int(rng.integers(width))
    ways: tuple[Callable[[], Any], ...] = (
        lambda: pixels + rng.normal(0, rng.uniform(0, 150), pixels.shape),
        lambda: rng.integers(0, 256, pixels.shape),
        lambda: 255 - pixels,
        lambda: rng.uniform(0, 255) + (pixels - 128.0) * rng.uniform(0, 0.3),
        lambda: 255 * (pixels > rng.integers(0, 255)),
        lambda: pixels[top:, left:],
        lambda: pixels[: top + 1, : left + 1],
        lambda: pixels[top : top + int(rng.integers(1, 4))].repeat(int(rng.integers(1, 4)), 1),
        lambda: pixels[:, left : left + 1].repeat(int(rng.integers(1, 30)), 1),
        lambda: np.tile(pixels[:100, :100], (int(rng.integers(1, 4)), int(rng.integers(1, 4)), 1)),
        lambda: np.roll(pixels, (top, left), (0, 1)),
        lambda: np.rot90(pixels[: int(rng.integers(1, height + 1))], int(rng.integers(4))),
        lambda: pixels[:: int(rng.integers(1, 9)), :: int(rng.integers(1, 9))],
        lambda: np.where(rng.random((height, width, 1)) < rng.random() ** 3, 255, pixels),
        lambda: np.pad(pixels, ((0, top), (left, 0), (0, 0)), constant_values=int(rng.integers(256))),
        lambda: np.where(np.indices((height, width)).sum(0)[:, :, None] // rng.integers(1, 9) % 2, pixels, 255 - pixels),
    )
    return np.asarray(ways[int(rng.integers(len(ways)))]()).clip(0, 255).astype(np.uint8)


def make_mutation(number: int) -> tuple[str, bytes | NDArray[Any]]:
    """The picture of a number, and a word for it. Numbers take turns between the formats, and between damaged and whole."""
    rng, files = np.random.default_rng([0, number]), write_files()
    kind = tuple(files)[number // 2 % len(files)]
    if number % 2:
        page = render_pages()[int(rng.integers(len(render_pages())))]
        for _ in range(int(rng.integers(1, 4))):
            page = change_pixels(page, rng)
        shape = SHAPES[int(rng.choice([place for place, one in enumerate(SHAPES) if one[0] == kind]))]
        if rng.random() < 0.2:
            return "array", page[:, :, 0] if rng.random() < 0.5 else page.astype(float) / 255
        return kind, write_picture(page, *shape)
    data = files[kind][int(rng.integers(len(files[kind])))]
    if rng.random() < 0.1:
        other = files[str(rng.choice(list(files)))][0]
        data = data[: int(len(data) * rng.random())] + other[int(len(other) * rng.random()) :]
    elif kind == "PNG" and rng.random() < 0.5:
        data = repair_png(data, rng)
    else:
        data = set_field(data, rng) if rng.random() < 0.4 else change_bytes(data, rng)
        for _ in range(int(rng.integers(3))):
            data = change_bytes(data, rng) if data else data
    return kind, data


def find_fault(picture: Any) -> str:
    """Prepare a picture, and return what is wrong with the outcome; nothing if it is as promised."""
    started = time.process_time()
    try:
        prepared = prepare_picture(picture)
    except PictureError as error:
        sentence = str(error)
        fault = "" if sentence.isprintable() and 20 < len(sentence) < 350 else f"not one sentence: {sentence!r}"
    except Exception:
        fault = traceback.format_exc()
    else:
        image, found = prepared.image, prepared.digits_found
        whole = image.dtype == np.uint8 and image.shape == (28, 28) and image.any() and found >= 0
        finite = all(np.isfinite(step).all() for step in prepared.steps.values())
        fault = "" if whole and finite else f"not an image: {image.dtype} {image.shape} {found}, finite steps: {finite}"
    seconds = time.process_time() - started
    return fault or (f"took {seconds:.1f} s" if seconds > SECONDS else "")


def main() -> None:
    """Try the pictures of some numbers. Each number is printed before its picture is tried, in case the process dies."""
    first, last = map(int, sys.argv[1:3])
    for number in range(first, last):
        kind, picture = make_mutation(number)
        if sys.argv[3:] and isinstance(picture, bytes):
            (Path(sys.argv[3]) / f"mutation-{number}.{kind.lower()}").write_bytes(picture)
        sys.stdout.write(f"{number} {kind}: ")
        sys.stdout.flush()
        sys.stdout.write(f"{find_fault(picture)}\n")


if __name__ == "__main__":
    main()
