"""A job that is killed wherever it changes the disk, and repeated, ends as if it had never been killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[1] / "faults.py"


def try_points(job: str, data: Path, folder: Path, stride: int) -> Any:
    """Kill a job at every so many points, and return what came out."""
    words = [sys.executable, str(PROGRAM), job, str(data), str(folder), str(stride)]
    done = subprocess.run(words, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_run_is_killed_at_some_points(small_data: Path, tmp_path: Path) -> None:
    found = try_points("train", small_data, tmp_path, stride=23)
    assert found["tried"] >= 3
    assert found["wrong"] == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("job", "stride", "least"),
    [
        pytest.param("train", 1, 60, marks=pytest.mark.long),
        ("train", 3, 20),
        pytest.param("taught", 5, 24, marks=pytest.mark.long),
        ("taught", 24, 5),
        pytest.param("study", 3, 25, marks=pytest.mark.long),
        ("study", 9, 8),
        ("calibrate", 1, 12),
    ],
)
def test_a_job_is_killed_at_every_point(small_data: Path, tmp_path: Path, job: str, stride: int, least: int) -> None:
    """Of the longest jobs every third or fifth point is tried, which is before a call as often as after one."""
    found = try_points(job, small_data, tmp_path, stride)
    assert found["tried"] == -(-found["points"] // stride) >= least
    assert found["wrong"] == {}
