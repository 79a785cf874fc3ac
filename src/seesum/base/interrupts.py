"""Signals that end a job: Ctrl-C while packages are imported, and TERM and HUP while a network is trained."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

IMPORTING = "<frozen importlib._bootstrap>"
"""The file of Python's own functions that import a module."""
INTERRUPTED = 130
"""Exit code of a program that Ctrl-C has ended."""
ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""The signals that end a process without Ctrl-C. Windows has no HUP."""


@contextmanager
def end_in_imports() -> Iterator[None]:
    """Let Ctrl-C end the program at once within a block while a package is being imported.

    Some packages catch every exception while they are imported, also the one of Ctrl-C, and then the program would go on.
    Nothing of ours is open at that time. A program that ignores Ctrl-C, such as one in the background, still does.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code.co_filename == IMPORTING:
                os._exit(INTERRUPTED)
            frame = frame.f_back
        signal.default_int_handler(number, frame)

    if not _handles(signal.SIGINT, signal.default_int_handler):
        yield
        return
    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def end_as_interrupted() -> Iterator[None]:
    """Let TERM and HUP raise a KeyboardInterrupt within a block, as Ctrl-C does. After the block they end the process.

    Signals that the program ignores or handles itself are left alone.
    """
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.default_int_handler(number, frame)

    handled = [one for one in ENDING if _handles(one, signal.SIG_DFL)]
    for one in handled:
        signal.signal(one, stop)
    try:
        yield
    finally:
        for one in handled:
            signal.signal(one, signal.SIG_DFL)
        if received:
            signal.raise_signal(received[0])


def _handles(number: int, handler: object) -> bool:
    """Return whether a signal has this handler, and may get another: Python allows that in its main thread alone."""
    return threading.current_thread() is threading.main_thread() and signal.getsignal(number) == handler
