"""Measure seconds, processor time and memory of whole commands, with ONNX Runtime and with torch.

    python benchmarks/start.py        # the rows are written to start.csv in results/

The commands take turns. Times are medians over the rounds. A first round, which fills the disk's cache, is not counted.
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
    """The time and the memory of one command."""

    seconds: float
    """Seconds from start to end."""
    cpu: float
    """Seconds of processor time."""
    memory: float
    """Peak resident memory, in MiB. It is never less than the memory of this script when it starts the command."""


def spend(words: list[str]) -> Spent:
    """Run ``seesum`` with these arguments, and measure it (POSIX).

    Raises:
        RuntimeError: the command failed.
    """
    started = time.perf_counter()
    null = os.open(os.devnull, os.O_WRONLY)
    command = [sys.executable, "-m", "seesum", *words]
    process = os.posix_spawn(sys.executable, command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
    os.close(null)
    _, status, used = os.wait4(process, 0)
    took = time.perf_counter() - started
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with status {status}")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Spent(took, used.ru_utime + used.ru_stime, used.ru_maxrss / unit)


def main() -> None:
    """Parse the command line, measure, print the rows and store them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="rounds; with fewer than 5, the rows are not stored")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the CSV")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / DEFAULT_RUN
        shutil.copytree(Path(seesum.__file__).parent / "networks" / "weights" / DEFAULT_RUN, weights)
        (weights / MODEL_FILE).unlink()
        predict = ["predict", str(EXAMPLE), "--add", "7"]
        commands = {"--help": ["--help"], "predict, ONNX Runtime": predict, "predict, torch": [*predict, "--run", str(weights)]}
        spent: dict[str, list[Spent]] = {name: [] for name in commands}
        for _ in range(arguments.rounds + 1):
            for name, words in commands.items():
                spent[name].append(spend(words))
    rows: list[dict[str, Any]] = []
    for name, (_, *rounds) in spent.items():  # the first round fills the disk's cache
        medians = Spent(*(statistics.median(values) for values in zip(*rounds, strict=True)))
        row = {"command": name, "n": arguments.rounds, "seconds": f"{medians.seconds:.2f}", "cpu_seconds": f"{medians.cpu:.2f}"}
        rows.append(row | {"memory_mib": f"{medians.memory:.0f}"})
    print_rows(rows, *rows[0])
    if arguments.rounds >= 5:
        from seesum.runs.provenance import origin_columns

        origin = origin_columns("cores", "python", "torch")
        write_csv(arguments.out / "start.csv", [{**origin, **row} for row in rows])
        print(f"The rows are in {arguments.out / 'start.csv'}")


if __name__ == "__main__":
    main()
