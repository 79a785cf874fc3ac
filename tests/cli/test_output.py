"""Tables fit the terminal, or become lines; pictures have the format of their ending; progress ends cleanly."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import seesum

PICTURE = Path(__file__).parents[2] / "examples" / "three.png"
STARTS = {".png": b"\x89PNG", ".SVG": b"<?xml", ".pdf": b"%PDF", ".jpg": b"\xff\xd8\xff", ".jpeg": b"\xff\xd8\xff"}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make rich see a terminal of the given width."""

    def resize(width: int) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(width))

    return resize


@pytest.mark.parametrize("width", [20, 40, 47])
def test_a_narrow_terminal_gets_lines(command: Any, terminal: Any, width: int) -> None:
    terminal(width)
    lines = command("predict", PICTURE, "--add", 7).out.splitlines()
    assert lines[:5] == [f"picture: {PICTURE}", "digit: 3", lines[2], "add: 7", "sum: 10"]
    assert lines[2].startswith("p(digit): 9")


@pytest.mark.parametrize("width", [48, 80, 107, 108, 109, 112, 120, 200])
def test_no_width_breaks_a_word_or_loses_one(command: Any, terminal: Any, width: int) -> None:
    rows = command("systems", "--json").json["systems"]
    terminal(width)
    printed = command("systems").out
    if width < 108:
        assert printed.startswith("system: squeeze\nparameters: ")
        assert all(f"summary: {row['summary']}\n" in printed for row in rows)
    else:
        printed = re.sub("\x1b\\[[0-9;]*m", "", printed)
        assert "system:" not in printed
        words = set(printed.split())
        assert not {word for row in rows for word in row["summary"].split()} - words
        assert max(map(len, printed.splitlines())) <= width


@pytest.mark.parametrize("width", [None, 80, 300])
def test_a_pipe_gets_each_row_in_a_line(command: Any, monkeypatch: pytest.MonkeyPatch, width: int | None) -> None:
    monkeypatch.delenv("COLUMNS") if width is None else monkeypatch.setenv("COLUMNS", str(width))
    rows = command("systems", "--json").json["systems"]
    _, _, _, *lines = command("systems").out.splitlines()
    assert [line.split()[0] for line in lines if line.strip()] == [row["system"] for row in rows]
    assert all(row["summary"] in line for row, line in zip(rows, lines, strict=False))


@pytest.mark.parametrize("ending", [pytest.param(one, marks=() if one == ".png" else pytest.mark.slow) for one in STARTS])
def test_a_picture_has_the_format_of_its_ending(command: Any, elsewhere: Path, ending: str) -> None:
    for again in ("first", "second"):
        plots = ("--plot", f"{again}{ending}", "--explain", f"{again}-steps{ending}")
        assert command("predict", PICTURE, "--add", 1, *plots).code == 0
        assert (elsewhere / f"{again}-steps{ending}").read_bytes().startswith(STARTS[ending])
    first, second = ((elsewhere / f"{again}{ending}").read_bytes() for again in ("first", "second"))
    assert first.startswith(STARTS[ending])
    assert first == second  # no date and no random name


def test_show_has_the_format_of_its_ending(command: Any, elsewhere: Path) -> None:
    assert command("show", "table", "--run", "fast", "--plot", "table.svg").code == 0
    assert b"<svg" in (elsewhere / "table.svg").read_bytes()


@pytest.mark.parametrize("name", ["x.gif", "x", ".png", "x.png.txt"])
@pytest.mark.parametrize("words", [("predict", "nothing.png", "--add", 1, "--explain"), ("show", "samples", "--plot")])
def test_another_ending_is_refused_before_any_work(command: Any, elsewhere: Path, words: Any, name: str) -> None:
    done = command(*words, name)
    assert (done.code, done.out) == (2, "")
    assert (
        done.err
        == f"seesum: {name} ends in no format for a picture; give a name that ends in .png, .svg, .pdf, .jpg or .jpeg\n"
    )
    assert list(elsewhere.iterdir()) == []


def test_evaluate_prints_two_tables_or_a_line(command: Any, elsewhere: Path, small_data: Path) -> None:
    """With the adder concat, the addends differ. With exact, they do not."""
    seesum.train("fast", adder="concat", data=small_data, out=elsewhere / "concat", plot=False, quiet=True)
    unequal = command("evaluate", "concat").out
    assert unequal.count("digit right") == 2
    assert re.search(r"^ +addend +images +digit right +sum right *$", unequal, re.MULTILINE)
    assert "Every addend" not in unequal
    equal = command("evaluate", "hand", "--data", small_data).out
    assert "Every addend from 0 to 9 has the same accuracy: digit right" in equal
    assert not re.search(r"^ +addend ", equal, re.MULTILINE)


@pytest.mark.slow
def test_export_leaves_no_folder(elsewhere: Path) -> None:
    """torch's exporter makes a folder for temporary files when it is imported, so this needs a new process."""
    temporary = elsewhere / "temporary"
    temporary.mkdir()
    code = "import sys\nsys.argv = ['seesum', 'export', 'fast', '--to', 'x.onnx']\nfrom seesum.cli.app import main\nmain()\n"
    environment = os.environ | {"TMPDIR": str(temporary)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    assert sorted(elsewhere.rglob("*")) == [temporary, elsewhere / "x.onnx"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_an_interruption_leaves_one_bar_above_the_farewell(elsewhere: Path) -> None:
    import pty

    master, slave = pty.openpty()
    words = ["train", "logit", "--images", "3000", "--epochs", "40", "--out", "run", "--no-plot"]
    process = subprocess.Popen([sys.executable, "-m", "seesum", *words], stdout=slave, stderr=slave)
    os.close(slave)
    printed = b""
    while b"1/40" not in printed and not (elsewhere / "run" / "history.csv").exists():
        printed += os.read(master, 65536)
    process.send_signal(signal.SIGINT)
    try:
        while more := os.read(master, 65536):
            printed += more
    except OSError:  # the other end is closed
        pass
    assert process.wait(60) == 130
    _, *after = printed.decode().split("stopped; ")
    assert len(after) == 1
    assert "go on with: seesum train --resume" in after[0]
    assert "━" not in after[0]
    assert after[0].strip().endswith("(a study: with the same command)") or "Aborted" in after[0]
