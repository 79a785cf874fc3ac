"""Digit + sum -> one number to descend, and its two parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

from seesum.recipe import Output, Recipe, pick


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


def measure_loss(output: Output, digit: Tensor, answer: Tensor, recipe: Recipe) -> Loss:
    """Loss of a batch.

    Args:
        output: of the network, [B, 10] and [B, S].
        digit: [B] int64.
        answer: [B] int64, answer classes.
        recipe: says how the parts are joined and how far the digit's target is smoothed.
    """
    digit_loss = smoothed = functional.nll_loss(output.digit_logp, digit)
    if recipe.label_smoothing:
        smoothed = (1 - recipe.label_smoothing) * digit_loss - recipe.label_smoothing * output.digit_logp.mean()
    sum_loss = functional.nll_loss(output.sum_logp, answer)
    return Loss(pick(LOSSES, recipe.loss, "loss").join(smoothed, sum_loss), digit_loss, sum_loss)
