"""Digit + sum -> one number to descend, and its two parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from seesum.recipe import Output, Recipe, pick
from seesum.task import NO_DIGIT, OPERATIONS


class Loss(NamedTuple):
    """Scalars, in nats, means over the batch."""

    total: Tensor
    """What training descends."""
    digit: Tensor
    """Negative log-likelihood of the digits, not smoothed."""
    sum: Tensor
    """Negative log-likelihood of the answers."""


class Joining(NamedTuple):
    """One way in which the two parts become one."""

    join: Callable[[Tensor, Tensor], Tensor]
    reason: str
    """Why one would, for the report."""


LOSSES = {
    "sum": Joining(
        lambda digit, sum_: digit + sum_,
        "The two are added, so each output is learned for its own sake, and the sum also teaches the digit where the adder "
        "lets its gradient through.",
    ),
    "average": Joining(
        lambda digit, sum_: (digit + sum_) / 2,
        "The mean of the two is descended: the same minimum as their sum, at half the gradient.",
    ),
}
"""How the two parts become one. Networks give log-probabilities, so cross-entropy is the negative log-likelihood here."""


def measure_loss(
    output: Output, addend: Tensor, digit: Tensor, answer: Tensor, recipe: Recipe, taught: Output | None = None
) -> Loss:
    """Loss of a batch.

    Where there is no digit, every digit should be as likely as another, and every answer as likely as the digits make it:
    the cross-entropy against that joins the total (Hendrycks et al. 2019, "Deep anomaly detection with outlier exposure",
    arXiv 1812.04606), but not the parts.

    Args:
        output: of the network, [B, 10] and [B, S].
        addend: [B] int64.
        digit: [B] int64, or ``NO_DIGIT``, but that only where the recipe draws non-digits.
        answer: [B] int64, answer classes, or ``NO_DIGIT``.
        recipe: says how the parts are joined and how far the digit's target is smoothed.
        taught: what teachers say of the batch. Then the total is the cross-entropy against that alone; the parts are still
            those of the labels.
    """
    join = pick(LOSSES, recipe.loss, "loss").join
    if recipe.non_digits:
        known = digit != NO_DIGIT
        count = known.sum().clamp_min(1)  # a batch may have none
        digit_loss, sum_loss = (
            functional.nll_loss(logp, truth, ignore_index=NO_DIGIT, reduction="sum") / count
            for logp, truth in ((output.digit_logp, digit), (output.sum_logp, answer))
        )
    else:
        digit_loss, sum_loss = functional.nll_loss(output.digit_logp, digit), functional.nll_loss(output.sum_logp, answer)
    if taught is not None:
        total = join(*(-(target.exp() * logp).sum(1).mean() for target, logp in zip(taught, output, strict=True)))
        return Loss(total, digit_loss, sum_loss)
    if not recipe.non_digits:
        return Loss(join(_smooth(digit_loss, output.digit_logp.mean(), recipe), sum_loss), digit_loss, sum_loss)
    share = known.float().mean()
    even = output.digit_logp.mean(1)
    total = share * join(_smooth(digit_loss, even[known].sum() / count, recipe), sum_loss)
    table = torch.from_numpy(OPERATIONS[recipe.operation].tabulate()).to(addend.device)  # [10, 10]: digit, addend
    answers = output.sum_logp[~known].gather(1, table.T[addend[~known]])
    blank = join(-even[~known].sum(), -answers.mean(1).sum()) / len(known)
    return Loss(total + blank, digit_loss, sum_loss)


def _smooth(digit_loss: Tensor, mean_logp: Tensor, recipe: Recipe) -> Tensor:
    if not recipe.label_smoothing:
        return digit_loss
    return (1 - recipe.label_smoothing) * digit_loss - recipe.label_smoothing * mean_logp
