"""Train the adder ``table`` on 20 operations that are not built in, and count the cells of each table that are right.

    python benchmarks/formulas.py     # the rows are written to formulas.csv in results/

Each is one run of ``fast`` with seed 0. A row has the accuracies on the test images, with all ten addends.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import seesum
from seesum.base.files import write_csv
from seesum.cli.output import print_rows
from seesum.data.operations import find_operation
from seesum.networks.tables import TableAdder
from seesum.runs.provenance import origin_columns

FORMULAS = (
    "abs(d - a)",
    "d * a % 7",
    "max(d, a) > 5",
    "d if d > a else 0",
    "min(d, a)",
    "(d + a) // 2",
    "d == a",
    "2 * d + a",
    "10 * d + a",
    "d ** 2 - a ** 2",
    "(d - a) ** 2",
    "d // (a + 1)",
    "d % (a + 1)",
    "d % 2 == a % 2",
    "1 < d <= a < 8",
    "not d or not a",
    "d * a - d - a",
    "d ** a % 10",
    "-d if a % 2 else d",
    "[0, 1, 1, 2, 3, 5, 8, 13, 21, 34][d] + a",
)


def measure_formula(formula: str, images: str, folder: Path) -> dict[str, Any]:
    """Train a formula, and return its row."""
    run = seesum.train("fast", operation=formula, images=images, out=folder, plot=False, quiet=True)
    adder, operation = run.load_network().adder, find_operation(formula)
    assert isinstance(adder, TableAdder)
    table = adder.tabulate().detach().numpy()
    right = int((table.argmax(2) == operation.tabulate()).sum())
    answers = np.bincount(operation.tabulate().flatten())
    return {
        "operation": formula,
        "answers": operation.num_classes,
        "rarest_answer_cells": answers.min(),
        "images": images,
        "epochs": run.recipe.epochs,
        "cells_right": right,
        "least_probable_cell": f"{table.max(2).min():.3f}",
        "digit_accuracy": f"{run.metrics['digit_accuracy']:.4f}",
        "sum_accuracy": f"{run.metrics['sum_accuracy']:.4f}",
        "train_seconds": f"{run.metrics['train_seconds']:.1f}",
    }


def main() -> None:
    """Parse the command line, train, print the rows and store them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="all", help="training images; with fewer than all, the rows are not stored")
    parser.add_argument("--first", type=int, default=len(FORMULAS), metavar="N", help="train only the first N formulas")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the CSV")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        chosen = enumerate(FORMULAS[: arguments.first])
        rows = [measure_formula(formula, arguments.images, Path(folder) / str(number)) for number, formula in chosen]
    print_rows(
        rows, "operation", "answers", "cells_right", "least_probable_cell", "digit_accuracy", "sum_accuracy", "train_seconds"
    )
    if arguments.images == "all" and len(rows) == len(FORMULAS):
        origin = origin_columns("cores", "threads", "python", "torch")
        write_csv(arguments.out / "formulas.csv", [{**origin, **row} for row in rows])
        print(f"The rows are in {arguments.out / 'formulas.csv'}")


if __name__ == "__main__":
    main()
