"""benchmarks/*.py: each script runs to its end, with few images or rounds."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import seesum
from seesum.base.files import read_csv

ROOT = Path(__file__).parents[1]


def run_script(place: Path, name: str, *words: str) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / name), *words]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def run_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """Run a script in this process, which has imported torch, and return its exit code and what it printed."""

    def run(name: str, *words: str) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *words])
        code: Any = 0
        try:
            runpy.run_path(str(ROOT / "benchmarks" / name), run_name="__main__")
        except SystemExit as ended:
            code = ended.code
        printed = capfd.readouterr()
        # Python prints a text with which a program ends, and ends it with exit code 1
        return (1, printed.out, f"{printed.err}{code}\n") if isinstance(code, str) else (code or 0, *printed)

    return run


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("words", [("train",), ("infer", "--systems", "fast")])
def test_speed(words: tuple[str, ...], tmp_path: Path) -> None:
    printed = run_script(tmp_path, "speed.py", *words, "--images", "500", "--rounds", "1")
    assert "fast" in printed
    assert not list(tmp_path.iterdir()), "a trial stores nothing"


@pytest.mark.slow
@pytest.mark.long
def test_speed_of_published_systems(tmp_path: Path) -> None:
    printed = run_script(tmp_path, "speed.py", "published", "--systems", "wide", "--images", "100", "--rounds", "1")
    assert "wide: " in printed


@pytest.mark.slow
@pytest.mark.long
def test_start(tmp_path: Path) -> None:
    printed = run_script(tmp_path, "start.py", "--rounds", "1")
    assert "predict, torch" in printed
    assert not list(tmp_path.iterdir()), "a trial stores nothing"


@pytest.mark.slow
def test_formulas(run_here: Any, tmp_path: Path) -> None:
    code, printed, err = run_here("formulas.py", "--images", "6000", "--first", "1")
    assert code == 0, err
    assert re.search(r"abs\(d - a\) +10 +100 ", printed), "ten answers, and each of the 100 cells is right"
    assert not list(tmp_path.iterdir()), "a trial stores nothing"


@pytest.mark.slow
@pytest.mark.parametrize("words", [("cost", "--images=40", "--rounds=1"), ("approaches", "--images=200", "--epochs=1")])
def test_sums(words: tuple[str, ...], run_here: Any, tmp_path: Path) -> None:
    code, printed, err = run_here("sums.py", *words, "--digits", "1", "2")
    assert code == 0, err
    assert all(name in printed for name in ("carry recursion", "enumeration", "column marginals"))
    assert not list(tmp_path.iterdir()), "a trial stores nothing"


def test_synthetic(run_here: Any, tmp_path: Path) -> None:
    assert run_here("synthetic.py", "synthetic.png")[0] == 0
    assert (tmp_path / "synthetic.png").stat().st_size > 10_000


@pytest.mark.slow
def test_ensemble(run_here: Any, tmp_path: Path, small_data: Path) -> None:
    common: dict[str, Any] = {"data": small_data, "split": "validate", "plot": False, "quiet": True}
    for seed in (0, 1):
        seesum.train("fast", seed=seed, out=tmp_path / str(seed), **common)
    code, printed, err = run_here("ensemble.py", "0", "1", "--out", "results")
    assert code == 0, err
    assert [line.count("validation: ") for line in printed.splitlines()] == [1, 1, 1, 0]
    (row,) = read_csv(tmp_path / "results" / "ensemble.csv")
    assert (row["members"], row["n"], row["evaluated_on"]) == ("2 fast", "2", "validation")
    assert f"digit {float(row['digit_accuracy']):.3%}" in printed


@pytest.mark.slow
def test_pictures(run_here: Any, tmp_path: Path) -> None:
    for folder in ("results", "docs", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    made = [f"results/{name}.png" for name in ("frontier", "published", "adders")]
    made += [f"docs/pictures/{name}.png" for name in ("answers", "samples", "steps", "table")]
    for name in made:
        (tmp_path / name).unlink()
    code, _, err = run_here("pictures.py")
    assert code == 0, err
    assert all((tmp_path / name).stat().st_size > 10_000 for name in made)


def test_photos_as_files(run_here: Any, tmp_path: Path) -> None:
    assert run_here("photos.py", "write", "pictures", "--count", "2")[0] == 0
    files = sorted(path.relative_to(tmp_path / "pictures") for path in tmp_path.rglob("*-*.*"))
    assert {path.name for path in files} == {
        f"{kind}-{number}.{suffix}"
        for kind, suffix in (("photos", "jpg"), ("scans", "png"), ("drawings", "png"), ("small", "png"), ("tiny", "png"))
        for number in (0, 1)
    } | {"full-bleed-0.png", "full-bleed-1.png"} | {path.name for path in files if path.name.startswith("cut-close")}
    assert len(files) == 14
    assert all(path.parent.name in "0123456789" for path in files)
    for path in files:
        Image.open(tmp_path / "pictures" / path).load()


@pytest.mark.slow
@pytest.mark.long
def test_photos(tmp_path: Path) -> None:
    shared: dict[str, Any] = {"split": "validate", "images": "1000", "plot": False, "quiet": True}
    run = seesum.train("fast", out=tmp_path / "run", **shared)
    words = ("--run", str(run.directory), "--count", "1", "--out", "results")
    for what, name in (("measure", "photos"), ("steps", "photos-steps"), ("doubts", "photos-doubts")):
        run_script(tmp_path, "photos.py", what, *words)
        assert len(read_csv(tmp_path / "results" / f"{name}.csv")) > 4
    run_script(tmp_path, "photos.py", "sheet", "sheet.png", *words[:4])
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
    run_script(tmp_path, "photos.py", "write", "again", "--count", "2")
    run_script(tmp_path, "photos.py", "write", "pictures", "--count", "2")
    for path in (tmp_path / "again").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "pictures" / path.relative_to(tmp_path / "again")).read_bytes()


def test_a_run_that_was_trained_on_the_simulated_images_is_refused(run_here: Any) -> None:
    code, _, err = run_here("photos.py", "doubts", "--run", "fast", "--count", "1")
    assert code != 0
    assert "fast was trained on images that are simulated here" in err
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.long
def test_before_and_after(tmp_path: Path) -> None:
    words = (
        "--before",
        str(ROOT),
        "--run",
        "fast",
        "--seen",
        "--count",
        "2",
        "--only",
        "small, MNIST",
        "blank",
        "--out",
        "rows",
    )
    printed = run_script(tmp_path, "before_after.py", *words)
    assert "decoding" in printed
    rows = read_csv(tmp_path / "rows" / "before-after.csv")
    assert [(row["part"], row["n"], row["won"], row["lost"]) for row in rows] == [
        ("small", "2", "0", "0"),
        ("blank", "2", "0", "0"),
    ]
    assert {row["seen"] for row in rows} == {"yes"}
    assert all(float(row["ms_before"]) > 0 and float(row["ms_after"]) > 0 for row in rows)
    run_script(tmp_path, "before_after.py", *words)
    assert read_csv(tmp_path / "rows" / "before-after.csv") == rows, "finished parts are not measured again"


def test_a_comparison_refuses_a_folder_without_a_package(run_here: Any, tmp_path: Path) -> None:
    code, _, err = run_here("before_after.py", "--before", str(tmp_path), "--run", "fast", "--seen", "--only", "blank")
    assert code != 0
    assert "holds no package seesum in src" in err
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.parametrize("words", [("rates",), ("batching",), ("pictures", "--before", str(ROOT))], ids=lambda words: words[0])
def test_serve(words: tuple[str, ...], tmp_path: Path) -> None:
    printed = run_script(tmp_path, "serve.py", *words, "--rounds", "1", "--seconds", "0.2")
    assert "cpu ms" in printed
    assert not list(tmp_path.iterdir()), "a trial stores nothing"


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("--prepared",), ("--drawn",)])
def test_beside(words: tuple[str, ...], tmp_path: Path) -> None:
    printed = run_script(tmp_path, "beside.py", *words, "--count", "5", "--only", "12 megapixels")
    assert "p99 ms" in printed
    assert not list(tmp_path.iterdir()), "a trial stores nothing"


@pytest.mark.slow
@pytest.mark.long
def test_screenshots(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium is installed; .ci/run installs it")
    run_script(tmp_path, "screenshots.py", "--out", str(tmp_path), "--chromium", chromium)
    assert len(list(tmp_path.glob("page*.png"))) == 3
    with Image.open(tmp_path / "page.gif") as moving:
        assert moving.n_frames > 30  # type: ignore[attr-defined]
        assert moving.info["loop"] == 0, "it repeats"
        assert moving.width == 800


@pytest.mark.slow
@pytest.mark.long
def test_contention(tmp_path: Path) -> None:
    run_script(tmp_path, "contention.py", "--rounds", "1", "--images", "1000", "--out", "rows")
    rows = read_csv(tmp_path / "rows" / "contention.csv")
    assert {row["busy_processes"] for row in rows} == {"0", "1", "2"}
    assert {row["setting"] for row in rows} == {"seesum", "torch's default", "threads spin"}


@pytest.mark.slow
@pytest.mark.parametrize("what", ["latency", "accuracy", "flicker"])
def test_drawings(what: str, tmp_path: Path) -> None:
    if what == "flicker" and shutil.which("chromium") is None:
        pytest.skip("no chromium is installed; .ci/run installs it")
    run_script(tmp_path, "drawings.py", what, "--count", "3", "--out", "rows")
    rows = read_csv(tmp_path / "rows" / f"drawings-{what}.csv")
    assert {row["n"] for row in rows} == {"3"}
