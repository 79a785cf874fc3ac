"""A study: runs of one recipe with the seeds 0..n-1, and the mean and spread of their metrics."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seesum.base.compatibility import downgrade_study
from seesum.base.environment import undo_import_effects
from seesum.base.errors import InputError
from seesum.base.markup import format_table
from seesum.base.recipe import Recipe
from seesum.base.settings import format_change
from seesum.data.embedded import CANONICAL_SHA256
from seesum.data.idx import OPTIONS
from seesum.networks.system import System
from seesum.networks.systems import find_system
from seesum.runs.names import RUNS
from seesum.runs.run import Run

STUDY_METRICS = ("digit_accuracy", "sum_accuracy", "both_accuracy", "digit_loss", "sum_loss", "train_seconds")
"""The metrics whose mean and spread over seeds a study reports."""


@dataclass(frozen=True)
class Spread:
    """Mean and spread of one metric over n seeds."""

    mean: float
    std: float
    """Sample standard deviation (n - 1); 0 for one run."""
    low: float
    """Lower end of the 95 % interval of the mean (Student's t)."""
    high: float
    median: float


@dataclass(frozen=True)
class Study:
    """Finished runs that differ only in their seed."""

    directory: Path
    runs: tuple[Run, ...]

    @property
    def spreads(self) -> dict[str, Spread]:
        """Mean and spread of each metric in ``STUDY_METRICS``."""
        metrics = [run.metrics for run in self.runs]
        most = {name: 1.0 if name.endswith("accuracy") else math.inf for name in STUDY_METRICS}
        return {name: compute_spread([float(values[name]) for values in metrics], most[name]) for name in STUDY_METRICS}

    def __repr__(self) -> str:
        """Return one short line."""
        return f"Study({self.directory}, {len(self.runs)} runs)"

    def _repr_html_(self) -> str:
        """Return mean and spread of each metric as a table, for a notebook."""
        rows = []
        for name, spread in self.spreads.items():
            digits = ".2%" if name.endswith("accuracy") else ".4g"
            interval = f"{spread.low:{digits}} to {spread.high:{digits}}"
            rows.append((name.replace("_", " "), f"{spread.mean:{digits}}", f"{spread.std:{digits}}", interval))
        return format_table(("metric", "mean", "standard deviation", "95 % interval of the mean"), rows, repr(self))

    def to_row(self) -> dict[str, Any]:
        """Return a row for a file in ``results/``: hardware, versions, recipe, n, means, standard deviations and seconds."""
        first = self.runs[0]
        spreads = self.spreads
        row: dict[str, Any] = {
            "date": time.strftime("%Y-%m-%d"),
            "commit": _join({run.info["commit"] for run in self.runs}),
            "processor": _join({run.info["hardware"]["processor"] for run in self.runs}),
            "threads": _join({str(run.info["hardware"]["threads"]) for run in self.runs}),
            "device": _join({run.info["hardware"]["gpu"] or run.info["hardware"]["device"] for run in self.runs}),
            "python": first.info["versions"]["python"],
            "torch": _join({run.info["versions"]["torch"] for run in self.runs}),
            "system": first.recipe.system,
            "settings": describe_settings(first.recipe),
            "precision": first.recipe.precision,
            "evaluated_on": first.metrics["evaluated_on"],
            "parameters": first.metrics["parameters"],
            "seeds": f"0-{len(self.runs) - 1}" if len(self.runs) > 1 else "0",
            "n": len(self.runs),
        }
        for name in ("digit_accuracy", "sum_accuracy", "both_accuracy"):
            row[f"{name}_mean"] = f"{spreads[name].mean:.6f}"
            row[f"{name}_std"] = f"{spreads[name].std:.6f}"
        for name in ("digit_loss", "sum_loss"):
            row[f"{name}_mean"] = f"{spreads[name].mean:.5f}"
        seconds = spreads["train_seconds"]
        return row | {
            "train_seconds_mean": f"{seconds.mean:.2f}",
            "train_seconds_std": f"{seconds.std:.2f}",
            "train_seconds_median": f"{seconds.median:.2f}",
        }


def find_study_directory(recipe: Recipe, data: Mapping[str, Any], device: str, evaluation: Mapping[str, Any]) -> Path:
    """Return the directory of a study without ``--out``.

    The same settings always give the same directory, so that a stopped study is found again. A study that an earlier
    version started keeps its directory.

    Args:
        recipe: recipe of the study; its seed does not matter.
        data: the data, as in ``run.json``.
        device: ``cpu``, ``cuda`` or ``mps``.
        evaluation: what is evaluated, as in ``run.json``.
    """
    values = {**recipe.to_dict(), "seed": None}
    old_recipe, old_evaluation = downgrade_study(values, evaluation)
    options = [name for name in OPTIONS if data.get(name)]  # a study of images as they lie keeps the name it always had
    arrays = data["directory"] is None and data["sha256"] != CANONICAL_SHA256
    place = data["sha256"] if arrays else data["directory"]
    old = _name_study(recipe.system, [old_recipe, place, device, old_evaluation, *options])
    return old if old.is_dir() else _name_study(recipe.system, [values, place, device, evaluation, *options])


def _name_study(system: str, settings: list[Any]) -> Path:
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return Path(RUNS) / f"{system}-study-{digest[:8]}"


def check_membership(run: Run, recipe: Recipe, data: Mapping[str, Any], evaluation: Mapping[str, Any]) -> None:
    """Make sure that a run found in a study's directory belongs to the study.

    Args:
        run: the run found for one seed.
        recipe: recipe of the study, with that seed.
        data: data of the study, as in ``run.json``.
        evaluation: what the study evaluates, as in ``run.json``.

    Raises:
        InputError: the run has another recipe, other data or other images to evaluate; it was fine-tuned, or stopped before
            its last epoch; or its weights do not fit the network that its system has now.
    """
    differences = {
        "was made with another recipe": run.recipe != recipe,
        "was made with other data": run.info["data"] != data,
        "measures other images": run.info["evaluation"] != evaluation,
        "started from other weights": "start_from" in run.info,
        "was stopped earlier": run.finished and run.metrics["epochs"] != recipe.epochs,
    }
    for difference, found in differences.items():
        if found:
            raise InputError(f"{run.directory} {difference} than this study; give --out a new directory")
    if run.trained:
        run.load_network()


def describe_settings(recipe: Recipe) -> str:
    """Return the fields in which a recipe differs from the recipe of its system, as text; seed and precision are left out."""
    changes = recipe.changes_from(find_system(recipe.system).recipe)
    return " ".join(format_change(*item) for item in changes.items() if item[0] not in ("seed", "precision"))


def find_result(rows: Sequence[Mapping[str, str]], system: System) -> Mapping[str, str] | None:
    """Return the newest row of ``systems.csv`` with the test accuracies of a system and its own recipe, or None.

    The precision ``auto`` is bf16 in these rows, because they were measured on processors that have it.
    """
    precision = "bf16" if system.recipe.precision == "auto" else system.recipe.precision
    wanted = {"system": system.recipe.system, "settings": "", "precision": precision, "evaluated_on": "test"}
    return next((row for row in reversed(rows) if all(row[name] == value for name, value in wanted.items())), None)


def compute_spread(values: Sequence[float], most: float = math.inf) -> Spread:
    """Compute mean, sample standard deviation, 95 % interval of the mean, and median.

    The values are from 0 to ``most``, and so is their mean: the interval is cut there.
    """
    with undo_import_effects():
        from scipy.stats import t

    mean, count = statistics.fmean(values), len(values)
    std = statistics.stdev(values) if count > 1 else 0.0
    half = float(t.ppf(0.975, count - 1)) * std / count**0.5 if count > 1 else 0.0
    return Spread(mean, std, max(0.0, mean - half), min(most, mean + half), statistics.median(values))


def _join(values: set[str]) -> str:
    return "; ".join(sorted(values))
