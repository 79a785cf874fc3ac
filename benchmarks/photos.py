"""Measure on simulated pictures how well people's own digits are read, and what each step of the preparation contributes.

    python benchmarks/photos.py measure --run RUN RUN --out results    # ways of preparing, on each kind -> photos.csv
    python benchmarks/photos.py steps --run RUN --out results          # each step switched off -> photos-steps.csv
    python benchmarks/photos.py doubts --run RUN RUN --out results     # pictures that hold no digit -> photos-doubts.csv
    python benchmarks/photos.py sheet sheet.png                        # show simulated pictures, and the prepared images
    python benchmarks/photos.py sheet wrong.png --run RUN              # the same, with those that RUN misreads first
    python benchmarks/photos.py write FOLDER --seed 1                  # files FOLDER/<digit>/..., for calibrate --pictures

A RUN must be trained with --split validate, because the pictures are made from the validation images. Calibrate it on pictures
of another seed: seesum calibrate RUN --twin RUN --pictures FOLDER. Without --out, nothing is stored.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from doubts import DOUBTFUL
from seesum.base.errors import InputError
from seesum.base.files import check_file, make_folder, write_csv
from seesum.cli.output import print_rows
from seesum.reading.preprocessing import prepare_picture
from seesum.reading.reader import Reader
from sheets import draw_sheet, write_pictures
from simulation import EVERYDAY, find_sources, simulate, simulate_doubtful
from trials import ask_readers, find_percentage, list_origin, load_readers, summarise
from ways import STEPS, WAYS, switch_off


def measure_ways(readers: Mapping[str, Reader], count: int, seed: int) -> list[dict[str, Any]]:
    """Return a row for each kind of picture, source of digits, way of preparing and network."""
    rows = []
    for source in find_sources():
        for kind in EVERYDAY:
            pictures = simulate(kind, count, seed, source)
            for name, way in WAYS.items():
                for network, trials in ask_readers(readers, pictures, way).items():
                    first = {"part": kind, "digits": source, "n": count, "seed": seed, "network": network, "way": name}
                    rows.append({**first, **summarise(trials)})
    return rows


def measure_steps(readers: Mapping[str, Reader], count: int, seed: int) -> list[dict[str, Any]]:
    """Return a row for each step and network: the accuracy on each kind of picture without the step, and the mean."""
    by_kind = {kind: simulate(kind, count, seed) for kind in EVERYDAY}
    rows = []
    for step in STEPS:
        with switch_off(step):
            trials = {kind: ask_readers(readers, pictures, prepare_picture) for kind, pictures in by_kind.items()}
        for network in readers:
            shares = {kind: 100 * statistics.mean(one.right for one in trials[kind][network]) for kind in EVERYDAY}
            shares["mean"] = statistics.mean(shares.values())
            seconds = statistics.median(one.seconds for kind in EVERYDAY for one in trials[kind][network])
            first = {"switched_off": step, "n": count, "seed": seed, "network": network}
            right = {kind: f"{share:.1f}" for kind, share in shares.items()}
            rows.append({**first, **right, "milliseconds": f"{1000 * seconds:.1f}"})
    return rows


def measure_doubts(readers: Mapping[str, Reader], count: int, seed: int) -> list[dict[str, Any]]:
    """Return a row for each kind of picture without a digit, and each network."""
    rows = []
    for kind in DOUBTFUL:
        for network, trials in ask_readers(readers, simulate_doubtful(kind, count, seed), prepare_picture).items():
            confidences = [one.answer.confidence for one in trials if one.answer]
            first = {"shown": kind, "n": count, "seed": seed, "network": network}
            shares = {"answered": find_percentage(one.answer is not None for one in trials)}
            shares["accepted"] = find_percentage(one.accepted for one in trials)
            shares["with_99"] = find_percentage(one.answer and one.answer.confidence >= 0.99 for one in trials)
            rows.append({**first, **shares, "highest_confidence": f"{max(confidences, default=0):.4f}"})
    return rows


def main() -> None:
    """Parse the command line, measure, print the rows and store them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "steps", "doubts", "sheet", "write"], help="what to do")
    parser.add_argument("path", nargs="?", type=Path, help="the PNG file of sheet, or the folder of write")
    parser.add_argument("--run", nargs="+", default=[], metavar="RUN", help="runs trained with --split validate")
    parser.add_argument("--count", type=int, default=300, help="pictures of each kind")
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulation")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="store the rows in this folder")
    arguments = parser.parse_args()
    measures = {
        "measure": (measure_ways, "photos.csv"),
        "steps": (measure_steps, "photos-steps.csv"),
        "doubts": (measure_doubts, "photos-doubts.csv"),
    }
    if (arguments.path is None) == (arguments.what not in measures):
        parser.error("sheet needs a PNG file, and write needs a folder; the others take no path")
    if arguments.what in measures and not arguments.run:
        parser.error(f"{arguments.what} needs --run RUN, a run trained with --split validate")
    if arguments.what == "write":
        written = write_pictures(make_folder(arguments.path), arguments.count, arguments.seed)
        print(f"{written} pictures are in {arguments.path}")
        return
    readers = load_readers(arguments.run)
    if arguments.what == "sheet":
        draw_sheet(readers, arguments.count, arguments.seed).save(check_file(arguments.path), "PNG")
        print(f"The picture is {arguments.path}")
        return
    measure, name = measures[arguments.what]
    rows = measure(readers, arguments.count, arguments.seed)
    print_rows(rows, *rows[0])
    if arguments.out:
        path = make_folder(arguments.out) / name
        write_csv(path, [{**list_origin(), **row} for row in rows])
        print(f"The rows are in {path}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(f"photos.py: {error}") from None
