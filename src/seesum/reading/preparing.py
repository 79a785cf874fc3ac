"""Prepare many pictures, in parallel over the cores. The second time they come from the user's cache."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from seesum.base.progress import Progress
from seesum.data.idx import SIDE
from seesum.reading.decoding import SECONDS, decode_picture
from seesum.reading.opening import FORMATS, LARGEST_PIXELS
from seesum.reading.pictures import PictureError, name_picture
from seesum.reading.prepared_cache import find_prepared, hash_picture, store_prepared
from seesum.reading.preprocessing import MOST_IMAGES, Prepared, join_ways, prepare_picture
from seesum.reading.processes import BrokenDecoderError, DecodingProcess

FEWEST = 25
"""So many pictures are worth the start of another process."""

PictureFile = Path | bytes
"""A file, or its bytes."""
Result = Prepared | PictureError
"""A prepared picture without its steps, or why it cannot be read."""


def prepare_all(pictures: Sequence[PictureFile], quiet: bool = False) -> list[Result]:
    """Prepare pictures as ``prepare_picture`` does, and return the results in their order. ``quiet`` shows no progress."""
    keys = [_find_key(picture) for picture in pictures]
    known = find_prepared({key for key in keys if key is not None})
    results: dict[int, Result] = {place: known[key] for place, key in enumerate(keys) if key is not None and key in known}
    todo = [place for place in range(len(pictures)) if place not in results]
    new: dict[bytes, Prepared] = {}
    made = _prepare([pictures[place] for place in todo], min(_count_cores(), len(todo) // FEWEST))
    try:
        with closing(made), Progress("preparing pictures", len(todo), quiet or not todo) as progress:
            for done, (place, result) in enumerate(zip(todo, made, strict=True), 1):
                results[place], key = result, keys[place]
                if key is not None and isinstance(result, Prepared):
                    new[key] = result
                progress.update(done, "")
    finally:
        store_prepared(new)
    return [results[place] for place in range(len(pictures))]


def take_as_is(picture: PictureFile) -> Result:
    """Return a picture of 28x28 pixels as it is, its colours as grey levels."""
    try:
        colours = decode_picture(picture)
    except PictureError as error:
        return error
    height, width = colours.shape[:2]
    if (height, width) != (SIDE, SIDE):
        return PictureError(
            f"{name_picture(picture)} has {width} x {height} pixels; expected 28 x 28, or leave --as-is (as_is=True) out"
        )
    return Prepared(np.rint(colours.mean(2)).astype(np.uint8))


def _find_key(picture: PictureFile) -> bytes | None:
    """Return the key of a picture in the cache; None if its file cannot be read, which ``prepare_picture`` tells."""
    try:
        return hash_picture(picture if isinstance(picture, bytes) else picture.read_bytes())
    except OSError:
        return None


def _count_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _prepare(pictures: Sequence[PictureFile], processes: int) -> Generator[Result, None, None]:
    """Yield the results in order, with so many processes beside this one; with fewer than two, all is done in this one."""
    if processes < 2:
        yield from map(_prepare_here, pictures)
        return
    started = [DecodingProcess() for _ in range(processes)]
    idle: SimpleQueue[DecodingProcess] = SimpleQueue()
    for process in started:
        process.start()
        idle.put(process)
    with ThreadPoolExecutor(processes) as pool:
        try:
            yield from pool.map(partial(_prepare_there, idle), pictures)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in started:
                process.close()


def _prepare_here(picture: PictureFile) -> Result:
    try:
        prepared = prepare_picture(picture)
    except PictureError as error:
        return error
    ways = (prepared, *prepared.others)
    return join_ways(np.stack([way.image for way in ways]), [way.digits_found for way in ways])


def _prepare_there(idle: SimpleQueue[DecodingProcess], picture: PictureFile) -> Result:
    """Prepare a picture in one of the idle processes. One that fails there is tried here, which tells why."""
    process = idle.get()
    try:
        data = picture if isinstance(picture, bytes) else picture.read_bytes()
        question = {"do": "prepare", "formats": FORMATS, "pixels": LARGEST_PIXELS}
        values, levels = process.ask(question, data, SECONDS, MOST_IMAGES * SIDE * SIDE)
    except (OSError, BrokenDecoderError):
        return _prepare_here(picture)
    finally:
        idle.put(process)
    if "error" in values:
        return _prepare_here(picture)
    return join_ways(np.frombuffer(levels, np.uint8).reshape(-1, SIDE, SIDE), values["digits_found"])
