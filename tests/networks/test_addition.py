"""The carry recursion, against brute force over all worlds: torch and numpy, likelihoods, posteriors and totals."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from seesum.base.errors import InputError
from seesum.networks import addition, addition_numpy
from seesum.networks.columns import count_top_digits

SHAPES = [(1, 1), (1, 3), (2, 1), (2, 2), (3, 1), (3, 2)]
"""K numbers of N digits, with at most a million worlds."""


def make_numbers(count: int, addends: int, columns: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(count, addends, columns, 10, generator=generator, dtype=torch.float64)).log_softmax(-1)


def list_worlds(addends: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """All digits [W, K, N], and their totals [W]."""
    worlds = np.indices((10,) * (addends * columns)).reshape(addends * columns, -1).T.reshape(-1, addends, columns)
    return worlds, (worlds @ (10 ** np.arange(columns)[::-1])).sum(1)


def weigh_worlds(numbers: Tensor, worlds: np.ndarray) -> np.ndarray:
    """The probability [W] of each world, for the digits [K, N, 10] of one sum."""
    addends, columns = worlds.shape[1:]
    chosen = [numbers[k, n].numpy()[worlds[:, k, n]] for k in range(addends) for n in range(columns)]
    weights: np.ndarray = np.exp(np.sum(chosen, 0))
    return weights


def write_total(total: int, addends: int, columns: int) -> list[int]:
    return [int(digit) for digit in str(total).zfill(columns + count_top_digits(addends))]


@pytest.mark.parametrize(("addends", "columns"), SHAPES)
def test_the_recursion_is_brute_force(addends: int, columns: int) -> None:
    numbers = make_numbers(1, addends, columns)
    worlds, totals = list_worlds(addends, columns)
    p = weigh_worlds(numbers[0], worlds)
    distribution = np.bincount(totals, p)
    rows = sorted({0, 7, len(distribution) // 2, len(distribution) - 1})
    sums = np.array([write_total(total, addends, columns) for total in rows])
    many = numbers.expand(len(rows), -1, -1, -1)
    logp = addition.compute_log_likelihood(many, torch.from_numpy(sums))
    np.testing.assert_allclose(logp.exp(), distribution[rows], rtol=1e-9)
    np.testing.assert_allclose(addition_numpy.compute_log_likelihood(many.numpy(), sums), logp, atol=1e-9)
    np.testing.assert_allclose(addition_numpy.compute_total_distribution(numbers.numpy())[0], distribution, atol=1e-12)
    found = addition.compute_posteriors(many, torch.from_numpy(sums))
    for row, total in enumerate(rows):
        given_total = p * (totals == total) / distribution[total]
        for k, n in itertools.product(range(addends), range(columns)):
            expected = np.bincount(worlds[:, k, n], given_total, minlength=10)
            np.testing.assert_allclose(found.digits[row, k, n], expected, atol=1e-9)
    assert_same_posteriors(many, sums, found)


def assert_same_posteriors(numbers: Tensor, sums: np.ndarray, found: addition.Posteriors) -> None:
    in_numpy = addition_numpy.compute_posteriors(numbers.numpy(), sums)
    np.testing.assert_allclose(in_numpy.digits, found.digits, atol=1e-6)
    np.testing.assert_allclose(in_numpy.sums, found.sums, atol=1e-6)


@pytest.mark.parametrize("observed", [(-1, -1, 4), (1, -1, -1), (-1, 3, -1), (-1, -1, -1)])
def test_what_is_not_observed_is_summed_over(observed: tuple[int, ...]) -> None:
    numbers = make_numbers(1, 2, 2)
    worlds, totals = list_worlds(2, 2)
    digits = np.stack([totals // 100, totals // 10 % 10, totals % 10], 1)
    p = weigh_worlds(numbers[0], worlds) * np.all((digits == observed) | (np.array(observed) < 0), 1)
    sums = torch.tensor([observed])
    assert addition.compute_log_likelihood(numbers, sums).exp().item() == pytest.approx(p.sum())
    found = addition.compute_posteriors(numbers, sums)
    for place in range(3):
        np.testing.assert_allclose(found.sums[0, place], np.bincount(digits[:, place], p / p.sum(), minlength=10), atol=1e-9)
    assert_same_posteriors(numbers, sums.numpy(), found)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 12), st.integers(1, 9), st.integers(1, 3), st.integers(0, 2**20))
def test_random_shapes_agree_with_numpy(addends: int, columns: int, count: int, seed: int) -> None:
    numbers = make_numbers(count, addends, columns, seed)
    rng = np.random.default_rng(seed)
    sums = addition_numpy.add_digits(rng.integers(0, 10, (count, addends, columns)))
    sums[rng.random(sums.shape) < 0.2] = -1
    logp = addition.compute_log_likelihood(numbers, torch.from_numpy(sums))
    assert (logp <= 1e-9).all()
    assert logp.isfinite().all()
    np.testing.assert_allclose(addition_numpy.compute_log_likelihood(numbers.numpy(), sums), logp, atol=1e-8)
    found = addition.compute_posteriors(numbers, torch.from_numpy(sums))
    np.testing.assert_allclose(found.digits.sum(-1), 1, atol=1e-9)
    np.testing.assert_allclose(found.sums.sum(-1), 1, atol=1e-9)
    assert_same_posteriors(numbers, sums, found)


def test_the_evidence_may_be_a_distribution() -> None:
    """A written total that is itself uncertain: the likelihood is the mean over what it may say."""
    numbers = make_numbers(1, 2, 1)
    evidence = make_numbers(1, 1, 2, seed=5)[:, 0]
    every = torch.tensor([[total // 10, total % 10] for total in range(19)])
    p = addition.compute_log_likelihood(numbers.expand(19, -1, -1, -1), every).exp()
    said = evidence[0, 0, every[:, 0]].exp() * evidence[0, 1, every[:, 1]].exp()
    logp = addition.compute_log_likelihood(numbers, evidence)
    assert logp.exp().item() == pytest.approx(float(p @ said))
    np.testing.assert_allclose(addition_numpy.compute_log_likelihood(numbers.numpy(), evidence.numpy()), logp)
    assert_same_posteriors(numbers, evidence.numpy(), addition.compute_posteriors(numbers, evidence))


def test_a_known_number_is_one_hot() -> None:
    numbers, digits = make_numbers(4, 2, 3), torch.tensor([[3, 0, 9]]).expand(4, -1)
    sums = torch.from_numpy(addition_numpy.add_digits(np.random.default_rng(0).integers(0, 10, (4, 3, 3))))
    sums[:, 0] = -1
    one_hot = torch.cat([numbers, addition.write_known(digits).unsqueeze(1)], 1)
    shifted = addition.compute_log_likelihood(numbers, sums, known=digits)
    np.testing.assert_allclose(shifted, addition.compute_log_likelihood(one_hot, sums), atol=1e-9)


def test_known_numbers_give_certainty() -> None:
    digits = torch.tensor([[[0, 9, 9], [0, 0, 1]], [[5, 5, 5], [5, 5, 5]]])
    numbers, sums = addition.write_known(digits), torch.tensor([[0, 1, 0, 0], [1, 1, 1, 0]])
    assert torch.equal(addition.compute_log_likelihood(numbers, sums), torch.zeros(2))
    found = addition.compute_posteriors(numbers, torch.full_like(sums, -1))
    assert torch.equal(found.digits.argmax(-1), digits)
    assert torch.equal(found.sums.argmax(-1), sums)
    np.testing.assert_allclose(found.sums.amax(-1), 1, atol=1e-6)
    assert np.array_equal(addition_numpy.find_probable_sums(numbers.numpy()).digits, sums)


def test_an_impossible_sum_is_refused_and_gives_no_nan() -> None:
    numbers = addition.write_known(torch.tensor([[[9], [9]], [[4], [4]]])).requires_grad_()
    sums = torch.tensor([[1, 8], [1, 8]])
    logp = addition.compute_log_likelihood(numbers, sums)
    assert logp.tolist() == [0, -np.inf]
    logp[0].backward()  # type: ignore[no-untyped-call]
    assert numbers.grad is not None
    assert numbers.grad.isfinite().all()
    for module, values in ((addition, (numbers, sums)), (addition_numpy, (numbers.detach().numpy(), sums.numpy()))):
        with pytest.raises(InputError, match="sum 2 of 2 is impossible"):
            module.compute_posteriors(*values)


def test_gradients_are_those_of_finite_differences() -> None:
    logits = make_numbers(3, 3, 5).requires_grad_()
    sums = torch.from_numpy(addition_numpy.add_digits(np.random.default_rng(1).integers(0, 10, (3, 3, 5))))
    sums[1, 2], carry = -1, torch.zeros(3, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda one: addition.compute_log_likelihood(one.log_softmax(-1), sums, carry_in=carry), logits
    )


def test_ten_thousand_columns_neither_overflow_nor_underflow() -> None:
    numbers = make_numbers(2, 2, 10_000).float().mul(20).log_softmax(-1)
    sums = addition_numpy.add_digits(np.random.default_rng(2).integers(0, 10, (2, 2, 10_000)))
    leaf = numbers.clone().requires_grad_()
    logp = addition.compute_log_likelihood(leaf, torch.from_numpy(sums))
    logp.sum().backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    assert logp.isfinite().all()
    np.testing.assert_allclose(leaf.grad.sum(-1), 1, atol=1e-3)
    in_numpy = addition_numpy.compute_log_likelihood(numbers.numpy(), sums)
    np.testing.assert_allclose(logp.detach(), in_numpy, rtol=1e-5)


def test_a_number_compares_as_its_value() -> None:
    numbers = make_numbers(1, 2, 2)
    worlds, _ = list_worlds(2, 2)
    value = worlds @ [10, 1]
    p = weigh_worlds(numbers[0], worlds)
    expected = [p[value[:, 0] < value[:, 1]].sum(), p[value[:, 0] == value[:, 1]].sum(), p[value[:, 0] > value[:, 1]].sum()]
    np.testing.assert_allclose(addition.compare_numbers(numbers)[0].exp(), expected)
    known = addition.write_known(torch.tensor([[[0, 7], [1, 0]]]))
    np.testing.assert_allclose(addition.compare_numbers(known)[0].exp(), [1, 0, 0])


def test_a_wrong_sum_may_be_any() -> None:
    numbers = make_numbers(1, 2, 1).expand(19, -1, -1, -1)
    every = torch.tensor([[total // 10, total % 10] for total in range(19)])
    logp = addition.compute_log_likelihood(numbers, every)
    noisy = addition.allow_wrong_sums(logp, 0.3, 2, 1).exp()
    np.testing.assert_allclose(noisy, 0.7 * logp.exp() + 0.3 / 19)
    assert noisy.sum().item() == pytest.approx(1)


@pytest.mark.parametrize(("addends", "columns"), [(2, 3), (12, 2)])
def test_the_most_probable_sum_is_the_best_way_of_carrying(addends: int, columns: int) -> None:
    numbers = make_numbers(5, addends, columns, seed=3)
    totals = addition_numpy.add_columns(numbers.transpose(1, 2).numpy())  # [5, N, 9 K + 1]
    found = addition_numpy.find_probable_sums(numbers.numpy())
    assert np.array_equal(addition_numpy.compute_log_likelihood(numbers.numpy(), found.digits), found.logp)
    each = totals.argmax(-1)  # free of each other, the columns' best totals are the best way
    value = (each * 10 ** np.arange(columns)[::-1]).sum(1)
    assert (found.digits * 10 ** np.arange(found.digits.shape[1])[::-1]).sum(1).tolist() == value.tolist()


def test_samples_are_as_frequent_as_probable() -> None:
    numbers = make_numbers(2, 2, 1).numpy()
    samples = addition_numpy.sample_sums(numbers, 20_000, np.random.default_rng(0))
    assert samples.shape == (2, 20_000, 2)
    for row, distribution in enumerate(addition_numpy.compute_total_distribution(numbers)):
        found = np.bincount(samples[row] @ [10, 1], minlength=19) / 20_000
        np.testing.assert_allclose(found, distribution, atol=0.015)
    again = addition_numpy.sample_sums(numbers, 20_000, np.random.default_rng(0))
    assert np.array_equal(samples, again)


@pytest.mark.parametrize("module", [addition, addition_numpy])
@pytest.mark.parametrize("shape", [(3, 5), (2, 4), (3, 3), (3, 4, 9)])
def test_shapes_that_do_not_fit_are_refused(module: object, shape: tuple[int, ...]) -> None:
    numbers = make_numbers(3, 11, 2) if shape == (3, 3) else make_numbers(3, 2, 3)
    sums = torch.zeros(shape, dtype=torch.float64 if len(shape) == 3 else torch.int64)
    values = (numbers, sums) if module is addition else (numbers.numpy(), sums.numpy())
    with pytest.raises(InputError, match="have the shape"):
        module.compute_log_likelihood(*values)  # type: ignore[attr-defined]


def test_too_long_a_list_of_totals_is_refused() -> None:
    with pytest.raises(InputError, match="too many totals"):
        addition_numpy.compute_total_distribution(make_numbers(1, 2, 7).numpy())


def test_reading_needs_no_torch() -> None:
    code = "import sys, seesum.networks.addition_numpy; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
