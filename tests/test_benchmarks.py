"""benchmarks/*.py: each script runs to its end, with few images or rounds."""

from __future__ import annotations

import re
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


@pytest.mark.slow
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
def test_start(tmp_path: Path) -> None:
    printed = run_script(tmp_path, "start.py", "--rounds", "1")
    assert "predict, torch" in printed
    assert not list(tmp_path.iterdir()), "a trial stores nothing"


@pytest.mark.slow
def test_formulas(tmp_path: Path) -> None:
    printed = run_script(tmp_path, "formulas.py", "--images", "6000", "--first", "1")
    assert re.search(r"abs\(d - a\) +10 +100 ", printed), "ten answers, and each of the 100 cells is right"
    assert not list(tmp_path.iterdir()), "a trial stores nothing"


def test_synthetic(tmp_path: Path) -> None:
    run_script(tmp_path, "synthetic.py", "synthetic.png")
    assert (tmp_path / "synthetic.png").stat().st_size > 10_000


@pytest.mark.slow
def test_ensemble(tmp_path: Path, small_data: Path) -> None:
    common: dict[str, Any] = {"data": small_data, "split": "validate", "plot": False, "quiet": True}
    for seed in (0, 1):
        seesum.train("fast", seed=seed, out=tmp_path / str(seed), **common)
    printed = run_script(tmp_path, "ensemble.py", "0", "1", "--out", "results")
    assert [line.count("validation: ") for line in printed.splitlines()] == [1, 1, 1, 0]
    (row,) = read_csv(tmp_path / "results" / "ensemble.csv")
    assert (row["members"], row["n"], row["evaluated_on"]) == ("2 fast", "2", "validation")
    assert f"digit {float(row['digit_accuracy']):.3%}" in printed


@pytest.mark.slow
def test_pictures(tmp_path: Path) -> None:
    for folder in ("results", "docs", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    made = [f"results/{name}.png" for name in ("frontier", "published", "adders")]
    made += [f"docs/pictures/{name}.png" for name in ("answers", "samples", "steps", "table")]
    for name in made:
        (tmp_path / name).unlink()
    run_script(tmp_path, "pictures.py")
    assert all((tmp_path / name).stat().st_size > 10_000 for name in made)


def test_photos_as_files(tmp_path: Path) -> None:
    run_script(tmp_path, "photos.py", "write", "pictures", "--count", "2")
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


def test_a_run_that_was_trained_on_the_simulated_images_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "photos.py"), "doubts", "--run", "fast", "--count", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "fast was trained on images that are simulated here" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
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


def test_a_comparison_refuses_a_folder_without_a_package(tmp_path: Path) -> None:
    words = ["--before", str(tmp_path), "--run", "fast", "--seen", "--only", "blank"]
    command = [sys.executable, str(ROOT / "benchmarks" / "before_after.py"), *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "holds no package seesum in src" in done.stderr
    assert "Traceback" not in done.stderr


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
