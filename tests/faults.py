"""Kill a job wherever it changes the disk, repeat it, and print as JSON what came out otherwise than without a kill.

    python tests/faults.py JOB DATA FOLDER STRIDE

The points lie before and after every fsync, rename, link and chmod; every STRIDE-th is tried. Each attempt is a forked child,
so that torch is imported once. JOB is a name in ``JOBS``, DATA a folder with a small data set, FOLDER an empty one.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import seesum

CALLS = ("fsync", "replace", "rename", "link", "chmod")
VARYING = ("train_seconds", "started", "date")
"""Fields, and starts of columns, that are different in each run."""
SMALL: dict[str, Any] = {"images": 64, "batch_size": 32, "plot": False, "quiet": True}


def train(folder: Path, data: Path, **changes: Any) -> None:
    """Start a run, or continue the one that is there, as a user does after a kill."""
    run = folder / "run"
    if (run / "run.json").is_file():
        seesum.train(resume=run, plot=False, quiet=True)
    else:
        seesum.train("fast", data=data, out=run, **SMALL, **changes)


def train_taught(folder: Path, data: Path) -> None:
    train(folder, data, epochs=2, ema_decay=0.5, teachers=("fast", "fast"), synthetic_non_digits=5)


def study(folder: Path, data: Path) -> None:
    seesum.study("fast", seeds=2, epochs=1, data=data, out=folder / "study", csv=folder / "rows.csv", **SMALL)


def prepare_calibration(folder: Path, data: Path) -> None:
    for name, split in (("run", "full"), ("twin", "validate")):
        seesum.train("fast", split=split, data=data, out=folder / name, **SMALL)


def calibrate(folder: Path, data: Path) -> None:
    seesum.calibrate(folder / "run", twin=folder / "twin", target=0.5, data=data)


JOBS: dict[str, tuple[Callable[[Path, Path], None], Callable[[Path, Path], None] | None]] = {
    "train": (lambda folder, data: train(folder, data, epochs=2), None),
    "taught": (train_taught, None),
    "study": (study, None),
    "calibrate": (calibrate, prepare_calibration),
}
"""Name -> the job, and what is made before it."""


def count_points(last: int) -> Callable[[], int]:
    """Count the points that this process reaches, and kill it at a given one."""
    reached = 0

    def reach() -> None:
        nonlocal reached
        reached += 1
        if reached == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*words: Any, **named: Any) -> Any:
            reach()
            result = call(*words, **named)
            reach()
            return result

        return wrapped

    for name in CALLS:
        setattr(os, name, wrap(getattr(os, name)))
    return lambda: reached


def run_child(job: Callable[[Path, Path], None], folder: Path, data: Path, last: int = 0) -> int:
    """Run a job in a child that is killed at a point, 0 for none. Return how many points it reached, or -1 if it was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            count = count_points(last)
            job(folder, data)
            os.write(writer, str(count()).encode())
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError("the job failed; after a kill it must be possible to repeat it")
    return int(text) if code == 0 else -1


def summarise(folder: Path) -> dict[str, str]:
    """Return every file under a folder with what must be the same in it."""
    return {str(path.relative_to(folder)): digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def digest(path: Path) -> str:
    if path.suffix == ".json":
        values = json.loads(path.read_text())
        return json.dumps({name: value for name, value in values.items() if not name.startswith(VARYING)})
    if path.suffix == ".csv":
        rows = [{k: v for k, v in row.items() if not k.startswith(VARYING)} for row in csv.DictReader(path.open())]
        return json.dumps(rows)
    if path.name.startswith("checkpoint"):
        return "has the seconds of the training"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(name: str, data: Path, folder: Path, stride: int) -> None:
    job, prepare = JOBS[name]
    prepared, place = folder / "prepared", folder / "place"
    prepared.mkdir()
    if prepare is not None:
        prepare(prepared, data)
    shutil.copytree(prepared, folder / "whole")
    job(folder / "whole", data)
    expected = summarise(folder / "whole")
    shutil.copytree(prepared, place)
    points = run_child(job, place, data)
    wrong = {} if summarise(place) == expected else {"none": "two runs differ"}
    tried = range(1, points + 1, stride)
    for point in tried:
        shutil.rmtree(place)
        shutil.copytree(prepared, place)
        if run_child(job, place, data, last=point) != -1:
            wrong[str(point)] = "was not killed"
        run_child(job, place, data)
        found = summarise(place)
        if found != expected:
            wrong[str(point)] = ", ".join(sorted({name for name, _ in found.items() ^ expected.items()}))
    print(json.dumps({"points": points, "tried": len(tried), "wrong": wrong}))  # noqa: T201


if __name__ == "__main__":
    os.environ["PATH"] = ""  # no git, which would be asked for the commit at each start
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
