"""seesum/testing.py: the built-in adders keep the contract that users' adders must keep, and each breach is found."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import seesum
from seesum.base.errors import InputError
from seesum.base.recipe import Recipe
from seesum.data.operations import Operation
from seesum.networks.adders import ADDERS
from seesum.networks.contract import Adder, Output
from seesum.testing import OPERATIONS_TRIED, check_adder, check_system

FEWER = {"exact": {"add", "subtract", "add-modulo-10"}, "diagonal-table": {"add", "add-modulo-10"}}
"""The operations that an adder accepts, if not all."""


@pytest.mark.parametrize("name", ADDERS)
def test_built_in_adders_keep_it(name: str) -> None:
    assert set(check_adder(name, export=False)) == FEWER.get(name, {*OPERATIONS_TRIED})


class Linear(Adder):
    """A right adder, in which the others break one thing each."""

    def __init__(self, features: int, operation: Operation) -> None:
        super().__init__(features, operation)
        self.linear = nn.Linear(20, self.num_classes)

    def join(self, logits: Tensor, addend: Tensor) -> Tensor:
        return torch.cat([logits, functional.one_hot(addend, 10).float()], 1)

    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:  # noqa: ARG002
        assert digit_logits is not None
        return Output(digit_logits.log_softmax(1), self.linear(self.join(digit_logits, addend)).log_softmax(1))


class Unnormalised(Linear):
    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:
        digit, answer = super().forward(features, digit_logits, addend)
        return Output(digit, answer + 0.1)


class Infinite(Linear):
    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:
        digit, answer = super().forward(features, digit_logits, addend)
        return Output(digit, torch.cat([answer[:, :-1], torch.full_like(answer[:, -1:], -torch.inf)], 1))


class Double(Linear):
    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:
        digit, answer = super().forward(features, digit_logits, addend)
        return Output(digit, answer.double())


class Mixing(Linear):
    def join(self, logits: Tensor, addend: Tensor) -> Tensor:
        return super().join(logits - logits.mean(0), addend)


class Chance(Linear):
    def join(self, logits: Tensor, addend: Tensor) -> Tensor:
        return super().join(logits + torch.rand_like(logits), addend)


class Unused(Linear):
    def __init__(self, features: int, operation: Operation) -> None:
        super().__init__(features, operation)
        self.idle = nn.Parameter(torch.zeros(3))


class Forgetful(Linear):
    def __init__(self, features: int, operation: Operation) -> None:
        super().__init__(features, operation)
        self.scale = torch.rand(())  # no buffer, so no file of weights has it

    def join(self, logits: Tensor, addend: Tensor) -> Tensor:
        return super().join(self.scale * logits, addend)


class Deaf(Linear):
    def forward(self, features: Tensor, digit_logits: Tensor | None, addend: Tensor) -> Output:
        assert digit_logits is not None
        return super().forward(features, digit_logits.detach(), addend)


class Picky(Linear):
    def __init__(self, features: int, operation: Operation) -> None:  # noqa: ARG002
        raise InputError("picky refuses every operation")


@pytest.mark.parametrize(
    ("adder", "sentence"),
    [
        (Unnormalised, "add up to 1 .* end with log_softmax"),
        (Infinite, "sum_logp that is not finite"),
        (Double, r"sum_logp as torch\.float64; expected torch\.float32"),
        (Mixing, "answers an image alone otherwise than in a batch"),
        (Chance, "answers the same images differently a second time"),
        (Unused, "gives its parameter adder.idle no gradient"),
        (Forgetful, "answers otherwise after its weights are loaded"),
        (Deaf, "gives its encoder no gradient"),
    ],
)
def test_each_breach_is_found(adder: type[Adder], sentence: str) -> None:
    with pytest.raises(AssertionError, match=f"the adder {adder.__name__.lower()} .*{sentence}"):
        check_adder(adder, export=False)


def test_an_adder_that_refuses_everything() -> None:
    with pytest.raises(InputError, match="picky refuses every operation"):
        check_adder(Picky, export=False)


@pytest.mark.slow
def test_exported_graphs_are_compared() -> None:
    assert len(check_adder(Linear)) == len(OPERATIONS_TRIED)


class Encoder(nn.Module):
    def __init__(self, chance: bool = False) -> None:
        super().__init__()
        self.chance, self.layers = chance, nn.Sequential(nn.Flatten(), nn.Linear(784, 12))

    def forward(self, image: Tensor) -> Any:
        features = self.layers(image)
        return functional.dropout(features, 0.5) if self.chance else features


def test_systems_are_checked_with_their_recipe() -> None:
    check_system(seesum.System(Recipe("checked", adder="exact"), Encoder), export=False)
    with pytest.raises(AssertionError, match="the system chance answers the same images differently"):
        check_system(seesum.System(Recipe("chance"), lambda: Encoder(chance=True)), export=False)
    with pytest.raises(InputError, match="cannot represent"):
        check_system(seesum.System(Recipe("checked", adder="exact", operation="max"), Encoder), export=False)
