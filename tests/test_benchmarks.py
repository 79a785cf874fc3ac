"""benchmarks/: each runs to its end in a small form. What they measure is not asked."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run_script(place: Path, name: str, *words: str) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / name), *words]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("words", [("train",), ("infer", "--systems", "fast")])
def test_speed(words: tuple[str, ...], tmp_path: Path) -> None:
    printed = run_script(tmp_path, "speed.py", *words, "--images", "500", "--rounds", "1")
    assert "fast" in printed
    assert not list(tmp_path.iterdir()), "a trial stores nothing"


@pytest.mark.slow
def test_speed_of_published_systems(tmp_path: Path) -> None:
    printed = run_script(tmp_path, "speed.py", "published", "--images", "100", "--rounds", "1")
    assert "wide: " in printed


def test_drawn(tmp_path: Path) -> None:
    run_script(tmp_path, "drawn.py", "drawn.png")
    assert (tmp_path / "drawn.png").stat().st_size > 10_000


def test_frontier(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results", tmp_path / "results")
    (tmp_path / "results" / "frontier.png").unlink(missing_ok=True)
    run_script(tmp_path, "frontier.py")
    assert (tmp_path / "results" / "frontier.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("what", ["rates", "batching"])
def test_serve(what: str, tmp_path: Path) -> None:
    printed = run_script(tmp_path, "serve.py", what, "--rounds", "1", "--seconds", "0.2")
    assert "cpu ms" in printed
    assert not list(tmp_path.iterdir()), "a trial stores nothing"


@pytest.mark.slow
def test_screenshots(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium is installed; .ci/run installs it")
    run_script(tmp_path, "screenshots.py", "--out", str(tmp_path), "--chromium", chromium)
    assert len(list(tmp_path.glob("page*.png"))) == 3
