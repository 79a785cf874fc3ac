"""The images of a run: those that its ``run.json`` describes, and no others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seesum.base.errors import InputError
from seesum.base.recipe import Recipe
from seesum.data.embedded import CANONICAL_SHA256
from seesum.data.idx import TURNS, Dataset, find_collection, read_embedded, read_folder, turn_images
from seesum.data.splits import Splits, split_images


def load_run_splits(
    info: Mapping[str, Any], recipe: Recipe, source: Path | str, data: Dataset | str | os.PathLike[str] | None = None
) -> Splits:
    """Load the images that a ``run.json`` describes; ``source`` is its name in messages. See ``Run.load_splits``."""
    stored = info["data"]
    place = stored["directory"] if data is None else data
    if isinstance(place, Dataset):
        dataset = place
    elif place is not None:
        if Path(place).exists() and find_collection(Path(place)) is None:
            raise InputError(
                f"{place} holds no IDX files; load it with seesum.load_data, and give load_splits what that returns"
            )
        dataset = turn_images(read_folder(place), **{name: bool(stored.get(name)) for name in TURNS})
    elif stored["sha256"] != CANONICAL_SHA256:  # arrays; and an exported network forgets the folder of its data
        raise InputError(f"{source} was made with arrays, or does not say where its images are; give them with data= (--data)")
    else:
        dataset = read_embedded()
    if dataset.sha256 != stored["sha256"]:
        raise InputError(f"the data is not what {source} was made with (its SHA-256 differs); give that data with --data")
    return split_images(dataset, recipe)
