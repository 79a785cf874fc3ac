"""Measure what other processes on the same cores cost: training and answers, beside none, one and two busy processes.

    python benchmarks/contention.py                     # print medians over 9 rounds
    python benchmarks/contention.py --out results       # also write contention.csv in results/

In each round, every setting runs once, in turn. ``torch's default`` imports torch first, so that seesum changes no setting.
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
"""For each job and setting, a program that prints its seconds."""


@contextmanager
def run_busy(count: int) -> Iterator[None]:
    """Keep ``count`` other processes computing inside the context."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def measure(program: str) -> float:
    """Run a program in a separate process, without settings for its threads. Return the seconds that it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def main() -> None:
    """Parse the command line, measure, print the rows and store them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of the measurement")
    parser.add_argument("--images", default="38400", help="number of training images")
    parser.add_argument("--out", type=Path, help="folder for the CSV")
    arguments = parser.parse_args()
    seconds: dict[tuple[int, str, str], list[float]] = {}
    for busy in (0, 1, 2):
        with run_busy(busy):
            for _ in range(arguments.rounds):
                for job, settings in JOBS.items():
                    for setting, program in settings.items():
                        measured = measure(program.replace("{images!r}", repr(arguments.images)))
                        seconds.setdefault((busy, job, setting), []).append(measured)
    rows = []
    for (busy, job, setting), values in seconds.items():
        row = {"job": job, "busy_processes": str(busy), "setting": setting, "n": str(len(values))}
        figures = {"median": statistics.median(values), "least": min(values), "most": max(values)}
        alone = statistics.median(seconds[0, job, setting])
        row |= {name: f"{value:.2f}" for name, value in figures.items()} | {"times_alone": f"{figures['median'] / alone:.2f}"}
        rows.append(row)
    print_rows(rows, *rows[0])
    if arguments.out:
        origin = origin_columns("cores", "python", "torch")
        write_csv(make_folder(arguments.out) / "contention.csv", [{**origin, **row} for row in rows])


if __name__ == "__main__":
    main()
