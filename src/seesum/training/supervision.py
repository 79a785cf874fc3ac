"""The log-likelihood of what is observed of sums, for each kind of supervision."""

from __future__ import annotations

import torch
from torch import Tensor

from seesum.networks.addition import NEVER, allow_wrong_sums, compare_numbers, compute_log_likelihood
from seesum.networks.columns import count_top_digits
from seesum.training.pairing import SumTask


def compute_likelihood(numbers: Tensor, sums: Tensor, task: SumTask, carry_in: Tensor | None = None) -> Tensor:
    """Return the log-probability [b] of what is observed of each sum.

    Args:
        numbers: [b, K, L, 10] log-probabilities of the digits.
        sums: [b, S] digits as ``Additions`` has them.
        task: what is observed.
        carry_in: [b, K] log-weights of the carry into a piece of an addition.
    """
    if task.observed == "larger":
        return compare_numbers(numbers).gather(1, sums).squeeze(1)
    if task.observed == "first":
        return _weigh_first_digit(numbers, sums[:, 0], numbers.shape[2] + count_top_digits(task.numbers))
    logp = compute_log_likelihood(numbers, sums, carry_in=carry_in)
    return allow_wrong_sums(logp, task.wrong, task.numbers, task.digits) if task.wrong else logp


def _weigh_first_digit(numbers: Tensor, first: Tensor, places: int) -> Tensor:
    """Return the log-probability [b] that sums of any length begin with the digit ``first`` [b]; 0 is the sum 0."""
    ways = []
    for place in range(places):
        observed = first.new_full((len(first), places), -1)
        observed[:, :place] = 0
        observed[:, place] = first
        ways.append(compute_log_likelihood(numbers, observed))
    logp = torch.stack(ways, 1).clamp_min(NEVER)
    shorter = torch.arange(places, device=first.device) < places - 1
    return logp.where(~((first == 0).unsqueeze(1) & shorter), NEVER).logsumexp(1)
