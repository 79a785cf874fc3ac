"""What a network learns from, where that is not the labels of single images."""

from __future__ import annotations

from typing import Any

from seesum.base.progress import Progress
from seesum.training.state import State


class Lesson:
    """Something else to learn from than the labels of single images: ``sums.py`` has one."""

    def prepare(self, state: State) -> None:
        """Put what it needs on the device."""
        raise NotImplementedError

    def count_steps(self) -> int:
        """Return the number of steps in an epoch."""
        raise NotImplementedError

    def train_epoch(self, state: State, progress: Progress) -> tuple[list[dict[str, float]], dict[str, float]]:
        """Do what the function ``train_epoch`` does."""
        raise NotImplementedError

    def measure_epoch(self, state: State) -> dict[str, float]:
        """Return further columns of ``history.csv``."""
        raise NotImplementedError

    def evaluate(self, state: State) -> dict[str, Any]:
        """Return further metrics, which may replace others."""
        raise NotImplementedError
