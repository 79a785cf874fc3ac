"""Locks that end with their process: on a folder, and on a file that is being written."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from seesum.base.errors import InputError

LOCK = ".lock"
"""The file that is locked where a folder cannot be: on Windows, and on some network drives."""
PAUSE = 0.02
"""Seconds between two tries."""


def try_lock(descriptor: int) -> bool:
    """Lock an open file or folder, and return whether nobody else had locked it. Closing it unlocks it.

    Raises:
        OSError: the system or the drive has no such locks.
    """
    if sys.platform == "win32":
        raise OSError("Windows has no flock")
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def hold_folder(folder: Path, refusal: str, patience: float = 0.0) -> Iterator[None]:
    """Hold the one lock on a folder within a block. The lock ends with its process, whatever ends that.

    Args:
        folder: the folder, which exists.
        refusal: the sentence for a user whose process does not get the lock.
        patience: how many seconds to wait for another process.

    Raises:
        InputError: another process holds the lock.
    """
    with ExitStack() as stack:
        try:
            _lock_folder(folder, patience, stack)
        except TimeoutError:
            raise InputError(refusal) from None
        yield


def _lock_folder(folder: Path, patience: float, stack: ExitStack) -> None:
    deadline = time.monotonic() + patience
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        stack.callback(os.close, descriptor)
        while not try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise TimeoutError
            time.sleep(PAUSE)
    except TimeoutError:
        raise
    except OSError:  # Windows opens no folder, and some network drives lock none
        from filelock import FileLock

        stack.enter_context(FileLock(folder / LOCK, timeout=patience))
