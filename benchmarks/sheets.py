"""Show simulated pictures on a sheet, or write them as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from seesum.base.files import make_folder
from seesum.base.style import LIGHT
from seesum.reading.decoding import decode_picture
from seesum.reading.pictures import PictureError
from seesum.reading.preprocessing import prepare_picture
from seesum.reading.reader import Reader
from simulation import EVERYDAY, Shown, find_sources, simulate
from trials import Trial, ask_readers


def save_picture(picture: Image.Image | bytes, stem: Path) -> Path:
    """Write a picture as PNG, or the bytes of a JPEG. Return the path, which is the stem with the ending."""
    if isinstance(picture, bytes):
        path = stem.with_suffix(".jpg")
        path.write_bytes(picture)
    else:
        path = stem.with_suffix(".png")
        picture.save(path)
    return path


def draw_sheet(readers: Mapping[str, Reader], count: int, seed: int) -> Image.Image:
    """Return a sheet with two rows for each kind: pictures, and below them the prepared images with the answers.

    With a network, the pictures that it misreads come first.
    """
    side, shown_at_once = 96, 14
    bands = [(kind, source) for source in find_sources() for kind in EVERYDAY]
    sheet = Image.new("RGB", (shown_at_once * side, len(bands) * (2 * side + 16)), LIGHT["line"])
    pen = ImageDraw.Draw(sheet)
    for band, (kind, source) in enumerate(bands):
        pictures = simulate(kind, count, seed, source)
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
    for kind in EVERYDAY:
        for number, (picture, digit) in enumerate(simulate(kind, count, seed)):
            save_picture(picture, make_folder(folder / str(digit)) / f"{kind.replace(' ', '-')}-{number}")
            written += 1
    return written


def _prepare_only(pictures: Sequence[Shown]) -> list[Trial]:
    trials = []
    for shown in pictures:
        try:
            trials.append(Trial(shown, prepare_picture(shown.picture), None, 0))
        except PictureError:
            trials.append(Trial(shown, None, None, 0))
    return trials
