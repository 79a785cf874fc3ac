"""People's own digits, simulated: how many are read, by which way of preparing pictures, and what each of its steps earns.

    python benchmarks/photos.py measure --run RUN RUN --out results    # ways of preparing, on each part -> photos.csv
    python benchmarks/photos.py steps --run RUN --out results          # each step switched off -> photos-steps.csv
    python benchmarks/photos.py doubts --run RUN RUN --out results     # pictures that hold no digit -> photos-doubts.csv
    python benchmarks/photos.py sheet sheet.png                        # look at what is simulated, and what becomes of it
    python benchmarks/photos.py sheet wrong.png --run RUN              # the same, first those that RUN misreads
    python benchmarks/photos.py write FOLDER --seed 1                  # files FOLDER/<digit>/..., for calibrate --pictures

A RUN is one trained with --split validate, since the pictures are made of the validation images. Calibrate it on pictures
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
from simulation import PARTS, Shown, simulate, simulate_doubtful

Way = Callable[[Picture], Prepared]


class Trial(NamedTuple):
    """What a network makes of one picture."""

    shown: Shown
    prepared: Prepared | None
    """None where the picture was refused."""
    answer: Answer | None
    seconds: float

    @property
    def right(self) -> bool:
        """Whether the digit is that of the picture."""
        return self.answer is not None and self.answer.digit == self.shown.digit

    @property
    def accepted(self) -> bool:
        """Whether there is an answer, and it is not unsure."""
        return self.answer is not None and not self.answer.unsure


def resize_picture(picture: Picture) -> Prepared:
    """The least that can be done: grey, 28x28, bright ink on black."""
    grey = decode_picture(picture).mean(2)
    small = np.asarray(Image.fromarray(grey).resize((28, 28), Image.Resampling.BILINEAR))
    return Prepared((255 - small if small.mean() > 127 else small).clip(0, 255).astype(np.uint8))


def binarise_picture(picture: Picture) -> Prepared:
    """The usual recipe: Otsu's threshold, crop, 20x20 box, centre of mass in the middle of 28x28."""
    grey = decode_picture(picture).mean(2)
    if np.median(grey) > (grey.min() + grey.max()) / 2:
        grey = grey.max() - grey
    ink = grey > split_levels(grey)
    if not ink.any():
        raise PictureError("the picture holds no ink")
    return Prepared(centre_by_mass(fit_into_box(ink.astype(np.float32))))


def split_levels(grey: Plane) -> float:
    """The threshold between two classes of grey levels 0..255 that leaves the least variance within them (Otsu 1979)."""
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
"""What stands in for each step of the preparation where it is switched off."""


@contextmanager
def switch_off(step: str) -> Iterator[None]:
    """Without one step of the preparation."""
    kept = {(owner, name): getattr(owner, name) for owner, name in STEPS[step]}
    try:
        for (owner, name), stand_in in STEPS[step].items():
            setattr(owner, name, stand_in)
        yield
    finally:
        for (owner, name), was in kept.items():
            setattr(owner, name, was)


def ask_readers(readers: Mapping[str, Reader], pictures: Sequence[Shown], way: Way) -> dict[str, list[Trial]]:
    """What each network says of pictures; seconds are those of one picture alone, prepared and answered."""
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
    """Shares in percent of all pictures (of those accepted for the last one), and the median time of one."""
    accepted = [one for one in trials if one.accepted]
    return {
        "right": _percent(one.right for one in trials),
        "refused": _percent(one.answer is None for one in trials),
        "accepted": _percent(one.accepted for one in trials),
        "right_of_accepted": _percent(one.right for one in accepted),
        "milliseconds": f"{1000 * statistics.median(one.seconds for one in trials):.1f}",
    }


def measure_ways(readers: Mapping[str, Reader], count: int, seed: int) -> list[dict[str, Any]]:
    """A row for each part, source of digits, way of preparing and network."""
    rows = []
    for fonts in (False, True) if find_fonts() else (False,):
        for part in PARTS:
            pictures = simulate(part, count, seed, fonts)
            for name, way in WAYS.items():
                for network, trials in ask_readers(readers, pictures, way).items():
                    digits = "fonts" if fonts else "MNIST"
                    first = {"part": part, "digits": digits, "n": count, "seed": seed, "network": network, "way": name}
                    rows.append({**first, **summarise(trials)})
    return rows


def measure_steps(readers: Mapping[str, Reader], count: int, seed: int) -> list[dict[str, Any]]:
    """A row for each step switched off and each network: accuracy on each part, and the mean of them."""
    parts = {part: simulate(part, count, seed) for part in PARTS}
    rows = []
    for step in STEPS:
        with switch_off(step):
            trials = {part: ask_readers(readers, pictures, prepare_picture) for part, pictures in parts.items()}
        for network in readers:
            shares = {part: 100 * statistics.mean(one.right for one in trials[part][network]) for part in PARTS}
            shares["mean"] = statistics.mean(shares.values())
            slow = statistics.median(one.seconds for part in PARTS for one in trials[part][network])
            first = {"switched_off": step, "n": count, "seed": seed, "network": network}
            right = {part: f"{share:.1f}" for part, share in shares.items()}
            rows.append({**first, **right, "milliseconds": f"{1000 * slow:.1f}"})
    return rows


def measure_doubts(readers: Mapping[str, Reader], count: int, seed: int) -> list[dict[str, Any]]:
    """A row for each kind of picture without a digit, and each network."""
    rows = []
    for kind in DOUBTFUL:
        for network, trials in ask_readers(readers, simulate_doubtful(kind, count, seed), prepare_picture).items():
            sure = [one.answer.confidence for one in trials if one.answer]
            first = {"shown": kind, "n": count, "seed": seed, "network": network}
            shares = {"answered": _percent(one.answer is not None for one in trials)}
            shares["accepted"] = _percent(one.accepted for one in trials)
            shares["with_99"] = _percent(one.answer and one.answer.confidence >= 0.99 for one in trials)
            rows.append({**first, **shares, "highest_confidence": f"{max(sure, default=0):.4f}"})
    return rows


def draw_sheet(readers: Mapping[str, Reader], count: int, seed: int) -> Image.Image:
    """For each part two rows: pictures, and below each what a network sees of it and says; with networks, wrong ones first."""
    side, shown_at_once = 96, 14
    bands = [(part, fonts) for fonts in ((False, True) if find_fonts() else (False,)) for part in PARTS]
    sheet = Image.new("RGB", (shown_at_once * side, len(bands) * (2 * side + 16)), (120, 140, 160))
    pencil = ImageDraw.Draw(sheet)
    for band, (part, fonts) in enumerate(bands):
        pictures = simulate(part, count, seed, fonts)
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
            said = f", read {one.answer.digit} ({one.answer.confidence:.0%})" if one.answer else ""
            pencil.text((place[0], place[1] + 2 * side - 8), f"{one.shown.digit}{said}", "white" if one.right else "yellow")
    return sheet


def write_pictures(folder: Path, count: int, seed: int) -> int:
    """Pictures of validation images as files ``<digit>/<part>-<number>.jpg`` or ``.png``; gives how many."""
    written = 0
    for part in PARTS:
        for number, (picture, digit) in enumerate(simulate(part, count, seed)):
            stem = make_folder(folder / str(digit)) / f"{part}-{number}"
            if isinstance(picture, bytes):
                stem.with_suffix(".jpg").write_bytes(picture)
            else:
                picture.save(stem.with_suffix(".png"))
            written += 1
    return written


def load_readers(names: Sequence[str]) -> dict[str, Reader]:
    """Readers of runs by the names of their systems.

    Raises:
        InputError: no such run, or one that was trained on the images of which the pictures are made.
    """
    readers = {}
    for name in names:
        run = find_run(name)
        if (run.recipe.split, run.recipe.split_seed) != ("validate", 0):
            raise InputError(f"{name} was trained on images that are simulated here; give a run trained with --split validate")
        readers[run.recipe.system] = Reader.load(run)
    return readers


def _prepare_only(pictures: Sequence[Shown]) -> list[Trial]:
    found = []
    for shown in pictures:
        try:
            found.append(Trial(shown, prepare_picture(shown.picture), None, 0))
        except PictureError:
            found.append(Trial(shown, None, None, 0))
    return found


def _percent(flags: Any) -> str:
    values = [bool(flag) for flag in flags]
    return f"{100 * statistics.mean(values):.2f}" if values else ""


def main() -> None:
    """Parse, measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "steps", "doubts", "sheet", "write"])
    parser.add_argument("path", nargs="?", type=Path, help="of sheet: the PNG; of write: the folder")
    parser.add_argument("--run", nargs="+", default=[], metavar="RUN", help="runs trained with --split validate")
    parser.add_argument("--count", type=int, default=300, help="pictures of each part")
    parser.add_argument("--seed", type=int, default=0, help="of the simulation")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="store the rows there")
    given = parser.parse_args()
    measures = {
        "measure": (measure_ways, "photos.csv"),
        "steps": (measure_steps, "photos-steps.csv"),
        "doubts": (measure_doubts, "photos-doubts.csv"),
    }
    if (given.path is None) == (given.what not in measures):
        parser.error("sheet needs a PNG file, and write a folder; the others take none")
    if given.what in measures and not given.run:
        parser.error(f"{given.what} needs --run RUN, a run trained with --split validate")
    if given.what == "write":
        print(f"{write_pictures(make_folder(given.path), given.count, given.seed)} pictures are in {given.path}")
        return
    readers = load_readers(given.run)
    if given.what == "sheet":
        draw_sheet(readers, given.count, given.seed).save(check_file(given.path), "PNG")
        print(f"The picture is {given.path}")
        return
    measure, name = measures[given.what]
    rows = measure(readers, given.count, given.seed)
    print_rows(rows, *rows[0])
    if given.out:
        origin = origin_columns("python", "pillow", "scipy", "torch")
        path = make_folder(given.out) / name
        write_csv(path, [{**origin, **row} for row in rows])
        print(f"The rows are in {path}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(f"photos.py: {error}") from None
