"""TensorBoard: losses, accuracies and learning rate of each step and each epoch, as event files in the run directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seesum.base.errors import import_extra
from seesum.training.tracking import STEP_METRICS

FOLDER = "tensorboard"
"""In a run directory: it has the event files."""
STEP = {name: f"{name}/step" for name in (*STEP_METRICS, "lr")}
"""Column of ``steps.csv`` -> name of its scalar, which TensorBoard shows in the group before the stroke."""
EPOCH = {name: f"{name}/epoch" for name in STEP_METRICS} | {
    f"{split}_{name}": f"{name}/{split}" for split in ("validation", "test") for name in STEP_METRICS
}
"""The same for the columns of ``history.csv``."""


class EventLog:
    """Writes rows of ``history.csv`` and ``steps.csv`` as scalars."""

    def __init__(self, directory: Path, history: Sequence[Mapping[str, Any]], steps: Sequence[Mapping[str, Any]]) -> None:
        """Write the files of a run anew, from the rows that it has already. So no step of a resumed run is there twice."""
        from torch.utils.tensorboard import SummaryWriter

        for old in (directory / FOLDER).glob("events.out.tfevents.*"):
            old.unlink()
        self._writer = SummaryWriter(str(directory / FOLDER))
        self.add(history, steps)

    @staticmethod
    def check_installed() -> None:
        """Make sure that what writes event files can be imported.

        Raises:
            JobError: the package tensorboard is not installed.
        """
        import_extra("tensorboard", "tensorboard")

    def add(self, history: Sequence[Mapping[str, Any]], steps: Sequence[Mapping[str, Any]]) -> None:
        """Write epochs and their steps to the disk."""
        for rows, place, tags in ((history, "epoch", EPOCH), (steps, "step", STEP)):
            for row in rows:
                for name, tag in tags.items():
                    if name in row:
                        self._writer.add_scalar(tag, float(row[name]), int(float(row[place])))
        self._writer.flush()

    def close(self) -> None:
        """Close the files."""
        self._writer.close()
