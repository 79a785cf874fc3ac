"""Who watches a training: the user's function, which may stop it after any epoch, and a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from seesum.base.errors import InputError
from seesum.base.registry import look_up
from seesum.runs.run import Run
from seesum.training.events import EventLog

Rows: TypeAlias = Sequence[Mapping[str, Any]]
OnEpoch: TypeAlias = Callable[[dict[str, Any]], object]
"""Gets the row of ``history.csv`` of an epoch with numbers as values, and ``epochs``, the planned number of epochs.

It returns ``"stop"`` to end the training, and None to go on.
"""
STOP = "stop"
"""What the user's function returns to end the training."""
LOGS: dict[str, type[EventLog]] = {"tensorboard": EventLog}
"""The logs that a training can write, by name."""


class Watchers:
    """The user's function and the log of one training."""

    def __init__(self, on_epoch: OnEpoch | None = None, log: str | None = None) -> None:
        """Check both, before anything is written.

        Raises:
            InputError: an unknown log, or a function that cannot be called.
            JobError: the package of the log is not installed.
        """
        if on_epoch is not None and not callable(on_epoch):
            raise InputError(f"on_epoch is of the type {type(on_epoch).__name__}; give a function of one argument")
        self.on_epoch = on_epoch
        self._failed = False
        self._kind = None if log is None else look_up(LOGS, log, "log")
        self._log: EventLog | None = None
        if self._kind:
            self._kind.check_installed()

    @contextmanager
    def watching(self, run: Run, history: Rows, steps: Rows) -> Iterator[None]:
        """Write the log of a run within a block. It begins with the epochs and steps that the run has already."""
        if self._kind is None:
            yield
            return
        self._log = self._kind(run.directory, history, steps)
        try:
            yield
        finally:
            self._log.close()

    def tell(self, row: Mapping[str, Any], steps: Rows, planned: int) -> bool:
        """Log an epoch, and return whether the user's function stops the training.

        Args:
            row: the epoch's row of ``history.csv``.
            steps: its rows of ``steps.csv``.
            planned: the number of epochs of the recipe.

        Raises:
            InputError: the function returned neither "stop" nor None.
        """
        if self._log:
            self._log.add([row], steps)
        if self.on_epoch is None:
            return False
        self._failed = True  # unless the function comes to its end
        answer = self.on_epoch({**row, "epochs": planned})
        if answer is not None and not (isinstance(answer, str) and answer == STOP):
            raise InputError(f'on_epoch returned {answer!r}; return "stop" to end the training, and None to go on')
        self._failed = False
        return answer is not None

    def ended(self, error: BaseException) -> bool:
        """Return whether the user has ended the training: by Ctrl-C, or by an exception in the function."""
        return self._failed or isinstance(error, KeyboardInterrupt)
