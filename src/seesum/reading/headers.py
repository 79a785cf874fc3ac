"""Read from a file's first bytes how large its picture is, without decoding it. This needs neither numpy nor pillow."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_PARTS = 5_000
"""A JPEG's parts are counted up to here. Cameras write a few dozen, and large colour profiles some hundred."""
MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
"""A marker of a JPEG that begins a part: not an escaped byte, not a restart, not padding."""
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The markers of a JPEG's frame header, which holds the picture's size (ITU-T T.81, table B.1)."""
BARE = frozenset((0x01, 0xD8))
"""Markers of a JPEG that have no length."""
SCAN, END = 0xDA, 0xD9


@dataclass(frozen=True)
class Header:
    """What the first bytes of a picture's file tell. A file may lie, so a decoder checks the size again."""

    kind: str
    """PNG, JPEG, GIF, BMP or WEBP; empty for any other file."""
    pixels: int | None = None
    """Width times height; None if the bytes do not tell it."""
    scans: int | None = 1
    """How often the pixels are coded, for a progressive JPEG. None for a JPEG of more than ``MOST_PARTS`` parts."""


def read_header(data: bytes) -> Header:
    """Read the header of a picture's file. This takes linear time, whatever the bytes are."""
    if data.startswith(b"\xff\xd8\xff"):
        return _read_jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _make_header("PNG", data[16:20], data[20:24], "big")
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _make_header("GIF", data[6:8], data[8:10])
    if data.startswith(b"BM"):
        return _make_header("BMP", data[18:22], data[22:26])
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _read_webp(data)
    if data.startswith((b"II", b"MM")):
        return Header("TIFF")
    return Header("")


def _make_header(kind: str, width: bytes, height: bytes, order: str = "little") -> Header:
    """Make a header from the bytes of both sides; a BMP's height may be negative."""
    if not width or not height:
        return Header(kind)
    sides = [int.from_bytes(side, order, signed=kind == "BMP") for side in (width, height)]  # type: ignore[arg-type]
    return Header(kind, abs(sides[0] * sides[1]))


def _read_webp(data: bytes) -> Header:
    """Read the size in the first chunk of a WebP (RFC 9649): lossy, lossless or extended."""
    if data[12:16] == b"VP8 ":
        sides = [int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (26, 28)]
    elif data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        sides = [(bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1]
    else:
        sides = [int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27)]
    return Header("WEBP", sides[0] * sides[1])


def _read_jpeg(data: bytes) -> Header:
    """Read the size of a JPEG, and count its scans up to its end."""
    at, pixels, scans = 2, None, 0
    for _ in range(MOST_PARTS):
        found = MARKER.search(data, at)
        if found is None or found[1][0] == END:
            return Header("JPEG", pixels, scans)
        marker, at = found[1][0], found.end()
        if marker in BARE:
            continue
        if marker in FRAMES and pixels is None:
            height, width = (int.from_bytes(data[at + start : at + start + 2]) for start in (3, 5))
            pixels = width * height
        scans += marker == SCAN
        at += max(2, int.from_bytes(data[at : at + 2]))
    return Header("JPEG", pixels, None)
