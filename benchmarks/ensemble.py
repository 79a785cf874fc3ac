"""Several networks as one: the mean of their probabilities, on the images that they were not trained on.

    python benchmarks/ensemble.py RUN RUN ...              # every subset of the runs, best first
    python benchmarks/ensemble.py RUN RUN ... --all        # only all of them together: for the test images, once

Runs with a validation split are measured on it, and there subsets may be chosen; others on the test images.
"""

from __future__ import annotations

import argparse
from itertools import combinations

import numpy as np

from seesum.checkpoint import find_run
from seesum.evaluation import measure_answers
from seesum.metrics import Forecast
from seesum.reader import Reader


def main() -> None:
    """Parse, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--all", action="store_true", help="only all runs together")
    given = parser.parse_args()
    runs = [find_run(name) for name in given.runs]
    parts = [run.load_splits().pick_part(test=False) for run in runs]
    (where,) = {name for _, name in parts}
    if where == "test" and not given.all:
        parser.error("these runs have no validation images, and nothing is chosen on test images: give --all")
    part = parts[0][0]
    forecasts = [Reader.load(run).forecast(part.images) for run in runs]
    sizes = [len(runs)] if given.all else range(1, len(runs) + 1)
    rows = []
    for chosen in (subset for size in sizes for subset in combinations(range(len(runs)), size)):
        members = [forecasts[one] for one in chosen]
        together = Forecast(np.mean([m.digit_p for m in members], 0), np.mean([m.sum_p for m in members], 0))
        measured = measure_answers(together, part, runs[0].recipe)
        rows.append((measured["digit_accuracy"], measured["sum_accuracy"], [given.runs[one] for one in chosen]))
    for digit, sum_, names in sorted(rows, reverse=True):
        print(f"{where}: digit {digit:.3%}  sum {sum_:.3%}  {len(names)}: {' '.join(names)}")


if __name__ == "__main__":
    main()
