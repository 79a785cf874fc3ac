"""Add numbers whose digits are uncertain: the exact carry recursion, in torch, for training.

A *number* is N digit distributions, written as on paper: the highest digit first. Numbers of different lengths get leading
zeros. The sum of K numbers is computed column by column from the right. A carry c, less than K, goes to the next column.

Let q be the distribution of the total of a column: the convolution of its K digit distributions. A column whose digit of the
sum is s turns the carry c into c' with the probability ``q[s + 10 c' - c]``. For all c and c', that is a K x K matrix. The
probability of all digits of a sum is the product of the matrices of its columns. The product is computed in pairs, so N columns
take log2(N) steps. The cost grows linearly with N.

All values are log-probabilities, and each matrix is scaled by its largest entry. So ten thousand columns neither overflow nor
underflow. The sum is observed by its *evidence*: for each of its digits, ten log-weights. A known digit has one weight of 0 and
else ``NEVER``; an unknown digit has ten zeros; the digit in a picture has the log-probabilities that a network gives.

The gradient of the log-likelihood with respect to the log-probabilities is the posterior: the probability of each digit, given
everything that was observed. ``compute_posteriors`` returns it. ``addition_numpy.py`` computes the same without torch.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from seesum.base.errors import InputError
from seesum.networks.columns import check_shapes, list_top_digits

NEVER = -1e30
"""Stands for the logarithm of 0 inside the recursion. It is finite, so no gradient becomes NaN."""


class Posteriors(NamedTuple):
    """The probability of each digit, given everything that was observed."""

    digits: Tensor
    """[B, K, N, 10]"""
    sums: Tensor
    """[B, S, 10]"""


def add_known(logp: Tensor, table: Tensor, known: Tensor, missing: float) -> Tensor:
    """Return the log-probabilities [..., I] of what a known number makes of something with the log-probabilities [..., J].

    A known digit only moves a distribution: the sum s has the probability of the digit s - a. So this is a column with a known
    digit. It is also the whole adder ``exact``, whose table may be of another operation.

    Args:
        logp: [..., J].
        table: [A, I] for each known number and result, which of the J gives it; J stands for none.
        known: [...] int64, 0..A-1.
        missing: the log-probability of a result that nothing gives.
    """
    padded = functional.pad(logp, (0, 1), value=missing)  # before the table is read: exported files list operations in order
    return padded.gather(logp.dim() - 1, table[known])


def write_known(digits: Tensor) -> Tensor:
    """Return log-probabilities [..., 10] of known digits [...]: 0 and minus infinity. The digit -1 is unknown: ten zeros."""
    same = (digits.unsqueeze(-1) == torch.arange(10, device=digits.device)) | (digits.unsqueeze(-1) < 0)
    return torch.where(same, 0.0, -math.inf)


def add_columns(numbers: Tensor, known: Tensor | None = None) -> Tensor:
    """Return the distribution of the total of each column, without carries.

    Args:
        numbers: [..., K, 10] log-probabilities of the K digits of each column.
        known: [...] a known digit in each column, which is added; None for none.

    Returns:
        [..., 9 K + 1], or 9 (K + 1) + 1 with a known digit.
    """
    total = numbers[..., 0, :]
    for place in range(1, numbers.shape[-2]):
        pairs = numbers[..., place, :].unsqueeze(-1) + total.unsqueeze(-2)  # [..., 10, J]
        total = _skew(pairs).logsumexp(-2)
    if known is None:
        return total
    size = total.shape[-1]
    before = torch.arange(size + 9, device=total.device) - torch.arange(10, device=total.device).unsqueeze(1)
    return add_known(total, before.where((before >= 0) & (before < size), size), known, NEVER)


def _skew(pairs: Tensor) -> Tensor:
    """Move row d of [..., D, J] by d places to the right, to [..., D, J + D - 1]: pairs with the same total share a column."""
    rows, size = pairs.shape[-2:]
    flat = functional.pad(pairs, (0, rows), value=NEVER).flatten(-2)
    return flat[..., :-rows].reshape(*pairs.shape[:-1], size + rows - 1)


def compute_log_likelihood(
    numbers: Tensor, sums: Tensor, known: Tensor | None = None, carry_in: Tensor | None = None
) -> Tensor:
    """Return the exact log-probability [B] of the observed digits of sums. It is minus infinity where a sum is impossible.

    Args:
        numbers: [B, K, N, 10] log-probabilities of the digits of K numbers, the highest digit first.
        sums: the digits of the sums [B, S], the highest first, -1 where a digit was not observed; or their evidence
            [B, S, 10] as log-weights. S is N plus the digits of the largest carry; or N, which leaves the last carry open.
        known: [B, N] the digits of a further number, which is known.
        carry_in: [B, K] log-weights of the carry into the lowest column; None for no carry.

    Raises:
        InputError: the shapes do not fit.
    """
    addends = numbers.shape[1] + (known is not None)
    check_shapes(tuple(numbers.shape), tuple(sums.shape), known is not None)
    evidence = sums if sums.is_floating_point() else write_known(sums).to(numbers.dtype)
    evidence, height = evidence.clamp_min(NEVER), evidence.shape[1] - numbers.shape[2]
    top, below = evidence[:, :height], evidence[:, height:]
    totals = add_columns(numbers.clamp_min(NEVER).transpose(1, 2), known)
    product, scale = _multiply_all(_build_matrices(totals, below, addends))
    ways = product + _weigh_last_carry(top, addends).unsqueeze(2)  # [B, carry out, carry in]
    ways = ways[:, :, 0] if carry_in is None else (ways + carry_in.clamp_min(NEVER).unsqueeze(1)).flatten(1)
    logp = ways.logsumexp(1) + scale
    return logp.where(logp > NEVER / 2, -math.inf)


def _build_matrices(totals: Tensor, evidence: Tensor, addends: int) -> Tensor:
    """Return the matrices [B, N, K, K] of the columns: rows are the carries out, columns the carries in.

    Args:
        totals: [B, N, 9 K + 1] from ``add_columns``.
        evidence: [B, N, 10] of the sum's digits in these columns.
        addends: K.
    """
    padded = functional.pad(totals, (addends - 1, addends - 1), value=NEVER)
    windows = [padded[..., addends - 1 - carry :][..., : 10 * addends] for carry in range(addends)]
    shape = (*totals.shape[:-1], addends, 10)
    table = torch.stack([window.reshape(shape) for window in windows], -2)  # [B, N, out, in, 10]
    return (table + evidence[..., None, None, :]).logsumexp(-1)


def _multiply_all(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Return the product of the matrices [B, N, K, K] of all columns, in pairs, as logarithms: scaled [B, K, K], and [B]."""
    scale = matrices.new_zeros(len(matrices))
    while True:
        largest = matrices.detach().amax((2, 3), keepdim=True)
        matrices, scale = matrices - largest, scale + largest.flatten(1).sum(1)
        count = matrices.shape[1]
        if count == 1:
            return matrices[:, 0], scale
        left, right = matrices[:, 0 : count - 1 : 2], matrices[:, 1::2]
        pairs = (left.unsqueeze(-1) + right.unsqueeze(-3)).logsumexp(-2)
        matrices = torch.cat([pairs, matrices[:, -1:]], 1) if count % 2 else pairs


def _weigh_last_carry(top: Tensor, addends: int) -> Tensor:
    """Return the log-weights [B, K] of the carry out of the highest column, which the top digits of the sum spell.

    Args:
        top: [B, T, 10] evidence of the top digits; T is 0 where the last carry is open.
        addends: K.
    """
    spelled = torch.as_tensor(list_top_digits(addends), device=top.device)  # [T, K]
    weights = [top[:, place, spelled[place]] for place in range(top.shape[1])]
    return torch.stack(weights).sum(0) if weights else top.new_zeros(len(top), addends)


def compute_posteriors(
    numbers: Tensor, sums: Tensor, known: Tensor | None = None, carry_in: Tensor | None = None
) -> Posteriors:
    """Return the probability of every digit given all that was observed: the gradient of the log-likelihood.

    Args:
        numbers, sums, known, carry_in: as for ``compute_log_likelihood``. The distributions of the numbers must add up to 1.

    Raises:
        InputError: the shapes do not fit, or a sum is impossible.
    """
    with torch.enable_grad():
        numbers = numbers.detach().clamp_min(NEVER).requires_grad_()
        evidence = (sums if sums.is_floating_point() else write_known(sums).to(numbers.dtype)).detach().clamp_min(NEVER)
        evidence.requires_grad_()
        logp = compute_log_likelihood(numbers, evidence, known, carry_in)
        if bool((logp == -math.inf).any()):
            row = int((logp == -math.inf).nonzero()[0, 0])
            raise InputError(f"sum {row + 1} of {len(logp)} is impossible: no digits that can be there add up to it")
        return Posteriors(*torch.autograd.grad(logp.sum(), [numbers, evidence]))


def compare_numbers(numbers: Tensor) -> Tensor:
    """Return the log-probabilities [B, 3] that the first of two numbers is smaller than, equal to, or larger than the second.

    Two numbers compare as their highest digits that differ. So this is a sum over the columns, each after equal ones.

    Args:
        numbers: [B, 2, N, 10] log-probabilities, the highest digit first.
    """
    pairs = numbers[:, 0].clamp_min(NEVER).unsqueeze(-1) + numbers[:, 1].clamp_min(NEVER).unsqueeze(-2)  # [B, N, 10, 10]
    first = torch.arange(10, device=numbers.device)
    smaller, equal, larger = (
        pairs[..., mask].logsumexp(-1) for mask in (first[:, None] < first, first[:, None] == first, first[:, None] > first)
    )
    before = equal.cumsum(1) - equal
    return torch.stack([(before + smaller).logsumexp(1), equal.sum(1), (before + larger).logsumexp(1)], 1)


def allow_wrong_sums(logp: Tensor, share: float, addends: int, columns: int) -> Tensor:
    """Return the log-probability of sums of which a share is wrong: a wrong one is any possible sum, all equally likely.

    Args:
        logp: [B] from ``compute_log_likelihood``, with all digits of the sums observed.
        share: of the sums that are wrong, between 0 and 1.
        addends: K.
        columns: N.
    """
    any_sum = math.log(share) - math.log(addends * (10**columns - 1) + 1)
    return torch.logaddexp(logp.clamp_min(NEVER) + math.log1p(-share), logp.new_tensor(any_sum))
