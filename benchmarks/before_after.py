"""Compare how the package of another checkout and this one answer the same simulated pictures, in turn.

    python benchmarks/before_after.py --before CHECKOUT --run RUN --out results     # -> before-after.csv
    python benchmarks/before_after.py --before CHECKOUT --run RUN RUN_BEFORE ...    # each side with a network of its own
    python benchmarks/before_after.py --list                                        # names of the parts

Each side answers in a process of its own, and both see the same load: a picture goes to one, then to the other, and the first
one alternates. Both are bound to one core with one thread. Times are those that the processor works, so the work of other
programs counts little, and decoding counts apart from the rest. A row is stored as soon as its part is finished. Started again,
the same command goes on with the parts that have no row yet. RUN must be trained with --split validate, because the pictures
are made from validation images. --seen allows any other, and its rows say so.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from answering import Answered, Worker
from parts import Part, list_parts
from scripts import run_to_end
from seesum.base.errors import InputError, JobError
from seesum.base.files import make_folder, read_csv, write_csv
from seesum.base.interrupts import end_as_interrupted
from seesum.base.progress import Progress
from seesum.cli.output import print_rows
from sheets import save_picture
from trials import check_run, find_percentage, list_origin

FILE = "before-after.csv"
KEY = ("part", "digits", "n", "seed", "code_before", "code_after", "weights_before", "weights_after")
"""Columns that say which comparison a row is of."""
COUNTS = ("part", "digits", "n", "right_before", "right_after", "won", "lost", "accepted_before", "accepted_after")
TIMES = ("part", "digits", "ms_before", "ms_after", "p99_before", "p99_after", "decoding_ms_before", "decoding_ms_after")
"""Columns that are printed, in two tables."""
WARM_UP = 5
"""Pictures that each side answers before the first part, without counting."""


class Pair(NamedTuple):
    """The answers of both sides to one picture."""

    before: Answered
    after: Answered
    doubtful: bool
    """Whether the picture holds no digit, or several."""


class Contest(NamedTuple):
    """Both sides, and folders for pictures."""

    before: Worker
    after: Worker
    folder: Path
    """Through this folder the sides get their pictures."""
    keep: Path | None
    """Pictures that only before answers rightly stay in this folder."""

    def answer(self, part: Part, count: int, seed: int, progress: Progress, done: int) -> list[Pair]:
        """Return the answers to the pictures of a part.

        Raises:
            JobError: a side fails on a picture.
        """
        pairs: list[Pair] = []
        for number, (picture, digit) in enumerate(islice(part.pictures(seed), count)):
            path = save_picture(picture, self.folder / "picture")
            sides = (self.before, self.after) if number % 2 else (self.after, self.before)
            try:
                answers = {side: side.answer(path, digit) for side in sides}
            except ValueError as error:
                raise JobError(f"a side fails on picture {number} of {part.name} with seed {seed}: {error}") from None
            pair = Pair(answers[self.before], answers[self.after], digit < 0)
            pairs.append(pair)
            if self.keep and pair.before.right and not pair.after.right:
                read = f"is-{digit}-read-{pair.after.digit}" if digit >= 0 else f"read-{pair.after.digit}"
                stem = f"{part.name}-{part.digits}-{number}-{read}".replace(" ", "-").replace(":", "")
                shutil.copyfile(path, self.keep / f"{stem}{path.suffix}")
            progress.update(done + number + 1, f"{part.name} {part.digits}")
        return pairs


@contextmanager
def start_contest(before: Path, after: Path, runs: Sequence[str], keep: Path | None = None) -> Iterator[Contest]:
    """Start the sides of two checkouts with the network of both, or the networks of after and before.

    Raises:
        InputError: a side does not start.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="seesum-"))
        try:
            old = stack.enter_context(Worker(before, runs[-1]))
            new = stack.enter_context(Worker(after, runs[0]))
        except ValueError as error:
            raise InputError(f"a side does not start: {error}") from None
        yield Contest(old, new, Path(folder), keep)


def summarise(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the columns of a part. Counts are of pictures, shares are percentages, and times are milliseconds.

    Right is an answer with the true digit or, where there is none, an unsure answer.
    """
    sides = {"before": [one.before for one in pairs], "after": [one.after for one in pairs]}
    row: dict[str, Any] = {f"right_{side}": find_percentage(one.right for one in all_) for side, all_ in sides.items()}
    row["won"] = sum(one.after.right and not one.before.right for one in pairs)
    row["lost"] = sum(one.before.right and not one.after.right for one in pairs)
    row |= {f"accepted_{side}": find_percentage(one.accepted for one in all_) for side, all_ in sides.items()}
    for side, answers in sides.items():
        accepted = [one.right for one in answers if one.accepted and not pairs[0].doubtful]
        row[f"right_of_accepted_{side}"] = find_percentage(accepted)
    for name, share in (("ms", 0.5), ("p99", 0.99)):
        row |= {f"{name}_{side}": f"{np.quantile([one.ms for one in all_], share):.2f}" for side, all_ in sides.items()}
    for side, answers in sides.items():
        row[f"decoding_ms_{side}"] = f"{np.median([one.decoding_ms for one in answers]):.2f}"
    return row


def compare(
    contest: Contest, parts: Sequence[Part], count: int, seed: int, columns: dict[str, Any], out: Path | None
) -> list[dict[str, Any]]:
    """Answer the parts that have no row yet, and return the rows of all of them.

    Args:
        contest: both sides.
        parts: the parts.
        count: pictures of a part.
        seed: seed of the pictures.
        columns: the first columns of each row.
        out: the CSV, to which each finished part adds a row; None to store nothing.
    """
    stored: list[dict[str, Any]] = [*read_csv(out)] if out else []
    known, rows, done = {_find_key(row): row for row in stored}, list[dict[str, Any]](), 0
    sizes = [min(count, part.most or count) for part in parts]
    with Progress("compare", sum(sizes)) as progress:
        contest.answer(parts[0], min(WARM_UP, count), seed + 1, Progress("warm up", 0, quiet=True), 0)
        for part, size in zip(parts, sizes, strict=True):
            row = {**columns, "part": part.name, "digits": part.digits, "n": size, "seed": seed}
            if (old := known.get(_find_key(row))) is not None:
                rows.append(old)
            else:
                rows.append(row | summarise(contest.answer(part, size, seed, progress, done)))
                stored.append(rows[-1])
                if out:
                    write_csv(out, stored)
                progress.note(", ".join(f"{name} {value}" for name, value in rows[-1].items() if name not in columns))
            done += size
    return rows


def _find_key(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in KEY)


def choose_parts(words: Sequence[str]) -> list[Part]:
    """Return the parts whose names hold one of the words, or all parts.

    Raises:
        InputError: no name holds a word.
    """
    parts = list_parts()
    for word in words:
        if not any(word in name for name in parts):
            raise InputError(f"no part has {word!r} in its name; --list shows the names")
    return [part for name, part in parts.items() if not words or any(word in name for word in words)]


def main() -> None:
    """Parse the command line, compare, and print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="the folder of another checkout")
    parser.add_argument("--run", nargs="+", default=[], metavar="RUN", help="a run, or the runs of after and before")
    parser.add_argument("--seen", action="store_true", help="also take a network that was trained on these digits")
    parser.add_argument("--count", type=int, default=1000, help="pictures of a part; those for speed alone have fewer")
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulation")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="only parts with one of these in their name")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep pictures there that only before reads rightly")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="store the rows in this folder")
    parser.add_argument("--list", action="store_true", help="print the names of the parts")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(list_parts()))
        return
    if arguments.before is None or len(arguments.run) not in (1, 2) or arguments.count < 1:
        parser.error("give --before CHECKOUT, --run with one or two runs, and a --count of 1 or more")
    checked = [check_run(name, arguments.seen) for name in arguments.run]
    parts = choose_parts(arguments.only)
    out = make_folder(arguments.out) / FILE if arguments.out else None
    keep = make_folder(arguments.keep) if arguments.keep else None
    after = Path(__file__).parents[1]
    with end_as_interrupted(), start_contest(arguments.before, after, arguments.run, keep) as contest:
        columns = list_origin()
        columns["before"] = contest.before.origin["commit"]
        for name in ("code", "weights"):
            columns |= {f"{name}_before": contest.before.origin[name], f"{name}_after": contest.after.origin[name]}
        columns["network"] = ", ".join(run.recipe.system for run in checked)
        columns["seen"] = "yes" if any(run.recipe.split != "validate" for run in checked) else "no"
        rows = compare(contest, parts, arguments.count, arguments.seed, columns, out)
    print_rows(rows, *COUNTS)
    print_rows(rows, *TIMES)
    if out:
        print(f"The rows are in {out}")


if __name__ == "__main__":
    run_to_end(main, "the parts that have no row yet")
