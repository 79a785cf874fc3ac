"""reading/opening.py and headers.py: limits on scans and time, true sentences, and headers read in linear time."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digits import SEVEN, draw_strokes
from hostile import encode, make_commented_gif, make_scans
from seesum.reading import decoding
from seesum.reading.decoding import decode_picture
from seesum.reading.headers import read_header
from seesum.reading.pictures import PictureError

NOISE = np.random.default_rng(0).integers(0, 255, (90, 130), np.uint8)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *(("PNG", {}), ("GIF", {}), ("BMP", {}), ("WEBP", {}), ("WEBP", {"lossless": True}), ("JPEG", {})),
        ("WEBP", {"save_all": True, "append_images": [Image.fromarray(NOISE)]}),
        ("JPEG", {"exif": b"Exif\0\0" + b"\xff\xda\0\x08" * 200, "comment": b"\xff\xc0\0\x11\x08\0\1\0\1"}),
    ],
)
def test_headers_tell_the_size(kind: str, options: dict[str, Any]) -> None:
    data = encode(NOISE, kind, **options)
    header = read_header(data)
    assert (header.kind, header.pixels, header.scans) == (kind, 90 * 130, 1)
    assert read_header(data[:30]).kind == kind
    for length in range(40):
        read_header(data[:length])


def test_scans_are_counted_up_to_the_end_of_the_picture() -> None:
    progressive = encode(NOISE, "JPEG", progressive=True)
    count = read_header(progressive).scans
    assert count is not None
    assert 2 < count < 20
    assert read_header(progressive + random.Random(0).randbytes(10**6)).scans == count, "phones append a film"
    assert read_header(encode(NOISE, "JPEG", restart_marker_blocks=1)).scans == 1
    assert read_header(make_scans(64, 377)).scans == 377


@pytest.mark.parametrize(
    "unit", [b"\xff", b"\xff\xfe\0\2", b"\xff\xda\0\2", b"\xff\xd8", b"\xff\0", b"\xff\xe0\xff\xff", b"\0"]
)
def test_a_header_takes_linear_time(unit: bytes) -> None:
    data = b"\xff\xd8\xff" + unit * (4 * 2**20 // len(unit))
    started = time.thread_time()
    read_header(data)
    assert time.thread_time() - started < 0.5


def test_a_jpeg_of_too_many_scans_gets_one_sentence() -> None:
    assert decode_picture(make_scans(200, 100)).shape == (200, 200, 3)
    with pytest.raises(PictureError, match=r"^the picture is a JPEG with 101 scans, more than 100; save it again"):
        decode_picture(make_scans(200, 101))
    started = time.thread_time()
    with pytest.raises(PictureError, match="377 scans"):
        decode_picture(make_scans(5000, 377))
    assert time.thread_time() - started < 1


def hide_scans(side: int) -> bytes:
    """A JPEG whose scans are not counted, since it has too many parts."""
    data = make_scans(side, 300)
    return data[:2] + b"\xff\xfe\0\2" * 5000 + data[2:]


@pytest.mark.parametrize("make", [lambda: make_commented_gif(20 * 2**20), lambda: hide_scans(3000)], ids=["comment", "scans"])
def test_decoding_ends_in_time_and_nothing_is_called_damaged(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "SECONDS", 0.2)
    path = tmp_path / "picture"
    path.write_bytes(make())
    for picture in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        started = time.monotonic()
        with pytest.raises(PictureError, match=r"in time \(decoding takes more than 0\.2 seconds\); make it smaller") as error:
            decode_picture(picture)
        assert "damaged" not in str(error.value)
        assert time.monotonic() - started < 4


@pytest.mark.slow
def test_the_command_line_has_the_same_bound(command: Any, elsewhere: Path) -> None:
    (elsewhere / "long.gif").write_bytes(make_commented_gif(30 * 2**20))
    draw_strokes(SEVEN).save(elsewhere / "seven.png")
    started = time.monotonic()
    done = command("predict", "long.gif", "--add", "7")
    assert time.monotonic() - started < 25
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "long.gif cannot be decoded in time (decoding takes more than 5 seconds)" in done.err
    both = command("predict", "long.gif", "seven.png", "--add", "7", "--json")
    assert ["error" in row for row in both.json["predictions"]] == [True, False]


def test_a_picture_that_needs_too_much_memory_is_not_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(decoding, "decode_opened", fail)
    with pytest.raises(PictureError, match="too little memory for it; make it smaller"):
        decode_picture(encode(NOISE))


def test_a_user_without_a_home_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"^there is no home folder for ~nobody-of-this-name/three.png; give the whole path"):
        decode_picture("~nobody-of-this-name/three.png")
    code = "import os\nos.setresuid(54321, 0, 0)\nfrom seesum.reading.decoding import decode_picture as d\nd('~/three.png')"
    if hasattr(os, "getuid") and os.getuid() == 0:  # only root can take a user id without a home
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={}, capture_output=True, text=True, check=False)
        assert "PictureError: there is no home folder for ~/three.png; give the whole path of an image file" in done.stderr


def test_what_the_system_refuses_is_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="cannot be read"):
        decode_picture(tmp_path / ("x" * 300))
