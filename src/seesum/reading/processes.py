"""A process of our own that decodes pictures, and that can be killed. No thread can be stopped inside a decoder written in C.

Both processes talk over two pipes. A message is a JSON object and bytes, each after its length. Neither runs code of the other:
a picture that takes over the decoding process still sends only a few values and pixels, and their length is limited.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, Any

LENGTHS = struct.Struct(">IQ")
"""Before each message: the length of its JSON and of its bytes."""
LONGEST_TEXT = 2**16
"""Largest JSON of a message, in bytes."""
SLOWER = 4
"""A picture may take so many times its processor time on the clock, since other programs may use the cores."""
START = 10.0
"""Seconds on the clock added for the start of the process."""


class BrokenDecoderError(Exception):
    """The process died while it decoded a picture: its decoder crashed."""


class DecodingProcess:
    """A process that decodes pictures, one at a time. It starts with the first one. If it dies, the next one starts another.

    It ends as soon as this process ends, however that happens, since its pipe is closed then.
    """

    def __init__(self) -> None:
        """Set up, and start nothing yet."""
        self._process: subprocess.Popen[bytes] | None = None
        self._lock, self._owner = threading.Lock(), os.getpid()
        self._ready = self._expired = False

    def ask(self, question: dict[str, Any], data: bytes, seconds: float, largest: int) -> tuple[dict[str, Any], bytes]:
        """Send a question with bytes, and return the answer with bytes.

        Args:
            question: the arguments of ``worker.answer``.
            data: the bytes of a file, or none.
            seconds: processor time after which the process is killed. On the clock it is four times as long.
            largest: the most bytes that the answer may have.

        Raises:
            TimeoutError: it took too long, and the process was killed.
            BrokenDecoderError: the process died, or its answer has the wrong form.
        """
        with self._hold():
            process = self._start()
            assert process.stdin is not None
            assert process.stdout is not None
            self._expired = False
            timer = threading.Timer(SLOWER * seconds + START * (not self._ready), self._expire, [process])
            timer.start()
            try:
                write_message(process.stdin, {**question, "seconds": seconds}, data)
                answer = read_message(process.stdout, largest)
                self._ready = True
                return answer
            except (OSError, EOFError, ValueError) as error:
                code = self._stop()
                if self._expired or code == -getattr(signal, "SIGPROF", 0):
                    raise TimeoutError(f"decoding takes more than {seconds:g} seconds") from error
                raise BrokenDecoderError("the decoding process died") from error
            except BaseException:
                self._stop()  # Ctrl-C in the middle of a message
                raise
            finally:
                timer.cancel()

    def start(self) -> None:
        """Start the process before its first picture. It gets ready while this one goes on."""
        with self._hold():
            self._start()

    def close(self) -> None:
        """End the process, whatever it does. A later question starts another."""
        lock, process = self._hold(), self._process
        if process is not None:
            process.kill()
        with lock:
            self._stop()

    def _hold(self) -> threading.Lock:
        """Return the lock to hold. A copy of this process that ``fork`` made leaves the other process to the original."""
        if self._owner != os.getpid():
            self._process, self._lock, self._owner = None, threading.Lock(), os.getpid()
        return self._lock

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._stop()  # it died while it waited, which is no picture's fault
        if self._process is None:
            self._ready = False
            # the same folders of modules as here, however they came into sys.path
            folders = [folder for folder in sys.path if isinstance(folder, str)]
            code = f"import sys; sys.path[:] = {folders!r}; from seesum.reading.worker import main; main()"
            # in a process group of its own, Ctrl-C in a terminal does not reach it
            self._process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
            )
            atexit.register(self.close)
        return self._process

    def _stop(self) -> int | None:
        """Kill the process if it runs, and return its exit code."""
        process, self._process = self._process, None
        if process is None:
            return None
        atexit.unregister(self.close)
        process.kill()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with suppress(OSError):  # what is left in the buffer cannot be written any more
                pipe.close()
        return process.wait()

    def _expire(self, process: subprocess.Popen[bytes]) -> None:
        self._expired = True
        process.kill()


def write_message(pipe: IO[bytes], values: dict[str, Any], data: bytes | memoryview) -> None:
    """Write a message to a pipe."""
    text = json.dumps(values).encode()
    pipe.write(LENGTHS.pack(len(text), len(data)) + text)
    pipe.write(data)
    pipe.flush()


def read_message(pipe: IO[bytes], largest: int | None = None) -> tuple[dict[str, Any], bytes]:
    """Read a message from a pipe.

    Raises:
        EOFError: the pipe was closed.
        ValueError: the message has the wrong form, or has more than ``largest`` bytes.
    """
    lengths = LENGTHS.unpack(_read(pipe, LENGTHS.size))
    if lengths[0] > LONGEST_TEXT or (largest is not None and lengths[1] > largest):
        raise ValueError(f"a message of {lengths[0]} and {lengths[1]} bytes is too long")
    text, data = (_read(pipe, length) for length in lengths)
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError("a message must be a JSON object")
    return values, data


def _read(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError("the other process has ended")
    return data
