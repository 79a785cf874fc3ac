"""Let networks answer simulated pictures, and count what is right."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np

from seesum.base.errors import InputError
from seesum.reading.answer import Answer
from seesum.reading.pictures import PictureError
from seesum.reading.preprocessing import Prepared
from seesum.reading.reader import Reader
from seesum.runs.provenance import origin_columns
from seesum.runs.run import Run, find_run
from simulation import Shown
from ways import Way

PACKAGES = {"pillow": "pillow", "opencv": "opencv-python-headless", "scipy": "scipy", "onnxruntime": "onnxruntime"}
"""Columns with versions, and the packages whose versions they are."""


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
        "right": find_percentage(one.right for one in trials),
        "refused": find_percentage(one.answer is None for one in trials),
        "accepted": find_percentage(one.accepted for one in trials),
        "right_of_accepted": find_percentage(one.right for one in accepted),
        "milliseconds": f"{1000 * statistics.median(one.seconds for one in trials):.1f}",
    }


def check_run(name: str, seen: bool = False) -> Run:
    """Return a run by its name. ``seen`` allows one that was trained on the images from which the pictures are made.

    Raises:
        InputError: there is no such run, or it was trained on the images from which the pictures are made.
    """
    run = find_run(name)
    if not seen and (run.recipe.split, run.recipe.split_seed) != ("validate", 0):
        raise InputError(f"{name} was trained on images that are simulated here; give a run trained with --split validate")
    return run


def load_readers(names: Sequence[str]) -> dict[str, Reader]:
    """Return readers of runs, by the names of their systems.

    Raises:
        InputError: there is no such run, or it was trained on the images from which the pictures are made.
    """
    return {(run := check_run(name)).recipe.system: Reader.load(run) for name in names}


def list_origin() -> dict[str, str]:
    """Return the first columns of a row: date, commit, hardware, and versions of what makes, prepares and answers pictures."""
    return origin_columns("cores", "python", "torch") | {name: version(package) for name, package in PACKAGES.items()}


def find_percentage(flags: Any) -> str:
    """Return how many flags are set, in percent; an empty text where there are none."""
    values = [bool(flag) for flag in flags]
    return f"{100 * statistics.mean(values):.2f}" if values else ""
