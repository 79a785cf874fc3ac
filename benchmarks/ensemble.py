"""Measure several networks as one: the mean of their probabilities, on images that they were not trained on.

    python benchmarks/ensemble.py RUN RUN ...                        # every subset of the runs, best first
    python benchmarks/ensemble.py RUN RUN ... --all --out results    # only all of them together; for test images, once

Runs with a validation split are measured on it, and a subset may be chosen there. Other runs are measured on the test images.
A run's teachers are runs too: RUN/teachers/1 and so on. With --out, a row for all runs together is appended to ensemble.csv in
that folder.
"""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from seesum.base.files import make_folder
from seesum.data.idx import LabelledImages
from seesum.measuring.evaluation import compute_metrics
from seesum.measuring.metrics import Probabilities
from seesum.networks.network import count_parameters
from seesum.reading.reader import Reader
from seesum.runs.provenance import origin_columns
from seesum.runs.run import Run, find_run
from seesum.studies.tables import append_row


def measure_together(predictions: list[Probabilities], labelled: LabelledImages, run: Run) -> dict[str, float | int]:
    """Compute the metrics of the mean of several networks' probabilities. ``run`` is any of their runs."""
    together = Probabilities(np.mean([m.digit_p for m in predictions], 0), np.mean([m.sum_p for m in predictions], 0))
    return compute_metrics(together, labelled, run.recipe)


def describe_members(runs: list[Run], where: str, measured: dict[str, float | int]) -> dict[str, Any]:
    """Return a row: the number of networks of each system, and the metrics that they reach together."""
    counts = Counter(run.recipe.system for run in runs)
    row: dict[str, Any] = {"members": "; ".join(f"{count} {system}" for system, count in counts.items()), "n": len(runs)}
    row["epochs"] = "; ".join(str(epochs) for epochs in sorted({run.recipe.epochs for run in runs}))
    row |= {"parameters": sum(count_parameters(run.load_network()) for run in runs), "evaluated_on": where}
    row |= {name: f"{measured[name]:.6f}" for name in ("digit_accuracy", "sum_accuracy")}
    return row | {"digit_loss": f"{measured['digit_loss']:.5f}"}


def main() -> None:
    """Parse the command line, measure, print the results and store them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="runs, or names of shipped networks")
    parser.add_argument("--all", action="store_true", help="measure only all runs together")
    parser.add_argument("--out", type=Path, help="folder for the CSV")
    arguments = parser.parse_args()
    runs = [find_run(name) for name in arguments.runs]
    evaluated = [run.load_splits().evaluation_images(test=False) for run in runs]
    (where,) = {name for _, name in evaluated}
    if where == "test" and not arguments.all:
        parser.error("these runs have no validation images, and no subset may be chosen on test images; give --all")
    labelled = evaluated[0][0]
    predictions = [Reader.load(run).predict_every_addend(labelled.images) for run in runs]
    sizes = [len(runs)] if arguments.all else range(1, len(runs) + 1)
    rows = []
    for chosen in (subset for size in sizes for subset in combinations(range(len(runs)), size)):
        measured = measure_together([predictions[one] for one in chosen], labelled, runs[0])
        names = " ".join(arguments.runs[one] for one in chosen)
        rows.append((measured["digit_accuracy"], measured["sum_accuracy"], f"{len(chosen)}: {names}"))
    for digit, sum_, names in sorted(rows, reverse=True):
        print(f"{where}: digit {digit:.3%}  sum {sum_:.3%}  {names}")
    if arguments.out:
        path = make_folder(arguments.out) / "ensemble.csv"
        measured = measure_together(predictions, labelled, runs[0])
        append_row(path, origin_columns("torch") | describe_members(runs, where, measured))
        print(f"The row is in {path}")


if __name__ == "__main__":
    main()
