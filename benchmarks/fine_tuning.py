"""Measure what fine-tuning gains for one writer's odd forms, and what it costs on MNIST.

    python benchmarks/fine_tuning.py --from runs/twin --writers 5 --out results

A writer has one form of each digit, and a hand that leans far to one side. 1, 4, 5, 7 and 9 are odd forms of ``forms.py``. The
pictures are scans and drawings. Some of each digit fine-tune a network, others measure it. Both are prepared as
``predict`` prepares pictures. MNIST is measured on its 12,000 validation images, so RUN must be trained with --split validate:

    seesum train hand --split validate --out runs/twin

With --out, a row is added to fine-tuning.csv in that folder.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import seesum
from forms import FORMS, ink_glyph
from inks import find_validation
from seesum.base.files import make_folder
from seesum.cli.output import print_rows
from seesum.data.glyphs import DIGITS
from seesum.data.idx import Dataset, LabelledImages
from seesum.measuring.evaluation import compute_metrics
from seesum.reading.datasets import load_data
from seesum.reading.reader import Reader
from seesum.runs.provenance import origin_columns
from seesum.runs.run import Run, find_run
from seesum.studies.seeds import compute_spread
from seesum.studies.tables import append_row
from sheets import save_picture
from simulation import KINDS

USED = ("scans", "drawings")
"""The kinds of pictures."""
LEAN = (0.5, 0.9)
"""How far a writer's hand leans, as a share of the height: 27 to 42 degrees."""


class Measured(NamedTuple):
    """Shares of right digits, in percent, before and after fine-tuning."""

    before: float
    after: float
    mnist_before: float
    mnist_after: float


def write_folder(folder: Path, writer: int, each: int, others: int) -> Path:
    """Write a writer's pictures to ``train`` and ``test``, so many of each digit, in subfolders 0 to 9."""
    rng = np.random.default_rng([writer, each, others])
    forms = {digit: FORMS.get(digit, DIGITS[digit]) for digit in range(10)}
    own = {digit: glyphs[rng.integers(len(glyphs))] for digit, glyphs in forms.items()}
    lean = rng.uniform(*LEAN) * rng.choice([-1, 1])
    for part, count in (("train", each), ("test", others)):
        for digit, glyph in own.items():
            place = make_folder(folder / part / str(digit))
            for number in range(count):
                picture = KINDS[USED[number % len(USED)]](ink_glyph(glyph, rng, lean), rng)
                save_picture(picture, place / str(number))
    return folder


def measure_digits(run: Run, labelled: LabelledImages) -> float:
    """Return the share of digits that a run reads, in percent."""
    probabilities = Reader.load(run).predict_every_addend(labelled.images)
    return 100 * float(compute_metrics(probabilities, labelled, run.recipe)["digit_accuracy"])


def fine_tune(start: Run, dataset: Dataset, seed: int, out: Path, **changes: Any) -> Measured:
    """Fine-tune a network with a writer's images, and measure it before and after."""
    tuned = seesum.train(start_from=start, data=dataset, seed=seed, out=out, plot=False, quiet=True, test=True, **changes)
    before, after = (measure_digits(run, dataset.test) for run in (start, tuned))
    mnist_before, mnist_after = (measure_digits(run, find_validation()) for run in (start, tuned))
    return Measured(before, after, mnist_before, mnist_after)


def main() -> None:
    """Parse the command line, measure, print the row and store it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="start", required=True, metavar="RUN", help="the run that is fine-tuned")
    parser.add_argument("--writers", type=int, default=5, help="how many writers, each with a seed of its own")
    parser.add_argument("--each", type=int, default=20, help="a writer's pictures of each digit for training")
    parser.add_argument("--others", type=int, default=30, help="other pictures of each digit, for measuring")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="store the row in this folder")
    arguments = parser.parse_args()
    start = find_run(arguments.start)
    found = []
    for writer in range(arguments.writers):
        with tempfile.TemporaryDirectory() as place:
            folder = write_folder(Path(place) / "pictures", writer, arguments.each, arguments.others)
            dataset = load_data(folder, quiet=True)
            found.append(fine_tune(start, dataset, writer, Path(place) / "run"))
        print(f"writer {writer}: " + "  ".join(f"{name} {value:.2f} %" for name, value in found[-1]._asdict().items()))
    row: dict[str, Any] = {"start": start.recipe.system, "each": arguments.each, "others": arguments.others, "n": len(found)}
    for name in Measured._fields:
        spread = compute_spread([getattr(one, name) for one in found], 100)
        row |= {f"{name}_mean": f"{spread.mean:.2f}", f"{name}_std": f"{spread.std:.2f}"}
    print_rows([row], *row)
    if arguments.out:
        append_row(make_folder(arguments.out) / "fine-tuning.csv", origin_columns("threads", "python", "torch") | row)


if __name__ == "__main__":
    main()
