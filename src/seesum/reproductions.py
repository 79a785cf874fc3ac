"""What published systems reach here, beside what their authors report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seesum.checkpoint import Run, read_table, write_rows
from seesum.network import Figure, System
from seesum.studies import Study, measure_spread
from seesum.systems import SYSTEMS


def compare_published(system: System, study: Study) -> list[dict[str, Any]]:
    """A row for each published figure of a system that the runs reach the epoch of.

    ``best`` is each run's best epoch, picked on the images it is measured on, as the authors did; such a figure stands
    beside published ones only. Our own are last epochs. Percentages; ``gap`` is reproduced less published, in points.
    """
    origin = study.to_row()
    where = {name: origin[name] for name in ("date", "commit", "processor", "threads", "python", "torch", "precision")}
    rows = []
    for figure in system.published.figures if system.published else ():
        values = [_find_percent(run, figure) for run in study.runs]
        reached = [value for value in values if value is not None]
        if len(reached) < len(values):
            continue
        spread = measure_spread(reached)
        rows.append(
            {
                "system": system.recipe.system,
                "output": figure.output,
                "on": figure.on,
                "epoch": figure.epoch,
                "published": f"{figure.percent:.2f}",
                "reproduced_mean": f"{spread.mean:.3f}",
                "reproduced_std": f"{spread.std:.3f}",
                "n": len(reached),
                "gap": f"{spread.mean - figure.percent:+.3f}",
                "train_seconds_mean": origin["train_seconds_mean"],
                "settings": origin["settings"],
                **where,
            }
        )
    return rows


def merge_rows(path: Path, rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Put rows into a CSV in place of those of the same systems, in the order of ``SYSTEMS``; gives all of them."""
    new = {row["system"] for row in rows}
    order = list(SYSTEMS)
    kept = [row for row in read_table(path) if row["system"] not in new]
    merged = sorted([*kept, *rows], key=lambda row: order.index(row["system"]))
    write_rows(path, merged)
    return read_table(path)


def _find_percent(run: Run, figure: Figure) -> float | None:
    """A run's accuracy where a published figure was taken; None if the run did not get there."""
    history = run.read_rows("history.csv")
    name = f"{figure.output}_accuracy" if figure.on == "train" else f"{figure.on}_{figure.output}_accuracy"
    values = [100 * row[name] for row in history if name in row]
    if figure.epoch == "best":
        return max(values, default=None)
    epoch = len(values) if figure.epoch == "last" else int(figure.epoch)
    return values[epoch - 1] if 0 < epoch <= len(values) else None
