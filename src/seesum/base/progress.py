"""Show the progress of long jobs on standard error: a live bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar, TaskID

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Show one job with a known number of steps, as a context manager. ``quiet`` shows nothing."""

    def __init__(self, job: str, steps: int, quiet: bool = False) -> None:
        """Name the job and its number of steps. Nothing is shown before the block is entered."""
        self.job, self.steps, self.quiet = job, steps, quiet
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._last_line = time.monotonic()

    def __enter__(self) -> Progress:
        """Show the bar on a terminal, or the first line elsewhere."""
        if self.quiet:
            return self
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress as Bar, TextColumn, TimeElapsedColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[status]}"),
            )
            self._bar = Bar(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task(self.job, total=self.steps, status="")
            self._bar.start()
        else:
            self.note(f"{self.job}: {self.steps:,} steps")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leave the bar as it is."""
        self.stop()

    def stop(self) -> None:
        """Leave the bar as it is. Later notes are plain lines below it."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def update(self, done: int, status: str) -> None:
        """Show how many steps are done, with a status such as the loss. A plain line appears at most every ten seconds."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, status=status)
        elif time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self.note(f"{self.job}: {done:,} of {self.steps:,}  {status}")

    def note(self, line: str) -> None:
        """Print a line that stays above the bar."""
        self._last_line = time.monotonic()
        if self.quiet:
            return
        if self._bar is not None:
            self._bar.console.print(line, highlight=False)
        else:
            say(line)


def say(line: str) -> None:
    """Print a line for the user to standard error."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201
