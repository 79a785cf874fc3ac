"""Run a program of ``programs.py`` in a process of its own, on one core with one thread."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from typing import NamedTuple, Self

from PIL import Image

from answering import ONE_THREAD
from programs import PEERS, Peer
from seesum.base.errors import JobError
from views import Setting

THREADS = {**ONE_THREAD, "OMP_THREAD_LIMIT": "1", "OPENCV_FOR_THREADS_NUM": "1"}
"""Environment in which libraries, Tesseract and OpenCV use one thread. ONNX Runtime is told so by ``programs.py``."""


class Outcome(NamedTuple):
    """What a program makes of a picture."""

    digit: int | None
    milliseconds: float | None
    """None if the program crashed."""


class Worker:
    """A process with one program, as a context manager. It starts again after a crash."""

    def __init__(self, peer: Peer, run: str) -> None:
        """Start the process.

        Raises:
            JobError: the program is installed but does not start.
        """
        self.peer, self.run = peer, run
        self._start()

    def __enter__(self) -> Self:
        """Return the worker."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()

    def _start(self) -> None:
        os.environ.update(THREADS)
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, self.peer.name, self.run), daemon=True)
        self.process.start()
        theirs.close()
        try:
            problem = self.pipe.recv()
        except EOFError:
            problem = "its process ended"
        if problem:
            self.process.join()
            raise JobError(f"{self.peer.name} is installed but does not start: {problem}")

    def answer(self, data: bytes, setting: Setting | None) -> Outcome:
        """Return what the program makes of a picture's file.

        Raises:
            JobError: the program has crashed and does not start again.
        """
        try:
            self.pipe.send((data, setting))
            return Outcome(*self.pipe.recv())
        except (EOFError, OSError):
            self.process.join()
            self._start()
            return Outcome(None, None)


def serve(pipe: Connection, name: str, run: str) -> None:
    """Answer the pictures that come through a pipe. The first message back is empty, or says why the program does not start."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    blank = io.BytesIO()
    Image.new("L", (64, 64), 255).save(blank, "PNG")
    try:
        read = PEERS[name].start(run)
        read(blank.getvalue(), None)
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")
        return
    pipe.send("")
    while True:
        try:
            data, setting = pipe.recv()
        except EOFError:
            return
        start = time.process_time()
        try:
            digit = read(data, setting)
        except Exception:
            digit = None
        pipe.send((digit, 1000 * (time.process_time() - start)))
