"""The carry recursion in numpy, for reading: the total of numbers whose digits are uncertain. It does not import torch.

Shapes and meanings are those of ``addition.py``, which explains the recursion and computes the same for training. Here the
columns are walked one by one, from the lowest, and everything comes from three kinds of weights of each column and carry:
forward (of all columns below), backward (of all columns above), and the matrix of the column itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from seesum.base.errors import InputError
from seesum.networks.columns import check_shapes, count_top_digits, list_top_digits

Array = NDArray[Any]
NEVER = -1e30
"""Stands for the logarithm of 0. It is finite, so nothing becomes NaN."""
LARGEST_TOTAL = 10_000_000
"""No distribution of a total has more entries."""


class Posteriors(NamedTuple):
    """The probability of each digit, given everything that was observed."""

    digits: Array
    """[B, K, N, 10]"""
    sums: Array
    """[B, S, 10]"""


class ProbableSums(NamedTuple):
    """The most probable sums."""

    digits: Array
    """[B, S] int64, the highest digit first."""
    logp: Array
    """[B] their exact log-probabilities."""


def write_known(digits: Array) -> Array:
    """Return log-probabilities [..., 10] of known digits [...]: 0 and minus infinity. The digit -1 is unknown: ten zeros."""
    digits = np.asarray(digits)[..., None]
    return np.where((digits == np.arange(10)) | (digits < 0), 0.0, -np.inf)


def add_columns(numbers: Array) -> Array:
    """Return the distribution [..., 9 K + 1] of the total of each column of digits [..., K, 10], without carries."""
    numbers = np.maximum(numbers, NEVER)
    total = numbers[..., 0, :]
    for place in range(1, numbers.shape[-2]):
        size = total.shape[-1]
        pairs = np.full((*total.shape[:-1], 10, size + 9), NEVER, total.dtype)
        for digit in range(10):
            pairs[..., digit, digit : digit + size] = numbers[..., place, digit, None] + total
        total = _add_logs(pairs, -2)
    return total


def compute_log_likelihood(numbers: Array, sums: Array) -> Array:
    """Return the exact log-probability [B] of the observed digits of sums. It is minus infinity where a sum is impossible.

    Args:
        numbers: [B, K, N, 10] log-probabilities of the digits of K numbers, the highest digit first.
        sums: the digits of the sums [B, S], the highest first, -1 where a digit was not observed; or their evidence
            [B, S, 10] as log-weights. S is N plus the digits of the largest carry; or N, which leaves the last carry open.

    Raises:
        InputError: the shapes do not fit.
    """
    _, matrices, last = _prepare(numbers, sums)
    logp = _add_logs(_walk_forward(matrices)[-1] + last, 1)
    return np.where(logp > NEVER / 2, logp, -np.inf)


def compute_posteriors(numbers: Array, sums: Array) -> Posteriors:
    """Return the probability of every digit given all that was observed, by the forward-backward algorithm.

    Args:
        numbers, sums: as for ``compute_log_likelihood``.

    Raises:
        InputError: the shapes do not fit, or a sum is impossible.
    """
    numbers = np.maximum(np.asarray(numbers, np.float64), NEVER)
    evidence, matrices, last = _prepare(numbers, sums)
    count, addends, columns, _ = numbers.shape
    forward = np.stack(_walk_forward(matrices), 1)  # [B, N + 1, K], from the lowest column
    backward = [last]
    for place in range(columns):
        backward.append(_add_logs(matrices[:, place] + backward[-1][:, :, None], 1))
    logp = backward[-1][:, 0]
    if (logp < NEVER / 2).any():
        row = int((logp < NEVER / 2).argmax())
        raise InputError(f"sum {row + 1} of {count} is impossible: no digits that can be there add up to it")
    below = forward[:, -2::-1] if columns else forward  # [B, N, K]: carry into each column, the highest first
    above = np.stack(backward[:-1], 1)  # [B, N, K]: carry out of each column
    top = evidence.shape[1] - columns
    # log-weights of [B, N, carry out, digit of the sum, carry in], without the probability of the column's total
    around = above[..., None, None] + below[:, :, None, None, :] + evidence[:, top:, None, :, None]
    total_of = 10 * np.arange(addends)[:, None, None] + np.arange(10)[:, None] - np.arange(addends)
    weights = np.full((count, columns, 9 * addends + 1), NEVER)  # of each total of a column, all else given
    sums_of = np.full((count, columns, 10), NEVER)
    totals = add_columns(numbers.swapaxes(1, 2))
    for total in range(9 * addends + 1):
        out, digit, carry = np.nonzero(total_of == total)
        chosen = around[:, :, out, digit, carry]
        weights[:, :, total] = _add_logs(chosen, 2)
        for place, value in enumerate(digit):
            sums_of[:, :, value] = np.logaddexp(sums_of[:, :, value], chosen[:, :, place] + totals[:, :, total])
    carries = np.exp(last + forward[:, -1] - logp[:, None])
    spelled = list_top_digits(addends)[:top]
    highest = np.stack([carries @ (row[:, None] == np.arange(10)) for row in spelled], 1) if top else np.empty((count, 0, 10))
    sums_posterior = np.concatenate([highest, np.exp(sums_of - logp[:, None, None])], 1)
    return Posteriors(_find_digit_posteriors(numbers, weights, logp), sums_posterior)


def _find_digit_posteriors(numbers: Array, weights: Array, logp: Array) -> Array:
    """Return the posteriors [B, K, N, 10] of the digits, from the weights [B, N, 9 K + 1] of the totals of their columns."""
    found = np.empty_like(numbers)
    addends = numbers.shape[1]
    for place in range(addends):
        others = np.delete(numbers, place, 1).swapaxes(1, 2)
        rest = add_columns(others) if addends > 1 else np.zeros((*weights.shape[:2], 1))  # [B, N, 9 (K - 1) + 1]
        for digit in range(10):
            ways = weights[..., digit : digit + rest.shape[-1]] + rest
            found[:, place, :, digit] = numbers[:, place, :, digit] + _add_logs(ways, 2) - logp[:, None]
    return np.exp(found)


def find_probable_sums(numbers: Array) -> ProbableSums:
    """Return the most probable sums, each with its most probable carries.

    The totals of the columns decide digits and carries, and they do not depend on each other. So the best path over the carries
    (the Viterbi algorithm) is that of the most probable total of each column. A sum that several paths share could be more
    probable still: ``compute_total_distribution`` tells for short numbers.

    Args:
        numbers: [B, K, N, 10] log-probabilities, the highest digit first.
    """
    totals = add_columns(np.asarray(numbers).swapaxes(1, 2)).argmax(-1)
    digits = carry_over(totals, numbers.shape[1])
    return ProbableSums(digits, compute_log_likelihood(numbers, digits))


def compute_total_distribution(numbers: Array) -> Array:
    """Return the probabilities [B, T] of all totals 0..T-1 of short numbers; T is K (10^N - 1) + 1.

    Args:
        numbers: [B, K, N, 10] log-probabilities, the highest digit first.

    Raises:
        InputError: there are more than ``LARGEST_TOTAL`` probabilities.
    """
    count, addends, columns, _ = numbers.shape
    if count * addends * 10**columns > LARGEST_TOTAL:
        raise InputError(
            f"{addends} numbers of {columns} digits have too many totals for a list; find_probable_sums gives the best one"
        )
    table = np.exp(_tabulate_columns(add_columns(np.asarray(numbers).swapaxes(1, 2)), addends))
    below = np.zeros((count, addends, 1))  # carry so far, and all digits so far as one number
    below[:, 0] = 1
    for place in reversed(range(columns)):
        below = np.einsum("bocs,bct->bost", table[:, place], below).reshape(count, addends, -1)
    return below.reshape(count, -1)[:, : addends * (10**columns - 1) + 1]


def sample_sums(numbers: Array, count: int, rng: Generator) -> Array:
    """Return random sums [B, count, S] of numbers [B, K, N, 10]: their digits, the highest first."""
    sums, addends, columns, _ = numbers.shape
    cumulated = np.exp(np.asarray(numbers, np.float64)).cumsum(-1)
    uniform = rng.random((count, *numbers.shape[:-1], 1)) * cumulated[..., -1:]
    digits = (uniform >= cumulated).sum(-1).swapaxes(0, 1)  # [B, count, K, N]
    return add_digits(digits.reshape(-1, addends, columns)).reshape(sums, count, -1)


def add_digits(digits: Array) -> Array:
    """Return the sums [B, S] of numbers with the digits [B, K, N], the highest first."""
    return carry_over(digits.sum(1), digits.shape[1])


def carry_over(totals: Array, addends: int) -> Array:
    """Return the digits [B, S] of the sums of K numbers whose columns have the totals [B, N]."""
    count, columns = totals.shape
    top = count_top_digits(addends)
    sums = np.empty((count, top + columns), np.int64)
    carry = np.zeros(count, np.int64)
    for place in reversed(range(columns)):
        carry, sums[:, top + place] = np.divmod(totals[:, place] + carry, 10)
    sums[:, :top] = list_top_digits(addends).T[carry]
    return sums


def _prepare(numbers: Array, sums: Array) -> tuple[Array, Array, Array]:
    """Return evidence [B, S, 10], matrices [B, N, out, in] of the columns, and weights [B, K] of the last carry."""
    numbers, sums = np.asarray(numbers, np.float64), np.asarray(sums)
    check_shapes(numbers.shape, sums.shape)
    _, addends, columns, _ = numbers.shape
    evidence = np.maximum(sums if sums.ndim == 3 else write_known(sums), NEVER)
    top = evidence.shape[1] - columns
    table = _tabulate_columns(add_columns(numbers.swapaxes(1, 2)), addends)
    last = np.zeros((len(numbers), addends))
    for place, spelled in enumerate(list_top_digits(addends)[:top]):
        last += evidence[:, place, spelled]
    return evidence, _add_logs(table + evidence[:, top:, None, None, :], -1), last


def _tabulate_columns(totals: Array, addends: int) -> Array:
    """Return the log-probabilities [B, N, carry out, carry in, digit of the sum] of each column, from ``add_columns``."""
    edge = np.full((*totals.shape[:-1], addends - 1), NEVER)
    padded = np.concatenate([edge, totals, edge], -1)
    windows = [padded[..., addends - 1 - carry :][..., : 10 * addends] for carry in range(addends)]
    return np.stack([window.reshape(*totals.shape[:-1], addends, 10) for window in windows], -2)


def _walk_forward(matrices: Array) -> list[Array]:
    """Return the log-weights [B, K] of the carry into the lowest column, out of it, and so on to the highest."""
    count, columns, addends, _ = matrices.shape
    carry = np.full((count, addends), NEVER)
    carry[:, 0] = 0
    walked = [carry]
    for place in reversed(range(columns)):
        walked.append(_add_logs(matrices[:, place] + walked[-1][:, None, :], 2))
    return walked


def _add_logs(values: Array, axis: int) -> Array:
    """Return the logarithm of the sum of exponentials along an axis."""
    largest = values.max(axis, keepdims=True)
    added: Array = np.squeeze(largest, axis) + np.log(np.exp(values - largest).sum(axis))
    return added
