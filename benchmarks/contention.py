"""What other processes on the same cores cost: training and answers, alone and beside one and two busy processes.

    python benchmarks/contention.py                     # 9 rounds; prints medians
    python benchmarks/contention.py --out results       # and writes contention.csv there

Each round takes every setting once, in turn. ``torch's default`` imports torch first, so that seesum sets nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seesum.base.files import make_folder, write_csv
from seesum.cli.output import print_rows
from seesum.runs.provenance import origin_columns

TRAIN = """
import tempfile
import seesum
run = seesum.train("fast", out=tempfile.mkdtemp() + "/run", images={images!r}, plot=False, quiet=True)
print(run.metrics["train_seconds"])
"""
ANSWER = """
import time
import numpy as np
import seesum
from seesum.base.environment import import_onnxruntime
runtime = import_onnxruntime()
add = runtime.SessionOptions.add_session_config_entry
if {spinning}:
    runtime.SessionOptions.add_session_config_entry = lambda self, key, value: add(self, key, "1")
reader, images, addends = seesum.Reader.load("hand"), seesum.load_mnist().test.images[:200], np.arange(200) % 10
seconds = []
for start in range(200):
    clock = time.perf_counter()
    reader.answer_images(images[start : start + 1], addends[start : start + 1])
    seconds.append(time.perf_counter() - clock)
print(sum(seconds))
"""
JOBS = {
    "train fast": {"seesum": TRAIN, "torch's default": "import torch" + TRAIN},
    "200 answers of hand": {"seesum": ANSWER.replace("{spinning}", "0"), "threads spin": ANSWER.replace("{spinning}", "1")},
}
"""Job -> setting -> a program that prints its seconds."""


@contextmanager
def run_busy(count: int) -> Iterator[None]:
    """Keep so many processes computing within a block."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def measure(program: str) -> float:
    """Run a program in a process of its own, without settings for its threads; returns the seconds it prints."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=own)
    return float(done.stdout)


def main() -> None:
    """Parse, measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--images", default="38400", help="training images")
    parser.add_argument("--out", type=Path, help="folder of the CSV")
    given = parser.parse_args()
    seconds: dict[tuple[int, str, str], list[float]] = {}
    for busy in (0, 1, 2):
        with run_busy(busy):
            for _ in range(given.rounds):
                for job, settings in JOBS.items():
                    for setting, program in settings.items():
                        taken = measure(program.replace("{images!r}", repr(given.images)))
                        seconds.setdefault((busy, job, setting), []).append(taken)
    rows = []
    for (busy, job, setting), values in seconds.items():
        row = {"job": job, "busy_processes": str(busy), "setting": setting, "n": str(len(values))}
        shown = {"median": statistics.median(values), "least": min(values), "most": max(values)}
        alone = statistics.median(seconds[0, job, setting])
        row |= {name: f"{value:.2f}" for name, value in shown.items()} | {"times_alone": f"{shown['median'] / alone:.2f}"}
        rows.append(row)
    print_rows(rows, *rows[0])
    if given.out:
        origin = origin_columns("cores", "python", "torch")
        write_csv(make_folder(given.out) / "contention.csv", [{**origin, **row} for row in rows])


if __name__ == "__main__":
    main()
