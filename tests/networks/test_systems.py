"""networks/systems/*.py: every system with every adder, and the published sizes."""

from __future__ import annotations

import pytest
import torch

from seesum.base.errors import InputError
from seesum.base.settings import parse_changes
from seesum.networks.adders import ADDERS, Concat
from seesum.networks.network import count_parameters, describe_layers
from seesum.networks.systems import SYSTEMS, build_network, find_system
from seesum.testing import check_system
from seesum.training.losses import compute_loss
from seesum.training.start import check_recipe

BATCH = 24


@pytest.mark.parametrize("adder", ADDERS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_shapes_values_and_gradients(name: str, adder: str) -> None:
    recipe = find_system(name).recipe.replaced({"adder": adder})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(recipe)
        image, addend = torch.randn(BATCH, 1, 28, 28), torch.arange(BATCH) % 10
        output = network(image, addend)
        digit = torch.arange(BATCH) % 7
        loss = compute_loss(output, addend, digit, digit + addend, recipe).total
        loss.backward()  # type: ignore[no-untyped-call]
    assert output.digit_logp.shape == (BATCH, 10)
    assert output.sum_logp.shape == (BATCH, 19)
    assert torch.isfinite(output.digit_logp).all()
    assert torch.isfinite(output.sum_logp).all()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


@pytest.mark.parametrize("name", SYSTEMS)
def test_it_keeps_the_contract_of_every_system(name: str) -> None:
    check_system(name, export=False)  # tests/reading/test_exporting.py compares the graphs


@pytest.mark.parametrize("name", SYSTEMS)
def test_layers_account_for_every_parameter(name: str) -> None:
    network = build_network(find_system(name).recipe)
    assert sum(layer.parameters for layer in describe_layers(network)) == count_parameters(network)


@pytest.mark.parametrize("name", [name for name, system in SYSTEMS.items() if system.published])
def test_published_sizes(name: str) -> None:
    system = find_system(name)
    assert system.published is not None
    if system.published.parameters is not None:
        assert count_parameters(build_network(system.recipe)) == system.published.parameters


def test_wide_as_published_has_18_sums() -> None:
    network = build_network(find_system("wide").recipe)
    assert isinstance(network.adder, Concat)
    network.adder.mlp[-1] = torch.nn.Linear(128, 18)
    assert count_parameters(network) == 77_948


@pytest.mark.parametrize("name", SYSTEMS)
def test_recipes_can_be_trained(name: str) -> None:
    assert find_system(name).recipe.system == name
    check_recipe(find_system(name).recipe)


def test_unknown_system_lists_the_known() -> None:
    with pytest.raises(InputError, match="squeeze, wide, identity-adder"):
        find_system("abacus")


@pytest.mark.parametrize("name", SYSTEMS)
def test_any_number_may_become_any_other(name: str) -> None:
    """The type of the present number does not matter: seven degrees may become seven and a half."""
    recipe = find_system(name).recipe
    numbers = {"augmentation.rotate": 7.5, "augmentation.shift": 0.0, "lr": 1.0, "weight_decay": 0.5, "epochs": 3}
    changes = parse_changes([f"{field}={value:g}" for field, value in numbers.items()], recipe)
    assert recipe.replaced(changes).changes_from(recipe).items() <= numbers.items()
    assert recipe.replaced(changes).augmentation.rotate == 7.5
    with pytest.raises(InputError, match=r"epochs is '3\.5'"):
        parse_changes(["epochs=3.5"], recipe)
