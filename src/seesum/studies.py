"""Many runs of one recipe: the seeds 0..n-1, each resumable, and what they say together."""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seesum.checkpoint import RUNS, Run
from seesum.files import check_file, read_csv, write_csv
from seesum.network import System
from seesum.recipe import InputError, Recipe, format_change
from seesum.systems import find_system

STUDIED = ("digit_accuracy", "sum_accuracy", "both_accuracy", "digit_loss", "sum_loss", "train_seconds")
"""The metrics whose mean and spread over seeds a study reports."""


@dataclass(frozen=True)
class Spread:
    """One metric over n seeds."""

    mean: float
    std: float
    """Sample standard deviation (n - 1); 0 for one run."""
    low: float
    """Lower end of the 95 % interval of the mean (Student's t)."""
    high: float
    median: float


@dataclass(frozen=True)
class Study:
    """Finished runs that differ in their seed alone."""

    directory: Path
    runs: tuple[Run, ...]

    @property
    def spreads(self) -> dict[str, Spread]:
        """Mean and spread of each of the ``STUDIED`` metrics."""
        metrics = [run.metrics for run in self.runs]
        return {name: measure_spread([float(one[name]) for one in metrics]) for name in STUDIED}

    def to_row(self) -> dict[str, Any]:
        """One row for a file in results/: where, what, n, mean, std and seconds."""
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


def name_study(recipe: Recipe, data: str | None, device: str, measured: Mapping[str, Any]) -> Path:
    """Directory of a study without ``--out``: the same for the same study, so that a stopped one is found again.

    Args:
        recipe: its seed does not count.
        data: folder of the data, or None for the embedded MNIST.
        device: ``cpu``, ``cuda`` or ``mps``.
        measured: as in ``run.json``.
    """
    settings = json.dumps([{**recipe.to_dict(), "seed": None}, data, device, measured], sort_keys=True)
    return Path(RUNS) / f"{recipe.system}-study-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"


def check_membership(run: Run, recipe: Recipe, data: Mapping[str, Any], measured: Mapping[str, Any]) -> None:
    """Make sure that a run found in a study's directory belongs to the study.

    Args:
        run: a run of one of its seeds.
        recipe: with that seed.
        data: as in ``run.json``.
        measured: as in ``run.json``.

    Raises:
        InputError: another recipe or other data made it, other images are measured, or its weights are not those of the
            network that its system has now.
    """
    differences = {
        "has another recipe": run.recipe != recipe,
        "has other data": run.info["data"] != data,
        "measures other images": run.info["measured"] != measured,
    }
    for difference, there in differences.items():
        if there:
            raise InputError(f"{run.directory} {difference}; give --out a new directory")
    if run.trained:
        run.load_network()


def describe_settings(recipe: Recipe) -> str:
    """The fields, but for seed and precision, in which a recipe differs from its system's own; empty for none."""
    changes = recipe.changes_from(find_system(recipe.system).recipe)
    return " ".join(format_change(*item) for item in changes.items() if item[0] not in ("seed", "precision"))


def find_result(rows: Sequence[Mapping[str, str]], system: System) -> Mapping[str, str] | None:
    """The newest row of ``systems.csv`` that says what a system reaches on the test images, as it stands.

    ``auto`` is bf16 in these rows, since they come from processors that have it.
    """
    precision = "bf16" if system.recipe.precision == "auto" else system.recipe.precision
    wanted = {"system": system.recipe.system, "settings": "", "precision": precision, "evaluated_on": "test"}
    return next((row for row in reversed(rows) if all(row[name] == value for name, value in wanted.items())), None)


def measure_spread(values: Sequence[float]) -> Spread:
    """Mean, sample standard deviation, 95 % interval of the mean, and median."""
    from scipy.stats import t

    mean, count = statistics.fmean(values), len(values)
    std = statistics.stdev(values) if count > 1 else 0.0
    half = float(t.ppf(0.975, count - 1)) * std / count**0.5 if count > 1 else 0.0
    return Spread(mean, std, mean - half, mean + half, statistics.median(values))


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Append a row to a CSV, or start one; a row that is there already, but for its date, is not written twice.

    Raises:
        InputError: the file has other columns.
    """
    rows = read_csv(path)
    if rows and list(rows[0]) != list(row):
        raise InputError(f"{path} has other columns than this row; give a new file")
    texts = {name: str(value) for name, value in row.items()}
    if not any({**known, "date": ""} == {**texts, "date": ""} for known in rows):
        write_csv(check_file(path), [*rows, row])


def merge_rows(
    path: Path, key: str, replaced: Sequence[str], rows: Sequence[Mapping[str, Any]], order: Sequence[str]
) -> list[dict[str, str]]:
    """Put rows into a CSV in place of those whose ``key`` is among ``replaced``, sorted by it in ``order``; gives all.

    Raises:
        InputError: the file has other columns.
    """
    kept = [row for row in read_csv(path) if row.get(key) not in replaced]
    if rows and kept and list(kept[0]) != list(rows[0]):
        raise InputError(f"{path} has other columns than these rows; move it away")
    places = {name: place for place, name in enumerate(order)}
    write_csv(path, sorted([*kept, *rows], key=lambda row: places.get(row[key], len(places))))
    return read_csv(path)


def _join(values: set[str]) -> str:
    return "; ".join(sorted(values))
