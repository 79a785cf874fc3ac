"""Answer pictures, one after another, with the package of any checkout. ``before_after.py`` starts this file as a process.

    PYTHONPATH=CHECKOUT/src python benchmarks/answering.py RUN

A line of JSON on standard input, ``{"path": ...}``, gives a line on standard output: the digit or null, whether it is accepted,
and milliseconds of the processor. The first line says which package answers. Only what all checkouts have is used here.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

OWN_FILE = Path(__file__).resolve()
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment in which libraries use one thread. On Linux the process is also bound to one core."""


class Answered:
    """How a package answers a picture."""

    def __init__(self, line: dict[str, Any], truth: int) -> None:
        """Take a line of the process, and the true digit, or -1 if there is none."""
        self.digit: int | None = line["digit"]
        self.accepted: bool = line["accepted"]
        self.decoding_ms: float = line["decoding_ms"]
        """Milliseconds of decoding."""
        self.ms: float = line["ms"]
        """Milliseconds of everything after decoding: preparing and answering."""
        self.right = not line["crashed"] and (not self.accepted if truth < 0 else self.digit == truth)
        """Whether the digit is the true one. Where there is none, whether the answer is unsure. A crash is never right."""


class Worker:
    """A process that answers with the package of one checkout, as a context manager."""

    def __init__(self, checkout: Path, run: str) -> None:
        """Start the process.

        Raises:
            ValueError: it does not start, or takes another package. The message says why.
        """
        source = (checkout / "src").resolve()
        environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(source)}
        command = [sys.executable, str(OWN_FILE), run]
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        pipe, errors = subprocess.PIPE, self.errors
        # a session of its own, so that Ctrl-C reaches this process alone, which then ends the other
        self.process = subprocess.Popen(
            command, env=environment, stdin=pipe, stdout=pipe, stderr=errors, text=True, start_new_session=True
        )
        self.origin = self._read()
        if not Path(self.origin["package"]).is_relative_to(source):
            self.stop()
            raise ValueError(f"{checkout} holds no package seesum in src; give the folder of a checkout")

    def __enter__(self) -> Self:
        """Return the worker."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.stop()

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def answer(self, path: Path, truth: int) -> Answered:
        """Answer a picture. ``truth`` is its digit, or -1 if there is none.

        Raises:
            ValueError: the process has ended. The message says why.
        """
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"path": str(path)}) + "\n")
        self.process.stdin.flush()
        return Answered(self._read(), truth)

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            problem = self.errors.read().strip().splitlines()
            self.stop()
            raise ValueError(problem[-1] if problem else "the process that answers pictures ended without a word")
        found: dict[str, Any] = json.loads(line)
        return found


def time_decoding() -> Callable[[], float]:
    """Measure every call of ``decode_picture``. Return a function that returns the seconds since it was last called."""
    from seesum.reading import decoding

    original, spent = decoding.decode_picture, [0.0]

    def decode_picture(*words: Any, **options: Any) -> Any:
        start = time.process_time()
        try:
            return original(*words, **options)
        finally:
            spent[0] += time.process_time() - start

    for name, module in list(sys.modules.items()):
        if name.startswith("seesum.") and getattr(module, "decode_picture", None) is original:
            module.decode_picture = decode_picture  # type: ignore[attr-defined]

    def take() -> float:
        seconds, spent[0] = spent[0], 0.0
        return seconds

    return take


def digest_files(folder: Path, *patterns: str) -> str:
    """Return 12 hexadecimal digits that stand for the files of a folder."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in folder.rglob(pattern)):
        digest.update(f"{path.relative_to(folder)} {path.stat().st_size} ".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def digest_code(package: Path) -> str:
    """Return 12 hexadecimal digits that stand for the code of a package."""
    return digest_files(package, "*.py")


def serve(run: str) -> None:
    """Answer the pictures on standard input with a network."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import seesum
    from seesum.reading.reader import Reader
    from seesum.runs.provenance import find_commit
    from seesum.runs.run import find_run

    reader, take = Reader.load(run), time_decoding()
    origin = {
        "package": seesum.__file__,
        "commit": find_commit(),
        "code": digest_code(Path(seesum.__file__).parent),
        "weights": digest_files(find_run(run).directory, "weights.safetensors", "calibration.json"),
    }
    print(json.dumps(origin), flush=True)
    for line in sys.stdin:
        take()
        start = time.process_time()
        try:
            answer = reader(json.loads(line)["path"], add=7)
            crashed = False
        except Exception as error:
            answer, crashed = None, not isinstance(error, seesum.PictureError)
        whole, decoding = time.process_time() - start, take()
        found = {"digit": answer.digit, "accepted": not answer.unsure} if answer else {"digit": None, "accepted": False}
        found["crashed"] = crashed
        print(json.dumps(found | {"decoding_ms": 1000 * decoding, "ms": 1000 * (whole - decoding)}), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
