"""The metrics of training steps: collected on the device, computed once an epoch, and written as a line of text."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from seesum.data.batches import Batch
from seesum.data.operations import NO_DIGIT
from seesum.networks.contract import Output
from seesum.training.losses import Loss

STEP_METRICS = {
    "loss": "samples",
    **dict.fromkeys(("digit_loss", "sum_loss", "digit_accuracy", "sum_accuracy", "both_accuracy"), "digits"),
}
"""Metric of a step -> what it is the mean over: all samples of the batch, or those that show a digit."""
COUNTS = ("digits", "samples")
"""How many of each the batch had."""


class StepResults:
    """Losses and outputs of the steps of one epoch. They stay on the device: reading them at each step would stop the GPU."""

    def __init__(self) -> None:
        """Start empty."""
        self._losses: list[Tensor] = []
        self._outputs: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        self._rates: list[float] = []

    def add(self, loss: Loss, output: Output, batch: Batch, rate: float) -> None:
        """Keep the results of one step, and its learning rate."""
        self._losses.append(torch.stack([part.detach() for part in loss]))
        self._outputs.append((output.digit_logp.detach(), output.sum_logp.detach(), batch.digit, batch.answer))
        self._rates.append(rate)

    def measure_last(self) -> list[float]:
        """Return the ``STEP_METRICS`` of the last step."""
        return [*self._losses[-1].tolist(), *_measure_accuracy(self._outputs[-1:])[0][:3]]

    def to_rows(self, last_step: int, epoch: int) -> tuple[list[dict[str, float]], dict[str, float]]:
        """Return a row for each step, and the means over the epoch, in which a smaller batch weighs less.

        Args:
            last_step: the number of the last step, counted from 1 over the whole run.
            epoch: the number of the epoch, counted from 1.
        """
        measured = zip(torch.stack(self._losses).tolist(), _measure_accuracy(self._outputs), strict=True)
        names = (*STEP_METRICS, *COUNTS)
        steps = [dict(zip(names, (*losses, *accuracies), strict=True)) for losses, accuracies in measured]
        means = {
            name: sum(step[name] * step[over] for step in steps) / sum(step[over] for step in steps)
            for name, over in STEP_METRICS.items()
        }
        first = last_step - len(steps) + 1
        rows = [
            {"step": first + i, "epoch": epoch, "lr": self._rates[i], **{name: step[name] for name in STEP_METRICS}}
            for i, step in enumerate(steps)
        ]
        return rows, means


def _measure_accuracy(outputs: list[tuple[Tensor, Tensor, Tensor, Tensor]]) -> list[list[float]]:
    """Compute the accuracies of digit, sum and both for each step, and its ``COUNTS``.

    All steps at once, since ten small operations at each step cost a tenth of it. Images without a digit do not count.
    """
    digit_logp, sum_logp, digit, answer = (torch.cat(parts) for parts in zip(*outputs, strict=True))
    right = torch.stack([digit_logp.argmax(1) == digit, sum_logp.argmax(1) == answer], 1).float()
    right = torch.cat([right, right.prod(1, keepdim=True), (digit != NO_DIGIT).unsqueeze(1).float()], 1)
    sums = [rows.sum(0) for rows in torch.split(right.cpu(), [len(step[2]) for step in outputs])]
    shares = [(step[:3] / step[3].clamp_min(1)).tolist() for step in sums]
    return [[*share, int(step[3]), len(output[2])] for share, step, output in zip(shares, sums, outputs, strict=True)]


def describe_metrics(values: list[float]) -> str:
    """Write the values of ``STEP_METRICS``, in their order, as a line for the progress bar."""
    loss, _, _, digit, sum_, _ = values
    return f"loss {loss:.3f}  digit {digit:.1%}  sum {sum_:.1%}"


def describe_epoch(row: dict[str, Any]) -> str:
    """Write a row of ``history.csv`` as a line."""
    line = f"epoch {row['epoch']:>3}  {row['train_seconds']:6.1f} s  train {describe_metrics([row[n] for n in STEP_METRICS])}"
    for split in ("validation", "test"):
        if f"{split}_loss" in row:
            line += f"  {split} {describe_metrics([row[f'{split}_{name}'] for name in STEP_METRICS])}"
    return line
