"""Combine the losses of digit and sum into one number for training."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from seesum.base.recipe import Recipe
from seesum.base.registry import look_up
from seesum.data.operations import NO_DIGIT, find_operation
from seesum.networks.contract import Output


class Loss(NamedTuple):
    """Scalars in nats, means over the batch."""

    total: Tensor
    """What training minimises."""
    digit: Tensor
    """Negative log-likelihood of the digits, without smoothing."""
    sum: Tensor
    """Negative log-likelihood of the answers."""


class LossCombination(NamedTuple):
    """One way to combine the two losses."""

    combine: Callable[[Tensor, Tensor], Tensor]
    reason: str
    """Why one would choose it, for the report."""


LOSSES = {
    "sum": LossCombination(
        lambda digit, sum_: digit + sum_,
        "The two losses are added. So each output is learned for its own sake, and the sum also teaches the digit where the "
        "adder lets its gradient through.",
    ),
    "average": LossCombination(
        lambda digit, sum_: (digit + sum_) / 2,
        "The mean of both losses is minimised: the same minimum as their sum, at half the gradient.",
    ),
}
"""The ways to combine both losses. Networks give log-probabilities, so cross-entropy is the negative log-likelihood here."""


def compute_loss(
    output: Output, addend: Tensor, digit: Tensor, answer: Tensor, recipe: Recipe, soft_targets: Output | None = None
) -> Loss:
    """Compute the loss of a batch.

    Where an image shows no digit, the target is uniform over the digits. Each answer is then as probable as the digits that
    lead to it. The cross-entropy against that target is part of the total (Hendrycks et al. 2019, "Deep anomaly detection
    with outlier exposure", arXiv 1812.04606), but not of ``digit`` and ``sum``.

    Args:
        output: the prediction of the network, [B, 10] and [B, S].
        addend: [B] int64.
        digit: [B] int64, or ``NO_DIGIT``, which only occurs where the recipe has synthetic non-digits.
        answer: [B] int64, answer classes, or ``NO_DIGIT``.
        recipe: decides how the losses are combined and how much the digit's target is smoothed.
        soft_targets: predictions of the teachers for the batch. Where there is a digit, the total is then the cross-entropy
            against these instead of the labels. The digit and sum losses are still those of the labels.
    """
    if not recipe.synthetic_non_digits:
        return _compute_digit_loss(output, digit, answer, recipe, soft_targets)
    known = digit != NO_DIGIT
    loss = _compute_digit_loss(
        _select_rows(output, known), digit[known], answer[known], recipe, soft_targets and _select_rows(soft_targets, known)
    )
    without_digit = _select_rows(output, ~known)
    table = torch.from_numpy(find_operation(recipe.operation).tabulate()).to(addend.device)  # [10, 10]: digit, addend
    answers = without_digit.sum_logp.gather(1, table.T[addend[~known]])
    uniform = _look_up_combination(recipe)(-without_digit.digit_logp.mean(1).sum(), -answers.mean(1).sum())
    return loss._replace(total=(known.sum() * loss.total + uniform) / len(known))


def _compute_digit_loss(output: Output, digit: Tensor, answer: Tensor, recipe: Recipe, soft_targets: Output | None) -> Loss:
    """Compute the loss of samples that all show a digit; 0 for no samples."""
    count = max(1, len(digit))
    digit_loss, sum_loss = (
        functional.nll_loss(logp, truth, reduction="sum") / count for logp, truth in zip(output, (digit, answer), strict=True)
    )
    if soft_targets is not None:
        losses = [-(target.exp() * logp).sum() / count for target, logp in zip(soft_targets, output, strict=True)]
    elif recipe.label_smoothing:
        uniform = -output.digit_logp.sum() / (count * output.digit_logp.shape[1])
        losses = [(1 - recipe.label_smoothing) * digit_loss + recipe.label_smoothing * uniform, sum_loss]
    else:
        losses = [digit_loss, sum_loss]
    return Loss(_look_up_combination(recipe)(*losses), digit_loss, sum_loss)


def _select_rows(output: Output, rows: Tensor) -> Output:
    return Output(*(logp[rows] for logp in output))


def _look_up_combination(recipe: Recipe) -> Callable[[Tensor, Tensor], Tensor]:
    return look_up(LOSSES, recipe.loss, "loss").combine
