"""Make a new run directory, also where a killed process has left one unfinished."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seesum.base.compatibility import FORMAT
from seesum.base.errors import InputError
from seesum.base.files import list_leftovers, write_json
from seesum.base.locks import LOCK, hold_folder
from seesum.base.recipe import Recipe
from seesum.runs.names import RUNS
from seesum.runs.run import Run


def create_run(recipe: Recipe, info: Mapping[str, Any], out: str | os.PathLike[str] | None = None) -> Run:
    """Make a new run directory with its ``run.json``.

    Args:
        recipe: the recipe that will run; stored whole.
        info: the other fields of ``run.json``.
        out: the directory; None for ``runs/<system>-<date>-<time>-s<seed>``.

    Raises:
        InputError: the directory exists and is not empty, or cannot be made.
    """
    directory = Path(out) if out is not None else _name_run(recipe)
    path = directory / "run.json"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with hold_folder(directory, f"{directory} is being used by another process; give --out a new directory"):
            ours = {*list_leftovers(path), directory / LOCK}  # of a process that was killed before it wrote run.json
            if any(entry not in ours for entry in directory.iterdir()):
                raise InputError(f"{directory} exists and is not empty; give --out a new directory")
            write_json(path, {"format": FORMAT, **info, "recipe": recipe.to_dict()})
    except (OSError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path} cannot be written ({reason}), so {directory} cannot be made a run directory; give --out another"
        ) from error
    return Run(directory)


def _name_run(recipe: Recipe) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = itertools.chain([""], (f"-{count}" for count in itertools.count(2)))
    places = (Path(RUNS) / f"{recipe.system}-{stamp}-s{recipe.seed}{suffix}" for suffix in names)
    return next(place for place in places if not place.exists())
