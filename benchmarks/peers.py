"""Compare seesum with other programs that read digits, on simulated pictures or on a folder of labelled pictures.

    python benchmarks/peers.py measure --run RUN --out results            # simulated pictures -> peers.csv
    python benchmarks/peers.py measure --pictures FOLDER --out results    # files FOLDER/<digit>/... -> peers.csv
    python benchmarks/peers.py settings --run RUN --seed 1000             # each setting of the others

``programs.py`` lists the programs and the best setting of each. What is not installed is left out. To install all of them:

    pip install rapidocr onnxruntime tesserocr digit-recognizer-py meter-digits-recognizer
    apt-get install tesseract-ocr-eng

All see the same files, one after another. Each program works in a process of its own, which is bound to one core on Linux and
told to use one thread. Milliseconds are the median of the time that the processor works from a file to its digit. A program
that fails on a picture has not answered. Right and answered are percentages of all pictures. An answer of seesum counts even
if it is unsure, since not all others say so. A row is stored as soon as its part is finished. Started again, the same command
goes on with the rows that are missing. RUN must be trained with --split validate, because the pictures are made from validation
images. For a folder it may be any, and the shipped ``hand`` reads if none is given.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from parts import Part, list_parts
from processes import Outcome, Worker
from programs import PEERS, Peer, find_peers
from scripts import run_to_end
from seesum.base.errors import InputError, JobError, join_names
from seesum.base.files import make_folder, read_csv, write_csv
from seesum.base.progress import Progress, say
from seesum.cli.output import print_rows
from seesum.runs.names import DEFAULT_RUN
from seesum.runs.provenance import origin_columns
from simulation import Shown
from trials import check_run, find_percentage
from views import SETTINGS, Setting

KEY = ("part", "digits", "n", "seed", "peer", "setting", "network", "versions")
"""Columns that say what a row measures."""
SHOWN = ("part", "digits", "n", "peer", "right", "answered", "milliseconds", "own_mb", "beside_seesum_mb", "setting")
"""Columns that are printed."""
COUNT = 300
"""Simulated pictures of a part, unless told otherwise."""


class Contestant(NamedTuple):
    """A program with a setting, the first columns of its rows, and its sizes."""

    worker: Worker
    setting: Setting | None
    columns: dict[str, Any]
    sizes: dict[str, str]

    def summarise(self, outcomes: Sequence[Outcome], digits: Sequence[int]) -> dict[str, Any]:
        """Return the measured columns of a part."""
        spent = [one.milliseconds for one in outcomes if one.milliseconds is not None]
        return {
            "right": find_percentage(one.digit == digit for one, digit in zip(outcomes, digits, strict=True)),
            "answered": find_percentage(one.digit is not None for one in outcomes),
            "milliseconds": f"{statistics.median(spent):.1f}" if spent else "",
        } | self.sizes


def start_peers(peers: Sequence[Peer], run: str, network: str, every_setting: bool, stack: ExitStack) -> list[Contestant]:
    """Start the programs that are installed, and name the others in a line each.

    Raises:
        JobError: none starts.
    """
    contestants = []
    for peer in peers:
        if missing := peer.find_missing():
            say(f"{peer.name}: not installed; pip install {' '.join(missing)}")
            continue
        try:
            worker = stack.enter_context(Worker(peer, run))
        except JobError as error:
            say(str(error))
            continue
        sizes = peer.measure_size()
        for setting in SETTINGS if every_setting else [peer.setting]:
            columns = {"peer": peer.name, "setting": str(setting or "its own preparation"), "versions": peer.name_versions()}
            columns["network"] = network if peer.load is None else ""
            contestants.append(Contestant(worker, setting, columns, sizes))
    if not contestants:
        raise JobError("none of the programs can be measured here; install one of them")
    return contestants


def compare(
    contestants: Sequence[Contestant], parts: Sequence[Part], count: int | None, seed: int, out: Path | None
) -> list[dict[str, Any]]:
    """Measure what has no row yet, and return the rows of all.

    Args:
        contestants: the programs.
        parts: the parts.
        count: pictures of a part; None for all of a folder, or ``COUNT`` simulated ones.
        seed: seed of the simulation, and of the choice from a folder.
        out: the CSV, to which each finished part adds rows; None to store nothing.

    """
    stored: list[dict[str, Any]] = [*read_rows(out)] if out else []
    known, origin, rows = {_find_key(row): row for row in stored}, origin_columns("python"), list[dict[str, Any]]()
    for part in parts:
        size = min(count or part.most or COUNT, part.most or sys.maxsize)
        firsts = [{"part": part.name, "digits": part.digits, "n": size, "seed": seed, **one.columns} for one in contestants]
        due = [one for one, first in zip(contestants, firsts, strict=True) if _find_key(first) not in known]
        outcomes: dict[int, list[Outcome]] = {id(one): [] for one in due}
        digits = []
        with Progress(f"{part.name} {part.digits}", size, quiet=not due) as progress:
            for number, (picture, digit) in enumerate(islice(part.pictures(seed), size if due else 0)):
                data = encode_picture(picture)
                digits.append(digit)
                for one in due:
                    outcomes[id(one)].append(one.worker.answer(data, one.setting))
                progress.update(number + 1, "")
        for one, first in zip(contestants, firsts, strict=True):
            if one in due:
                row = {**origin, **first, **one.summarise(outcomes[id(one)], digits)}
                known[_find_key(row)] = row
                stored.append(row)
            rows.append(known[_find_key(first)])
        if out and due:
            write_csv(out, stored)
    return rows


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of earlier commands.

    Raises:
        InputError: the file has other columns.
    """
    rows = read_csv(path)
    if rows and not set(KEY) <= rows[0].keys():
        raise InputError(f"{path} has other columns; give --out another folder")
    return rows


def _find_key(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in KEY)


def encode_picture(picture: Image.Image | bytes) -> bytes:
    """Return a picture's file. A picture that has none yet becomes a PNG."""
    if isinstance(picture, bytes):
        return picture
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def read_folder(folder: Path) -> Part:
    """Return a part with the pictures in the subfolders 0 to 9 of a folder. Hidden files are left out.

    Raises:
        InputError: there are none, or a file is no picture.
    """
    files = [(path, digit) for digit in range(10) for path in sorted((folder / str(digit)).glob("[!.]*")) if path.is_file()]
    if not files:
        raise InputError(
            f"{folder} holds no labelled pictures; put the pictures of each digit into a subfolder with its name, 0 to 9"
        )
    digest = hashlib.sha256()
    for path, _ in files:
        try:
            data = path.read_bytes()
            Image.open(io.BytesIO(data)).close()
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise InputError(f"{path} cannot be read as a picture ({error}); give a folder with pictures alone") from error
        digest.update(f"{path.relative_to(folder)} {len(data)} ".encode() + data)

    def yield_pictures(seed: int) -> Iterator[Shown]:
        for place in np.random.default_rng(seed).permutation(len(files)):
            yield Shown(files[place][0].read_bytes(), files[place][1])

    return Part(folder.resolve().name, f"files {digest.hexdigest()[:8]}", yield_pictures, len(files))


def choose_parts(words: Sequence[str]) -> list[Part]:
    """Return the parts with simulated digits whose names hold one of the words, or all of them.

    Raises:
        InputError: no name holds a word.
    """
    parts = {name: part for name, part in list_parts().items() if part.digits and part.most is None}
    for word in words:
        if not any(word in name for name in parts):
            raise InputError(f"no part has {word!r} in its name; the parts are {join_names(parts)}")
    return [part for name, part in parts.items() if not words or any(word in name for word in words)]


def name_network(name: str, pictures: Path | None, seen: bool) -> str:
    """Return the system of a run, digits that stand for its weights, and whether it has seen the simulated digits.

    Raises:
        InputError: there is no such run, or it has seen the digits although ``seen`` is false.
    """
    run = check_run(name, seen or pictures is not None)
    digest = hashlib.sha256((run.directory / "weights.safetensors").read_bytes()).hexdigest()[:8]
    known = seen and pictures is None and run.recipe.split != "validate"
    return f"{run.recipe.system}, weights {digest}" + ", has seen these digits" * known


def parse_arguments() -> argparse.Namespace:
    """Return the command line, checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "settings"], help="what to do")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="labelled pictures instead of simulated ones")
    parser.add_argument("--count", type=int, help=f"pictures of a part (default: all of a folder, {COUNT} simulated ones)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulation, and of the choice from a folder")
    parser.add_argument("--peer", nargs="+", default=[], metavar="NAME", help=f"only these of {join_names(PEERS)}")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="only parts with one of these in their name")
    parser.add_argument("--run", metavar="RUN", help="the network of seesum and of the plain recipes")
    parser.add_argument("--seen", action="store_true", help="also take a network that was trained on the simulated digits")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="store the rows in this folder")
    arguments = parser.parse_args()
    if arguments.count is not None and arguments.count < 1:
        parser.error("give a --count of 1 or more")
    if arguments.seed < 0:
        parser.error("give a --seed of 0 or more")
    if arguments.pictures and arguments.only:
        parser.error("--only chooses simulated pictures; leave it or --pictures away")
    return arguments


def main() -> None:
    """Parse the command line, measure, print the rows and store them."""
    arguments = parse_arguments()
    every_setting = arguments.what == "settings"
    peers = [peer for peer in find_peers(arguments.peer) if peer.load or not every_setting]
    parts = [read_folder(arguments.pictures)] if arguments.pictures else choose_parts(arguments.only)
    run, network = arguments.run or DEFAULT_RUN, ""
    if any(peer.load is None for peer in peers):
        if not (arguments.run or arguments.pictures or arguments.seen):
            raise InputError("simulated pictures need --run RUN, a run trained with --split validate")
        network = name_network(run, arguments.pictures, arguments.seen)
    out = make_folder(arguments.out) / ("peers-settings.csv" if every_setting else "peers.csv") if arguments.out else None
    if out:
        read_rows(out)  # refuse a wrong file before programs start
    with ExitStack() as stack:
        contestants = start_peers(peers, run, network, every_setting, stack)
        rows = compare(contestants, parts, arguments.count, arguments.seed, out)
    print_rows(rows, *SHOWN)
    if out:
        print(f"The rows are in {out}")


if __name__ == "__main__":
    run_to_end(main, "the rows that are missing")
