"""training/losses.py: the loss of images without a digit, and the loss with teachers."""

from __future__ import annotations

import math

import pytest
import torch

from seesum.base.recipe import Recipe
from seesum.data.operations import NO_DIGIT
from seesum.networks.contract import Output
from seesum.training.losses import compute_loss

PLAIN = Recipe("fast", label_smoothing=0.1)
MIXED = PLAIN.replaced({"synthetic_non_digits": 1})


def make_output(count: int) -> Output:
    generator = torch.Generator().manual_seed(0)
    digits, sums = torch.randn(count, 10, generator=generator), torch.randn(count, 19, generator=generator)
    return Output(digits.log_softmax(1), sums.log_softmax(1))


def test_with_digits_alone_nothing_is_different() -> None:
    output, addend, digit = make_output(6), torch.arange(6), torch.tensor([0, 9, 3, 3, 7, 1])
    plain = compute_loss(output, addend, digit, digit + addend, PLAIN)
    mixed = compute_loss(output, addend, digit, digit + addend, MIXED)
    for one, other in zip(plain, mixed, strict=True):
        assert one.item() == pytest.approx(other.item(), rel=1e-6)


def test_one_digit_and_one_that_is_none_by_hand() -> None:
    output, addend = make_output(2), torch.tensor([4, 7])
    digit, answer = torch.tensor([2, NO_DIGIT]), torch.tensor([6, NO_DIGIT])
    digit_logp, sum_logp = (logp.tolist() for logp in output)
    smoothed = -0.9 * digit_logp[0][2] - 0.1 * sum(digit_logp[0]) / 10
    blank = -sum(digit_logp[1]) / 10 - sum(sum_logp[1][7:17]) / 10
    loss = compute_loss(output, addend, digit, answer, MIXED)
    assert loss.total.item() == pytest.approx((smoothed - sum_logp[0][6] + blank) / 2, rel=1e-6)
    assert loss.digit.item() == pytest.approx(-digit_logp[0][2], rel=1e-6)
    assert loss.sum.item() == pytest.approx(-sum_logp[0][6], rel=1e-6)


def test_a_uniform_answer_has_the_smallest_loss_where_there_is_no_digit() -> None:
    addend, nothing = torch.tensor([3]), torch.tensor([NO_DIGIT])
    sums = torch.full((1, 19), -30.0)
    sums[0, 3:13] = -math.log(10)
    even = Output(torch.full((1, 10), -math.log(10)), sums)
    loss = compute_loss(even, addend, nothing, nothing, MIXED)
    assert loss.total.item() == pytest.approx(2 * math.log(10), rel=1e-6)
    assert loss.digit.item() == loss.sum.item() == 0
    surer = Output(make_output(1).digit_logp, sums)
    assert compute_loss(surer, addend, nothing, nothing, MIXED).total > loss.total


def test_teachers_replace_the_labels_in_the_total_alone() -> None:
    output, soft_targets, addend = make_output(3), make_output(5), torch.tensor([4, 7, 0])
    soft_targets = Output(soft_targets.digit_logp[2:], soft_targets.sum_logp[2:])
    digit, answer = torch.tensor([2, 9, NO_DIGIT]), torch.tensor([6, 16, NO_DIGIT])
    loss = compute_loss(output, addend, digit, answer, MIXED, soft_targets)
    crossed = [
        -(math.exp(p) * q)
        for one, two in zip(soft_targets, output, strict=True)
        for p, q in zip(_flat(one[:2]), _flat(two[:2]), strict=True)
    ]
    blank = -sum(_flat(output.digit_logp[2])) / 10 - sum(_flat(output.sum_logp[2, :10])) / 10
    assert loss.total.item() == pytest.approx((sum(crossed) + blank) / 3, rel=1e-5)
    assert loss[1:] == compute_loss(output, addend, digit, answer, MIXED)[1:]
    sure = Output(*(torch.full_like(logp, -1e4).scatter_(1, torch.zeros(3, 1, dtype=torch.int64), 0.0) for logp in output))
    nought = torch.zeros(3, dtype=torch.int64)
    assert compute_loss(output, nought, nought, nought, PLAIN, sure).total.item() == pytest.approx(
        compute_loss(output, nought, nought, nought, PLAIN.replaced({"label_smoothing": 0.0})).total.item(), rel=1e-6
    )


def _flat(values: torch.Tensor) -> list[float]:
    return values.flatten().tolist()
