"""Compare the accuracies that published systems reach here with those that their authors report."""

from __future__ import annotations

import statistics
from typing import Any

from seesum.base.errors import InputError
from seesum.networks.system import PublishedFigure, System
from seesum.runs.run import Run
from seesum.studies.seeds import Study, compute_spread

COLUMNS = ("system", "output", "on", "epoch", "published", "reproduced_mean", "reproduced_std", "n", "gap")
"""The columns of a reproduction that are shown to people."""


def compare_published(system: System, study: Study) -> list[dict[str, Any]]:
    """Return a row for each published figure, with the accuracy that the runs of the same system reach.

    Figures of epochs that the runs did not reach are left out. Rows for the last epoch on the test images are added
    where the author published none.

    ``best`` is the best epoch of each run, picked on the images that it is measured on, as the authors did. It is only
    compared with published figures. Our own results are those of the last epoch. Accuracies are percentages. ``gap`` is
    the reproduced accuracy minus the published one, in percentage points.
    """
    study_row = study.to_row()
    origin = {name: study_row[name] for name in ("date", "commit", "processor", "threads", "python", "torch", "precision")}
    figures = list(system.published.figures) if system.published else []
    published_outputs = {figure.output for figure in figures if (figure.on, figure.epoch) == ("test", "last")}
    figures += [PublishedFigure(output, "last", None) for output in ("digit", "sum", "both") if output not in published_outputs]
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
                "train_seconds_mean": study_row["train_seconds_mean"],
                "settings": study_row["settings"],
                **origin,
            }
        )
    return rows


def _find_percent(run: Run, figure: PublishedFigure, epochs: int) -> float | None:
    """Return the accuracy of a run, in percent, at the epoch of a published figure, or None if it ended earlier.

    Raises:
        InputError: the run was not evaluated on those images after every epoch.
    """
    history = run.read_rows("history.csv")
    outputs = ("digit", "sum") if figure.output == "mean" else (figure.output,)
    names = [f"{output}_accuracy" if figure.on == "train" else f"{figure.on}_{output}_accuracy" for output in outputs]
    if any(name not in row for row in history for name in names):
        raise InputError(
            f"{run.directory} has no {figure.on} accuracies for its epochs; delete it, and reproduce trains it again"
        )
    values: list[float] = [100 * statistics.fmean(row[name] for name in names) for row in history]
    if len(values) < epochs and not isinstance(figure.epoch, int):
        return None
    if figure.epoch == "best":
        return max(values)
    index = (epochs if figure.epoch == "last" else int(figure.epoch)) - 1
    return values[index] if index < len(values) else None
