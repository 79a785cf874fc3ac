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
        taught: what teachers say of the batch. Then the total is the cross-entropy against that instead of the labels, where
            there is a digit; the parts are still those of the labels.
    """
    if not recipe.non_digits:
        return _measure_digits(output, digit, answer, recipe, taught)
    known = digit != NO_DIGIT
    loss = _measure_digits(_take(output, known), digit[known], answer[known], recipe, taught and _take(taught, known))
    blank = _take(output, ~known)
    table = torch.from_numpy(OPERATIONS[recipe.operation].tabulate()).to(addend.device)  # [10, 10]: digit, addend
    answers = blank.sum_logp.gather(1, table.T[addend[~known]])
    even = _join(recipe)(-blank.digit_logp.mean(1).sum(), -answers.mean(1).sum())
    return loss._replace(total=(known.sum() * loss.total + even) / len(known))


def _measure_digits(output: Output, digit: Tensor, answer: Tensor, recipe: Recipe, taught: Output | None) -> Loss:
    """Loss of samples that all show a digit; nothing for none of them."""
    count = max(1, len(digit))
    digit_loss, sum_loss = (
        functional.nll_loss(logp, truth, reduction="sum") / count for logp, truth in zip(output, (digit, answer), strict=True)
    )
    if taught is not None:
        aims = [-(target.exp() * logp).sum() / count for target, logp in zip(taught, output, strict=True)]
    elif recipe.label_smoothing:
        even = -output.digit_logp.sum() / (count * output.digit_logp.shape[1])
        aims = [(1 - recipe.label_smoothing) * digit_loss + recipe.label_smoothing * even, sum_loss]
    else:
        aims = [digit_loss, sum_loss]
    return Loss(_join(recipe)(*aims), digit_loss, sum_loss)


def _take(output: Output, rows: Tensor) -> Output:
    return Output(*(logp[rows] for logp in output))


def _join(recipe: Recipe) -> Callable[[Tensor, Tensor], Tensor]:
    return pick(LOSSES, recipe.loss, "loss").join
