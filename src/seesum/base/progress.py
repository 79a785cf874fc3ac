"""Show the progress of long jobs: a live bar on a terminal or in a notebook, plain lines elsewhere.

Everything but the bar in a notebook goes to standard error.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress as Bar, TaskID

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_UPDATES = 0.2
"""A notebook's cell is not changed more often than this."""
BAR_WIDTH = 30
"""Characters of a bar."""


class Progress:
    """Show one job with a known number of steps, as a context manager. ``quiet`` shows nothing."""

    def __init__(self, job: str, steps: int, quiet: bool = False) -> None:
        """Name the job and its number of steps. Nothing is shown before the block is entered."""
        self.job, self.steps, self.quiet = job, steps, quiet
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._cell: _Cell | None = None
        self._last_line = time.monotonic()

    def __enter__(self) -> Progress:
        """Show the bar on a terminal or in a notebook, or the first line elsewhere."""
        if self.quiet:
            return self
        if _runs_in_notebook():
            self._cell = _Cell(self.job, self.steps)
        elif sys.stderr.isatty():
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
        if self._cell is not None:
            self._cell.show()
            self._cell = None

    def update(self, done: int, status: str) -> None:
        """Show how many steps are done, with a status such as the loss. A plain line appears at most every ten seconds."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, status=status)
        elif self._cell is not None:
            self._cell.update(done, status)
        elif time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self.note(f"{self.job}: {done:,} of {self.steps:,}  {status}")

    def note(self, line: str) -> None:
        """Print a line that stays above the bar."""
        self._last_line = time.monotonic()
        if self.quiet:
            return
        if self._bar is not None:
            self._bar.console.print(line, highlight=False)
        elif self._cell is not None:
            self._cell.note(line)
        else:
            say(line)


class _Cell:
    """The output of a notebook's cell: lines that stay, and below them a bar that changes. It needs no widgets."""

    def __init__(self, job: str, steps: int) -> None:
        """Show the bar of a job with no step done."""
        from IPython.display import display

        self.job, self.steps = job, steps
        self._done, self._status, self._lines = 0, "", list[str]()
        self._start = self._shown = time.monotonic()
        show: Any = display  # IPython has no types
        self._handle = show({"text/plain": self._write()}, raw=True, display_id=True)

    def update(self, done: int, status: str) -> None:
        """Keep how many steps are done, and show it if the cell has not changed for a moment."""
        self._done, self._status = done, status
        if time.monotonic() - self._shown > SECONDS_BETWEEN_UPDATES:
            self.show()

    def note(self, line: str) -> None:
        """Show a line above the bar."""
        self._lines.append(line)
        self.show()

    def show(self) -> None:
        """Show everything as it is now."""
        self._shown = time.monotonic()
        self._handle.update({"text/plain": self._write()}, raw=True)

    def _write(self) -> str:
        full = BAR_WIDTH * self._done // max(1, self.steps)
        bar = "█" * full + "░" * (BAR_WIDTH - full)
        seconds = time.monotonic() - self._start
        counts = f"{self._done:,} of {self.steps:,}  {seconds:.0f} s"
        return "\n".join([*self._lines, f"{self.job}  {bar}  {counts}  {self._status}".rstrip()])


def _runs_in_notebook() -> bool:
    """Return whether the code runs in a notebook's cell: in a shell of IPython that has a kernel. A terminal's has none."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def say(line: str) -> None:
    """Print a line for the user to standard error."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201
