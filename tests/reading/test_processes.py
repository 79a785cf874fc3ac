"""reading/processes.py and worker.py: the process decodes as this one does, is killed in time, and leaves nothing behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from digits import FIVE, SEVEN, draw_strokes
from hostile import encode, make_commented_gif, make_marks
from seesum.reading.decoding import decode_opened
from seesum.reading.opening import FORMATS, LARGEST_PIXELS, open_image
from seesum.reading.preprocessing import prepare_picture
from seesum.reading.processes import LENGTHS, BrokenDecoderError, DecodingProcess, read_message, write_message

SEVEN_PNG = encode(draw_strokes(SEVEN))
PREPARE = {"do": "prepare", "formats": FORMATS, "pixels": LARGEST_PIXELS}
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def process() -> Iterator[DecodingProcess]:
    process = DecodingProcess()
    yield process
    process.close()


def find_id(process: DecodingProcess) -> int:
    assert process._process is not None
    return process._process.pid


def lives(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_when_asked(process: DecodingProcess) -> None:
    while not process._lock.locked():
        time.sleep(0.001)
    time.sleep(0.1)
    os.kill(find_id(process), signal.SIGKILL)


def wait_for_end(number: int) -> None:
    until = time.monotonic() + 10
    while lives(number):
        assert time.monotonic() < until, "the process goes on"
        time.sleep(0.02)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_it_decodes_and_prepares_to_the_bit(process: DecodingProcess, kind: str, tmp_path: Path) -> None:
    data = encode(draw_strokes(FIVE, (700, 500), (20, 30, 120), (240, 230, 210), mode="RGB", scale=2.5), kind)
    with open_image(io.BytesIO(data), "the picture") as image:
        colours = decode_opened(image, "the picture")
    path = tmp_path / "picture"
    path.write_bytes(data)
    for place, sent in ((None, data), (str(path), b"")):
        values, levels = process.ask({"do": "decode", "name": "x", "path": place}, sent, 3, colours.nbytes)
        np.testing.assert_array_equal(np.frombuffer(levels, np.float32).reshape(values["shape"]), colours)
    values, levels = process.ask(PREPARE, data, 3, 784)
    prepared = prepare_picture(data)
    assert values == {"digits_found": [prepared.digits_found], "pixels": 700 * 500}
    assert levels == prepared.image.tobytes()


def test_it_passes_refusals_on(process: DecodingProcess) -> None:
    values, levels = process.ask(PREPARE, encode(np.full((40, 50), 255, np.uint8)), 3, 784)
    assert (values["kind"], values["pixels"], levels) == ("BlankError", 2000, b"")
    assert "no ink" in values["error"]
    for data, few, kind in (
        (b"text", 10**6, "FormatError"),
        (SEVEN_PNG, 100, "LargePictureError"),
        (SEVEN_PNG[:300], 10**6, ""),
    ):
        values, _ = process.ask({**PREPARE, "pixels": few}, data, 3, 784)
        assert values["kind"] == (kind or "PictureError")


def test_one_that_takes_too_long_is_killed_and_replaced() -> None:
    process = DecodingProcess()
    process.ask(PREPARE, SEVEN_PNG, 3, 784)
    before, started = find_id(process), time.monotonic()
    with pytest.raises(TimeoutError, match=r"takes more than 0\.2 seconds"):
        process.ask(PREPARE, make_commented_gif(20 * 2**20), 0.2, 784)
    assert time.monotonic() - started < 3
    assert not lives(before)
    assert process.ask(PREPARE, SEVEN_PNG, 3, 784)[1] == prepare_picture(SEVEN_PNG).image.tobytes()
    assert find_id(process) != before
    process.close()


def test_one_that_hangs_or_dies_or_lies_is_replaced() -> None:
    process = DecodingProcess()
    process.ask(PREPARE, SEVEN_PNG, 3, 784)
    os.kill(find_id(process), signal.SIGSTOP)  # it takes no processor time, so only the clock can end it
    with pytest.raises(TimeoutError):
        process.ask(PREPARE, SEVEN_PNG, 0.1, 784)
    slow = make_commented_gif(20 * 2**20)  # made before, or a slow machine would kill the process before it is asked
    killer = threading.Thread(target=kill_when_asked, args=[process])
    killer.start()
    with pytest.raises(BrokenDecoderError):
        process.ask(PREPARE, slow, 9, 784)
    killer.join()
    process.start()
    os.kill(find_id(process), signal.SIGKILL)  # while it waits
    time.sleep(0.05)
    assert process.ask(PREPARE, SEVEN_PNG, 3, 784)[0]["digits_found"] == [1]
    with pytest.raises(BrokenDecoderError):
        process.ask(PREPARE, SEVEN_PNG, 3, 783)  # more bytes than expected
    process.close()


def test_a_message_of_the_wrong_form_is_refused() -> None:
    """A picture that takes over the process cannot fill the memory of this one."""
    for lengths, rest in (((2**20, 0), b""), ((2, 10), b"{}"), ((2, 0), b"[]"), ((3, 0), b"{]}"), ((9, 0), b"{}")):
        with pytest.raises((ValueError, EOFError)):
            read_message(io.BytesIO(LENGTHS.pack(*lengths) + rest), 9)
    pipe = io.BytesIO()
    write_message(pipe, {"a": [1]}, b"data")
    pipe.seek(0)
    assert read_message(pipe, 4) == ({"a": [1]}, b"data")


@linux
def test_it_is_bounded_quiet_and_without_torch(process: DecodingProcess) -> None:
    process.ask(PREPARE, encode(make_marks(300)), 3, 784)
    folder = Path(f"/proc/{find_id(process)}")
    limits = next(line for line in (folder / "limits").read_text().splitlines() if line.startswith("Max address space"))
    assert 2**30 < int(limits.split()[3]) < 4 * 2**30
    assert "torch" not in (folder / "maps").read_text()
    assert "onnx" not in (folder / "maps").read_text()
    os.kill(find_id(process), signal.SIGTERM)  # as systemd does to all processes of a service, before the server has finished
    os.kill(find_id(process), signal.SIGINT)
    assert process.ask(PREPARE, SEVEN_PNG, 3, 784)[0]["digits_found"] == [1]


ORPHAN = """
import os, signal, sys
from seesum.reading.decoding import PROCESS
PROCESS.start()
print(PROCESS._process.pid, flush=True)
{end}
"""


@linux
@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "sys.exit(0)"])
def test_it_ends_with_its_parent(end: str) -> None:
    done = subprocess.run([sys.executable, "-c", ORPHAN.format(end=end)], capture_output=True, text=True, check=False)
    wait_for_end(int(done.stdout))
    assert "ResourceWarning" not in done.stderr


FORKED = """
import json, os, sys
from seesum.reading.processes import DecodingProcess
from seesum.reading.opening import FORMATS
process = DecodingProcess()
question = {"do": "prepare", "formats": FORMATS, "pixels": 10**6}
data = open(sys.argv[1], "rb").read()
process.ask(question, data, 3, 784)
first = process._process.pid
if not os.fork():
    process.ask(question, data, 3, 784)
    print(json.dumps([first, process._process.pid]), flush=True)
    process.close()
    os._exit(0)
os.wait()
process.ask(question, data, 3, 784)
assert process._process.pid == first
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_after_a_fork_both_have_their_own(tmp_path: Path) -> None:
    (tmp_path / "seven.png").write_bytes(SEVEN_PNG)
    words = [sys.executable, "-c", FORKED, str(tmp_path / "seven.png")]
    first, second = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert first != second
