"""From Enter to the end of a command: seconds, processor time and memory, with ONNX Runtime and with torch, taking turns.

    python benchmarks/start.py        # rows go to start.csv in results/

Times are medians of the rounds after a first one, which fills the disk's cache.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import seesum
from seesum.base.files import write_csv
from seesum.cli.output import print_rows
from seesum.reading.onnx_model import MODEL_FILE
from seesum.runs.names import DEFAULT_RUN

EXAMPLE = Path(__file__).parents[1] / "examples" / "three.png"


class Spent(NamedTuple):
    """What one command took."""

    seconds: float
    cpu: float
    """Seconds of processor time."""
    memory: float
    """MiB resident at most; never less than what this script has when it starts the command."""


def spend(words: list[str]) -> Spent:
    """Run ``seesum`` with these words (POSIX).

    Raises:
        RuntimeError: it failed.
    """
    started = time.perf_counter()
    quiet = os.open(os.devnull, os.O_WRONLY)
    command = [sys.executable, "-m", "seesum", *words]
    process = os.posix_spawn(sys.executable, command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, quiet, 1)])
    os.close(quiet)
    _, status, used = os.wait4(process, 0)
    took = time.perf_counter() - started
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with status {status}")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Spent(took, used.ru_utime + used.ru_stime, used.ru_maxrss / unit)


def main() -> None:
    """Parse, measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="fewer than 5: a trial, not stored")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of the CSV")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / DEFAULT_RUN
        shutil.copytree(Path(seesum.__file__).parent / "networks" / "weights" / DEFAULT_RUN, weights)
        (weights / MODEL_FILE).unlink()
        ask = ["predict", str(EXAMPLE), "--add", "7"]
        commands = {"--help": ["--help"], "predict, ONNX Runtime": ask, "predict, torch": [*ask, "--run", str(weights)]}
        spent: dict[str, list[Spent]] = {name: [] for name in commands}
        for _ in range(given.rounds + 1):
            for name, words in commands.items():
                spent[name].append(spend(words))
    rows: list[dict[str, Any]] = []
    for name, (_, *rounds) in spent.items():  # the first fills the disk's cache
        middle = Spent(*(statistics.median(values) for values in zip(*rounds, strict=True)))
        row = {"command": name, "n": given.rounds, "seconds": f"{middle.seconds:.2f}", "cpu_seconds": f"{middle.cpu:.2f}"}
        rows.append(row | {"memory_mib": f"{middle.memory:.0f}"})
    print_rows(rows, *rows[0])
    if given.rounds >= 5:
        from seesum.runs.provenance import origin_columns

        origin = origin_columns("cores", "python", "torch")
        write_csv(given.out / "start.csv", [{**origin, **row} for row in rows])
        print(f"The rows are in {given.out / 'start.csv'}")


if __name__ == "__main__":
    main()
