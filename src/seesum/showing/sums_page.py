"""The part of a report about a run that learned from sums alone."""

from __future__ import annotations

from typing import Any

from seesum.base.markup import format_table
from seesum.measuring.metrics import wilson_interval
from seesum.runs.run import Run
from seesum.training.pairing import OBSERVED


def measure_pairs(run: Run) -> dict[str, Any]:
    """Return the metrics over pairs of an image and an addend. A run that learned from sums stores others for its sums.

    Its adder is exact, so the sum of a pair is right where the digit is.
    """
    metrics = run.metrics
    return metrics | {"sum_accuracy": metrics["both_accuracy"]} if "sums" in run.info else metrics


def describe_sums(run: Run) -> str:
    """Return what a run learned from, and how many sums of test images are right; empty for other runs."""
    if "sums" not in run.info:
        return ""
    task, metrics = run.info["sums"], run.metrics
    low, high = wilson_interval(metrics["sum_accuracy"], metrics["sums"])
    scouts = len(run.read_rows("scouts.csv"))
    rows = [
        (f"whole sums ({metrics['sums']:,})", f"{metrics['sum_accuracy']:.2%}", f"{low:.2%} to {high:.2%}"),
        (f"whole sums, {metrics['pairings']} pairings", f"{metrics['mean_sum_accuracy']:.2%}", ""),
        ("digits of the sums", f"{metrics['column_accuracy']:.2%}", ""),
    ]
    wrong = f" A share of {task['wrong']:.0%} of the sums was wrong." if task["wrong"] else ""
    return (
        f"<p>The network saw no label of an image. It saw images of {task['numbers']} numbers of {task['digits']:,} digits "
        f"each, and {OBSERVED[task['observed']]}.{wrong} Every training image was in one sum. The loss was the exact negative "
        f"log-likelihood of what was seen. In the first epoch, the network learned from the best of {scouts} "
        f"scout{'s' * (scouts != 1)}.</p>{format_table(('of test images', 'right', 'interval'), rows)}"
        f"<p>All that follows measures the network on single images with an addend, as in other reports.</p>"
    )
