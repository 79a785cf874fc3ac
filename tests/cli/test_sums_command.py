"""cli/sums.py: the command prints what the run holds, and refuses what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seesum.runs.run import Run


@pytest.mark.slow
def test_the_command_prints_the_metrics(command: Any, small_data: Path, elsewhere: Path) -> None:
    words = ("sums", "--digits", 5, "--network", "lenet", "--epochs", 1, "--data", small_data, "--no-plot", "--out", "run")
    done = command(*words)
    assert done.code == 0, done.err
    metrics = Run(elsewhere / "run").metrics
    assert f"whole sums        {metrics['sum_accuracy']:.2%} of 10 right" in done.out
    assert "scout 1: " in done.err
    again = command("sums", "--resume", "run", "--no-plot", "--json")
    assert again.json == {"run": "run", **metrics}


def test_what_cannot_be_is_refused(command: Any, small_data: Path, elsewhere: Path) -> None:
    for words, message in (
        (("--digits", 51), "take 102 images, but there are 100 test images"),
        (("--network", "hand"), "network"),
        (("--wrong", 2), "wrong is 2.0, but must be at least 0 and below 1"),
        (("--set", "split=validate"), "split cannot be changed"),
    ):
        done = command("sums", *words, "--data", small_data)
        assert (done.code, done.out) == (2, "")
        assert message in done.err
    assert not list(elsewhere.iterdir())
