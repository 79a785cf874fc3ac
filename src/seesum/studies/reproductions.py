"""What published systems reach here, beside what their authors report."""

from __future__ import annotations

import statistics
from typing import Any

from seesum.base.errors import InputError
from seesum.networks.system import Figure, System
from seesum.runs.run import Run
from seesum.studies.seeds import Study, compute_spread


def compare_published(system: System, study: Study) -> list[dict[str, Any]]:
    """A row for each published figure of a system that the runs reach the epoch of, and what they reach in the last one.

    ``best`` is each run's best epoch, picked on the images it is measured on, as the authors did; such a figure stands
    beside published ones only. Our own are last epochs. Percentages; ``gap`` is reproduced less published, in points.
    """
    origin = study.to_row()
    where = {name: origin[name] for name in ("date", "commit", "processor", "threads", "python", "torch", "precision")}
    figures = list(system.published.figures) if system.published else []
    given = {figure.output for figure in figures if (figure.on, figure.epoch) == ("test", "last")}
    figures += [Figure(output, "last", None) for output in ("digit", "sum", "both") if output not in given]
    rows = []
    for figure in figures:
        values = [_find_percent(run, figure, system.recipe.epochs) for run in study.runs]
        reached = [value for value in values if value is not None]
        if len(reached) < len(values):
            continue
        spread = compute_spread(reached)
        rows.append(
            {
                "system": system.recipe.system,
                "output": figure.output,
                "on": figure.on,
                "epoch": figure.epoch,
                "published": "" if figure.percent is None else f"{figure.percent:.2f}",
                "reproduced_mean": f"{spread.mean:.3f}",
                "reproduced_std": f"{spread.std:.3f}",
                "n": len(reached),
                "gap": "" if figure.percent is None else f"{spread.mean - figure.percent:+.3f}",
                "train_seconds_mean": origin["train_seconds_mean"],
                "settings": origin["settings"],
                **where,
            }
        )
    return rows


def _find_percent(run: Run, figure: Figure, epochs: int) -> float | None:
    """A run's accuracy where a published figure was taken; None if the run did not get there.

    Raises:
        InputError: the run got there, but was not measured there.
    """
    history = run.read_rows("history.csv")
    outputs = ("digit", "sum") if figure.output == "mean" else (figure.output,)
    names = [f"{output}_accuracy" if figure.on == "train" else f"{figure.on}_{output}_accuracy" for output in outputs]
    if any(name not in row for row in history for name in names):
        raise InputError(f"{run.directory} has no {figure.on} accuracies by epoch; remove it, and reproduce makes it anew")
    values: list[float] = [100 * statistics.fmean(row[name] for name in names) for row in history]
    if len(values) < epochs and not isinstance(figure.epoch, int):
        return None
    if figure.epoch == "best":
        return max(values)
    place = (epochs if figure.epoch == "last" else int(figure.epoch)) - 1
    return values[place] if place < len(values) else None
