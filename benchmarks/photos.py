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
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from inks import DOUBTFUL, find_fonts
from seesum.base.errors import InputError
from seesum.base.files import check_file, make_folder, write_csv
from seesum.cli.output import print_rows
from seesum.reading import cutout, location, preprocessing, segmentation
from seesum.reading.decoding import Plane, decode_picture
from seesum.reading.pictures import Picture, PictureError
from seesum.reading.preprocessing import Prepared, centre_by_mass, fit_into_box, prepare_picture
from seesum.reading.reader import Answer, Reader
from seesum.runs.provenance import origin_columns
from seesum.runs.run import find_run
from seesum.showing.style import LIGHT
from simulation import KINDS, Shown, simulate, simulate_doubtful

Way = Callable[[Picture], Prepared]


class Trial(NamedTuple):
    """One picture, and how a network answers it."""

    shown: Shown
    prepared: Prepared | None
    """The prepared picture, or None if it was refused."""
    answer: Answer | None
    seconds: float

    @property
    def right(self) -> bool:
        """Whether the answer is the digit of the picture."""
        return self.answer is not None and self.answer.digit == self.shown.digit

    @property
    def accepted(self) -> bool:
        """Whether there is an answer that is not unsure."""
        return self.answer is not None and not self.answer.unsure


def resize_picture(picture: Picture) -> Prepared:
    """Prepare a picture with the least effort: grey, 28x28, bright ink on black."""
    grey = decode_picture(picture).mean(2)
    small = np.asarray(Image.fromarray(grey).resize((28, 28), Image.Resampling.BILINEAR))
    return Prepared((255 - small if small.mean() > 127 else small).clip(0, 255).astype(np.uint8))


def binarise_picture(picture: Picture) -> Prepared:
    """Prepare a picture in the usual way: Otsu's threshold, crop, 20x20 box, centre of mass in the middle of 28x28."""
    grey = decode_picture(picture).mean(2)
    if np.median(grey) > (grey.min() + grey.max()) / 2:
        grey = grey.max() - grey
    ink = grey > split_levels(grey)
    if not ink.any():
        raise PictureError("the picture holds no ink")
    return Prepared(centre_by_mass(fit_into_box(ink.astype(np.float32))))


def split_levels(grey: Plane) -> float:
    """Return the threshold between two classes of grey levels 0..255 with the least variance inside them (Otsu 1979)."""
    counts, edges = np.histogram(grey, 256, (0, 256))
    weights, sums = np.cumsum(counts)[:-1], np.cumsum(counts * edges[:-1])[:-1]
    rest = np.maximum(counts.sum() - weights, 1)
    apart = sums / np.maximum(weights, 1) - ((counts * edges[:-1]).sum() - sums) / rest
    return float(edges[1 + int(np.argmax(weights * rest * apart**2))]) - 0.5


WAYS: dict[str, Way] = {
    "resize, invert": resize_picture,
    "Otsu, crop, centre": binarise_picture,
    "prepare_picture": prepare_picture,
}


def _label_parts(mask: segmentation.Mask, gap: int = 2) -> tuple[Any, list[Any]]:  # noqa: ARG001
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    return labels, ndimage.find_objects(labels)


def _take_darkest(grey: Plane, window: int) -> Plane:  # noqa: ARG001
    return np.full_like(grey, grey.max())


def _keep_mask(mask: segmentation.Mask, *_: Any) -> segmentation.Mask:
    return mask


STEPS: dict[str, dict[tuple[Any, str], Any]] = {
    "none": {},
    "grey along the greatest contrast": {
        (module, "project_colours"): lambda colours: colours.mean(2) for module in (cutout, preprocessing)
    },
    "even light": {(module, "estimate_background"): _take_darkest for module in (segmentation, location)},
    "several widths of strokes": {(location, "WINDOWS"): (0.32,)},
    "less noise": {(location, "measure_noise"): lambda _: 0.0},
    "rim dropped": {(location, "drop_rim"): _keep_mask},
    "paper on all sides": {(location, "_measure_openness"): lambda *_: 1.0},
    "little contact with the rim": {(location, "_measure_contact"): lambda *_: 1.0},
    "steep outlines": {(location, "SHARP"): 0.0, (location, "FAINTEST_OUTLINE"): 0.0},
    "thin strokes": {(location, "THICK"): np.inf},
    "several blurs": {(cutout, "BLURS"): (0.0,)},
    "second cut-out": {(cutout.Area, "fit_to_ink"): lambda area, *_: area},
    "ruled lines removed": {(module, "remove_ruled_lines"): _keep_mask for module in (location, cutout)},
    "ruled lines removed from the cut-out": {(cutout, "remove_ruled_lines"): _keep_mask},
    "only what was found": {(cutout, "keep_touching"): _keep_mask},
    "strokes joined": {(module, "group_strokes"): _label_parts for module in (location, cutout)},
    "strokes evened": {(preprocessing, "THINNEST"): 0.0, (preprocessing, "THICKEST"): np.inf},
}
"""For each step of the preparation: what replaces the step when it is switched off."""


@contextmanager
def switch_off(step: str) -> Iterator[None]:
    """Switch off one step of the preparation inside the context."""
    originals = {(owner, name): getattr(owner, name) for owner, name in STEPS[step]}
    try:
        for (owner, name), replacement in STEPS[step].items():
            setattr(owner, name, replacement)
        yield
    finally:
        for (owner, name), original in originals.items():
            setattr(owner, name, original)


def ask_readers(readers: Mapping[str, Reader], pictures: Sequence[Shown], way: Way) -> dict[str, list[Trial]]:
    """Return each network's answers to the pictures. The seconds are those of preparing and answering one picture alone."""
    trials: dict[str, list[Trial]] = {name: [] for name in readers}
    for shown in pictures:
        start = time.perf_counter()
        try:
            prepared = way(shown.picture)
        except PictureError:
            prepared = None
        preparing = time.perf_counter() - start
        for name, reader in readers.items():
            start = time.perf_counter()
            answer = reader.answer_prepared([prepared], np.array([7]))[0] if prepared else None
            trials[name].append(Trial(shown, prepared, answer, preparing + time.perf_counter() - start))
    return trials


def summarise(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return percentages of all pictures, except ``right_of_accepted``, and the median time of one picture."""
    accepted = [one for one in trials if one.accepted]
    return {
        "right": _percent(one.right for one in trials),
        "refused": _percent(one.answer is None for one in trials),
        "accepted": _percent(one.accepted for one in trials),
        "right_of_accepted": _percent(one.right for one in accepted),
        "milliseconds": f"{1000 * statistics.median(one.seconds for one in trials):.1f}",
    }


def measure_ways(readers: Mapping[str, Reader], count: int, seed: int) -> list[dict[str, Any]]:
    """Return a row for each kind of picture, source of digits, way of preparing and network."""
    rows = []
    for fonts in (False, True) if find_fonts() else (False,):
        for kind in KINDS:
            pictures = simulate(kind, count, seed, fonts)
            for name, way in WAYS.items():
                for network, trials in ask_readers(readers, pictures, way).items():
                    digits = "fonts" if fonts else "MNIST"
                    first = {"part": kind, "digits": digits, "n": count, "seed": seed, "network": network, "way": name}
                    rows.append({**first, **summarise(trials)})
    return rows


def measure_steps(readers: Mapping[str, Reader], count: int, seed: int) -> list[dict[str, Any]]:
    """Return a row for each step and network: the accuracy on each kind of picture without the step, and the mean."""
    by_kind = {kind: simulate(kind, count, seed) for kind in KINDS}
    rows = []
    for step in STEPS:
        with switch_off(step):
            trials = {kind: ask_readers(readers, pictures, prepare_picture) for kind, pictures in by_kind.items()}
        for network in readers:
            shares = {kind: 100 * statistics.mean(one.right for one in trials[kind][network]) for kind in KINDS}
            shares["mean"] = statistics.mean(shares.values())
            seconds = statistics.median(one.seconds for kind in KINDS for one in trials[kind][network])
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
            shares = {"answered": _percent(one.answer is not None for one in trials)}
            shares["accepted"] = _percent(one.accepted for one in trials)
            shares["with_99"] = _percent(one.answer and one.answer.confidence >= 0.99 for one in trials)
            rows.append({**first, **shares, "highest_confidence": f"{max(confidences, default=0):.4f}"})
    return rows


def draw_sheet(readers: Mapping[str, Reader], count: int, seed: int) -> Image.Image:
    """Return a sheet with two rows for each kind: pictures, and below them the prepared images with the answers.

    With a network, the pictures that it misreads come first.
    """
    side, shown_at_once = 96, 14
    bands = [(kind, fonts) for fonts in ((False, True) if find_fonts() else (False,)) for kind in KINDS]
    sheet = Image.new("RGB", (shown_at_once * side, len(bands) * (2 * side + 16)), LIGHT["line"])
    pen = ImageDraw.Draw(sheet)
    for band, (kind, fonts) in enumerate(bands):
        pictures = simulate(kind, count, seed, fonts)
        trials = ask_readers(readers, pictures, prepare_picture).popitem()[1] if readers else _prepare_only(pictures)
        ranked = sorted(trials, key=lambda one: one.right) if readers else trials
        for column, one in enumerate(ranked[:shown_at_once]):
            place = (column * side, band * (2 * side + 16))
            colours = Image.fromarray(decode_picture(one.shown.picture).astype(np.uint8))
            colours.thumbnail((side - 4, side - 4))
            sheet.paste(colours, place)
            if one.prepared is not None:
                seen = Image.fromarray(one.prepared.image).resize((side - 12, side - 12), Image.Resampling.NEAREST)
                sheet.paste(seen, (place[0], place[1] + side))
            answer = f", read {one.answer.digit} ({one.answer.confidence:.0%})" if one.answer else ""
            pen.text(
                (place[0], place[1] + 2 * side - 8),
                f"{one.shown.digit}{answer}",
                LIGHT["alarm" if readers and not one.right else "text"],
            )
    return sheet


def write_pictures(folder: Path, count: int, seed: int) -> int:
    """Write pictures of validation images as files ``<digit>/<kind>-<number>.jpg`` or ``.png``. Return their number."""
    written = 0
    for kind in KINDS:
        for number, (picture, digit) in enumerate(simulate(kind, count, seed)):
            stem = make_folder(folder / str(digit)) / f"{kind}-{number}"
            if isinstance(picture, bytes):
                stem.with_suffix(".jpg").write_bytes(picture)
            else:
                picture.save(stem.with_suffix(".png"))
            written += 1
    return written


def load_readers(names: Sequence[str]) -> dict[str, Reader]:
    """Return readers of runs, by the names of their systems.

    Raises:
        InputError: there is no such run, or it was trained on the images from which the pictures are made.
    """
    readers = {}
    for name in names:
        run = find_run(name)
        if (run.recipe.split, run.recipe.split_seed) != ("validate", 0):
            raise InputError(f"{name} was trained on images that are simulated here; give a run trained with --split validate")
        readers[run.recipe.system] = Reader.load(run)
    return readers


def _prepare_only(pictures: Sequence[Shown]) -> list[Trial]:
    trials = []
    for shown in pictures:
        try:
            trials.append(Trial(shown, prepare_picture(shown.picture), None, 0))
        except PictureError:
            trials.append(Trial(shown, None, None, 0))
    return trials


def _percent(flags: Any) -> str:
    values = [bool(flag) for flag in flags]
    return f"{100 * statistics.mean(values):.2f}" if values else ""


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
        origin = origin_columns("python", "pillow", "scipy", "torch")
        path = make_folder(arguments.out) / name
        write_csv(path, [{**origin, **row} for row in rows])
        print(f"The rows are in {path}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(f"photos.py: {error}") from None
