"""networks/adders.py and networks/tables.py: exact against brute force, convergence of table, and which gradients flow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from seesum.base.errors import InputError
from seesum.data.operations import BUILT_IN, find_operation
from seesum.networks.adders import ADDERS, build_adder
from seesum.networks.contract import Adder, Output
from seesum.networks.tables import Table, TableAdder

FEATURES = 12


def make_inputs(count: int = 64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(count, FEATURES, generator=generator, requires_grad=True)
    logits = (3 * torch.randn(count, 10, generator=generator)).requires_grad_()
    return features, logits, torch.randint(0, 10, (count,), generator=generator)


def answer(adder: Adder, features: Tensor, logits: Tensor, addend: Tensor) -> Output:
    output: Output = adder(features, logits if adder.reads_logits else None, addend)
    return output


TRIED = [*BUILT_IN, "(d + a) ** 2", "10 * d - 3 * a", "d > a"]
REFUSED = {
    *(("exact", operation) for operation in ("multiply", "max", "d > a")),
    *(("diagonal-table", operation) for operation in ("subtract", "multiply", "max", "10 * d - 3 * a", "d > a")),
}
"""The operations that an adder cannot represent."""
ACCEPTED = [(name, operation) for name in ADDERS for operation in TRIED if (name, operation) not in REFUSED]


@pytest.mark.parametrize(("name", "operation"), ACCEPTED)
def test_outputs_are_distributions(name: str, operation: str) -> None:
    output = answer(build_adder(name, FEATURES, find_operation(operation)), *make_inputs())
    assert output.digit_logp.shape == (64, 10)
    assert output.sum_logp.shape == (64, find_operation(operation).num_classes)
    for logp in output:
        assert torch.isfinite(logp).all()
        assert torch.allclose(logp.exp().sum(1), torch.ones(64), atol=1e-5)


@pytest.mark.parametrize("name", ADDERS)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    adder = build_adder(name, FEATURES, find_operation("add"))
    features, logits, addend = make_inputs(256)
    output = answer(adder, features, logits, addend)
    target = torch.arange(256)
    loss = -output.digit_logp[target, target % 10].mean() - output.sum_logp[target, target % 19].mean()
    loss.backward()  # type: ignore[no-untyped-call]
    for parameter_name, parameter in adder.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


@pytest.mark.parametrize("name", ADDERS)
def test_only_argmax_keeps_the_sum_from_the_encoder(name: str) -> None:
    adder = build_adder(name, FEATURES, find_operation("add"))
    features, logits, addend = make_inputs()
    answer(adder, features, logits, addend).sum_logp[:, 9].clamp_min(-50).sum().backward()  # type: ignore[no-untyped-call]
    read = logits if adder.reads_logits else features
    reached = read.grad is not None and bool(read.grad.abs().sum() > 0)
    assert reached == (name != "argmax")


@pytest.mark.parametrize("operation", ["add", "subtract", "add-modulo-10", "10 * d - 3 * a"])
def test_exact_is_brute_force_marginalisation(operation: str) -> None:
    rule = find_operation(operation)
    features, logits, addend = make_inputs()
    output = answer(build_adder("exact", FEATURES, rule), features, logits, addend)
    digit_p = logits.detach().softmax(1).double()
    expected = torch.zeros(64, rule.num_classes, dtype=torch.float64)
    for row in range(64):
        for digit in range(10):
            expected[row, int(rule.classify(np.array(digit), np.array(int(addend[row]))))] += digit_p[row, digit]
    assert torch.allclose(output.sum_logp.exp().double(), expected, atol=1e-7)


@pytest.mark.parametrize(("name", "operation"), sorted(REFUSED))
def test_what_an_adder_cannot_represent(name: str, operation: str) -> None:
    with pytest.raises(InputError, match=f"{name} cannot represent"):
        build_adder(name, FEATURES, find_operation(operation))


def train_on_pairs(adder: Adder, seen: Tensor, digits: Tensor, addends: Tensor, steps: int = 300) -> None:
    """Train an adder on the sums of the seen pairs, with digits that are nearly certain."""
    logits = 12.0 * torch.eye(10)[digits]
    optimiser = torch.optim.Adam(adder.parameters(), 0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        sum_logp = answer(adder, torch.zeros(len(digits), FEATURES), logits, addends).sum_logp
        torch.nn.functional.nll_loss(sum_logp[seen], (digits + addends)[seen]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def list_pairs() -> tuple[Tensor, Tensor]:
    """Return all 100 pairs: digits [100], addends [100]."""
    digits, addends = torch.meshgrid(torch.arange(10), torch.arange(10), indexing="ij")
    return digits.flatten(), addends.flatten()


def test_shared_diagonals_fill_a_cell_never_seen() -> None:
    table = build_adder("diagonal-table", FEATURES, find_operation("add"))
    assert isinstance(table, TableAdder)
    digits, addends = list_pairs()
    train_on_pairs(table, (digits != 3) | (addends != 4), digits, addends)
    assert table.tabulate()[3, 4].argmax() == 7
    assert table.tabulate()[3, 4, 7] > 0.9


def test_table_converges_to_exact_on_seen_pairs_and_knows_nothing_of_others() -> None:
    table = build_adder("table", FEATURES, find_operation("add"))
    exact = build_adder("exact", FEATURES, find_operation("add"))
    assert isinstance(table, Table)
    digits, addends = list_pairs()
    train_on_pairs(table, (digits != 9) | (addends != 9), digits, addends)
    features, softer = torch.zeros(100, FEATURES), 2.0 * torch.eye(10)[digits]
    learned = answer(table, features, softer, addends).sum_logp.exp()
    known = answer(exact, features, softer, addends).sum_logp.exp()
    untouched = addends != 9  # pairs with addend 9 use the untrained cell of digit 9 too
    assert torch.allclose(learned[untouched], known[untouched], atol=0.02)
    assert table.tabulate()[9, 9, 18] < 1 / 19


def test_table_gradient_is_the_same_every_time() -> None:
    features, logits, addend = make_inputs(512)
    gradients = []
    for _ in range(30):
        table = build_adder("table", FEATURES, find_operation("add"))
        answer(table, features, logits, addend).sum_logp[:, :9].sum().backward()  # type: ignore[no-untyped-call]
        gradients.append(next(table.parameters()).grad)
    assert all(
        torch.equal(gradients[0], gradient) for gradient in gradients[1:] if gradient is not None and gradients[0] is not None
    )


def test_unknown_adder_lists_the_known() -> None:
    with pytest.raises(InputError, match="concat, embedding, argmax, table, low-rank"):
        build_adder("abacus", FEATURES, find_operation("add"))
