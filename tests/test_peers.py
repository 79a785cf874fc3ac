"""benchmarks/peers.py: programs are compared on simulated pictures and on folders; rows are kept; bad input is refused."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from peers import main
from programs import PEERS, Peer, find_files
from seesum.base.errors import InputError, JobError
from seesum.base.files import read_csv
from views import Setting

ROOT = Path(__file__).parents[1]


def run_peers(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "peers.py"), *words]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Make a folder with a PNG, a JPEG and a blank picture."""
    for digit, source, name in ((4, "photo-4.jpg", "a.jpg"), (3, "three.png", "b.png")):
        (tmp_path / "own" / str(digit)).mkdir(parents=True)
        shutil.copyfile(ROOT / "examples" / source, tmp_path / "own" / str(digit) / name)
    Image.new("L", (40, 40), 255).save(tmp_path / "own" / "3" / "blank.png")
    (tmp_path / "own" / "3" / ".hidden").write_text("no picture")
    return tmp_path / "own"


def test_a_setting_cuts_scales_and_turns_light() -> None:
    grey = np.full((100, 80), 240, np.uint8)
    grey[20:60, 30:50] = 20
    picture = Image.fromarray(grey).convert("RGB")
    assert Setting().apply(picture) is picture
    cut = np.asarray(Setting(0.25, bright=True).apply(picture))
    assert cut.shape == (60, 40, 3)
    assert cut[30, 20, 0] == 235
    assert cut[0, 0, 0] == 15
    square = np.asarray(Setting(2.0, True, True, height=28).apply(picture))
    assert square.shape == (28, 28, 3)
    assert square[0, 0, 0] == 255
    assert square[14, 14, 0] < 10, "smooth scaling overshoots a little"
    blank = Image.new("RGB", (9, 9), "white")
    assert Setting(0.25).apply(blank).size == (9, 9)


def test_installed_files_are_found_once() -> None:
    own, deep = find_files(["typer"], deep=False), find_files(["Typer"])
    assert own < deep
    assert any("rich" in path.parts for path in deep - own)
    assert find_files(["no-such-distribution"]) == set()


@pytest.mark.slow
@pytest.mark.long
def test_a_folder_is_measured_once(pictures: Path, tmp_path: Path) -> None:
    words = ("measure", "--pictures", str(pictures), "--peer", "seesum", "Otsu, crop, centre", "--out", "rows")
    done = run_peers(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    first = read_csv(tmp_path / "rows" / "peers.csv")
    assert [row["peer"] for row in first] == ["seesum", "Otsu, crop, centre"]
    assert (first[0]["part"], first[0]["n"], first[0]["right"], first[0]["answered"]) == ("own", "3", "66.67", "66.67")
    assert float(first[0]["milliseconds"]) > 0
    assert 5 < float(first[0]["own_mb"]) < float(first[0]["whole_mb"])

    done = run_peers(tmp_path, *words[:3], "--out", "rows", "--peer", "seesum", "resize, invert")
    assert done.returncode == 0, done.stderr
    rows = read_csv(tmp_path / "rows" / "peers.csv")
    assert rows[:2] == first, "finished rows stay"
    assert [row["peer"] for row in rows] == ["seesum", "Otsu, crop, centre", "resize, invert"]


@pytest.mark.slow
def test_simulated_pictures(tmp_path: Path) -> None:
    words = ("--seen", "--count", "4", "--only", "small, MNIST", "--peer", "seesum", "resize, invert", "--out", "rows")
    done = run_peers(tmp_path, "measure", *words)
    assert done.returncode == 0, done.stderr
    rows = read_csv(tmp_path / "rows" / "peers.csv")
    assert {(row["part"], row["digits"], row["n"]) for row in rows} == {("small", "MNIST", "4")}
    assert all(row["network"].endswith("has seen these digits") for row in rows)
    assert float(rows[0]["right"]) >= 75


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--peer", "rapidorc", "--seen"), "there is no peer 'rapidorc' (did you mean 'rapidocr'?)"),
        (("--pictures", "nowhere"), "nowhere holds no labelled pictures"),
        (("--pictures", "text"), "cannot be read as a picture"),
        (("--run", "fast"), "fast was trained on images that are simulated here"),
        ((), "simulated pictures need --run RUN"),
        (("--seen", "--only", "scrawls"), "no part has 'scrawls' in its name"),
        (("--pictures", "own", "--out", "other", "--peer", "seesum"), "has other columns"),
    ],
)
def test_bad_input_gets_a_sentence(
    words: tuple[str, ...], sentence: str, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures.parent)
    Path("text/4").mkdir(parents=True)
    Path("text/4/four.png").write_text("no picture")
    Path("other").mkdir()
    Path("other/peers.csv").write_text("a,b\n1,2\n")
    monkeypatch.setattr(sys, "argv", ["peers.py", "measure", *words])
    with pytest.raises(InputError, match=re.escape(sentence)):
        main()


@pytest.mark.parametrize("words", [("--count", "0"), ("--seed", "-1"), ("--pictures", "own", "--only", "small")])
def test_bad_numbers_end_with_exit_code_2(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["peers.py", "measure", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert words[-2] in capsys.readouterr().err


def test_programs_that_are_not_installed_are_named(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["peers.py", "measure", "--pictures", str(pictures), "--peer", "no-such"])
    monkeypatch.setitem(PEERS, "no-such", Peer("no-such", None, lambda: lambda _: 0, ("no-such-distribution",)))
    with pytest.raises(JobError, match="none of the programs can be measured here"):
        main()
    assert "no-such: not installed; pip install no-such-distribution" in capsys.readouterr().err


@pytest.mark.slow
def test_the_script_ends_with_exit_code_2(tmp_path: Path) -> None:
    done = run_peers(tmp_path, "measure")
    assert (done.returncode, done.stderr.splitlines()[-1][:9]) == (2, "peers.py:")
    assert "Traceback" not in done.stderr


def test_the_page_shows_the_rows() -> None:
    stored = read_csv(ROOT / "results" / "peers.csv")
    text = (ROOT / "docs" / "explanation" / "preparing.md").read_text().partition("## Beside other programs")[2]
    header, _, *lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == len({row["peer"] for row in stored})
    for peer, *shown, _ in lines:
        for part, value in zip(header[1:-1], shown, strict=True):
            (row,) = (row for row in stored if (row["peer"], row["part"], row["digits"]) == (peer, part, "MNIST"))
            assert f"{float(row['right']):.1f}" == value, (peer, part)
