"""Answer pictures whose digits are known, one after the other, as ``predict`` answers them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.progress import Progress
from seesum.data.operations import ADDENDS
from seesum.measuring.pictures import Judged
from seesum.reading.labelled import LabelledPicture
from seesum.reading.pictures import PictureError
from seesum.reading.preprocessing import prepare_picture
from seesum.reading.reader import Reader


@with_own_torch_settings
def judge_pictures(reader: Reader, pictures: Sequence[LabelledPicture], quiet: bool = False) -> list[Judged]:
    """Answer pictures, and put the answers beside the true values.

    Pictures without an addend get 0, 1, 2 and so on to 9 in turn. Nothing comes from a cache, so the times are honest.

    Args:
        reader: answers them.
        pictures: at least one.
        quiet: show no progress.

    Raises:
        InputError: no picture can be read.
    """
    judged = []
    with Progress("reading pictures", len(pictures), quiet) as progress:
        for place, picture in enumerate(pictures):
            judged.append(_judge(reader, picture, place % ADDENDS if picture.addend is None else picture.addend))
            progress.update(place + 1, "")
    if all(one.predicted is None for one in judged):
        raise InputError(f"none of the {len(judged)} pictures can be read; the first: {judged[0].error}")
    return judged


def _judge(reader: Reader, picture: LabelledPicture, addend: int) -> Judged:
    started = time.perf_counter()
    known = (str(picture.path), picture.digit, addend, reader.operation.compute(picture.digit, addend))
    try:
        settled = reader.settle([prepare_picture(picture.path)])
        (answer,) = reader.answer_prepared(settled, np.array([addend]))
    except PictureError as error:
        return Judged(*known, None, 0.0, True, time.perf_counter() - started, error=str(error))
    seconds = time.perf_counter() - started
    return Judged(*known, (answer.digit, answer.sum), answer.confidence, answer.unsure, seconds, settled[0].image)
