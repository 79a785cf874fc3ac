"""training/optimisers.py: the same steps as torch.optim, and the steps of Muon."""

from __future__ import annotations

import pytest
import torch

from seesum.base.errors import InputError
from seesum.base.recipe import Recipe
from seesum.networks.network import Network
from seesum.networks.systems import build_network, find_system
from seesum.training.optimisers import Muon, MuonAndAdam, build_optimiser, orthogonalise

RECIPE = find_system("fast").recipe.replaced({"lr": 0.01, "weight_decay": 0.1, "momentum": 0.8, "precision": "fp32"})


def make_network() -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_network(RECIPE).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def push(network: Network, generator: torch.Generator) -> None:
    """Give every weight but the first a random gradient."""
    for weight in list(network.parameters())[1:]:
        weight.grad = torch.empty_like(weight).copy_(torch.randn(weight.shape, generator=generator))


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_steps_are_those_of_torch(name: str) -> None:
    ours, theirs = make_network(), make_network()
    recipe = RECIPE.replaced({"optimiser": name})
    optimiser = build_optimiser(ours, recipe)
    shared = {"lr": recipe.lr, "weight_decay": recipe.weight_decay, "fused": True}
    reference: torch.optim.Optimizer
    if name == "sgd":
        reference = torch.optim.SGD(theirs.parameters(), momentum=recipe.momentum, **shared)  # type: ignore[arg-type]
    else:
        kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
        reference = kind(theirs.parameters(), betas=recipe.betas, **shared)  # type: ignore[arg-type]
    generators = [torch.Generator().manual_seed(1) for _ in range(2)]
    for factor in (1.0, 0.5, 0.25):
        push(ours, generators[0])
        push(theirs, generators[1])
        for group in reference.param_groups:
            group["lr"] = recipe.lr * factor
        optimiser.step(factor)
        reference.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)
        assert one.grad is None


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_the_state_lies_on_the_device_of_the_weight(name: str) -> None:
    """Fused kernels of a GPU read the state there. torch's device ``meta`` stands for any device but the CPU."""
    optimiser = build_optimiser(build_network(RECIPE).to("meta"), RECIPE.replaced({"optimiser": name}))
    assert {tensor.device.type for entry in optimiser.state for tensor in entry.values()} == {"meta"}


def test_weight_decay_shrinks_every_matrix_of_muon() -> None:
    """Matrices shrink by learning rate times decay, whatever their gradient, so the setting has an effect."""
    kept, shrunk = make_network(), make_network()
    recipe = RECIPE.replaced({"weight_decay": 0.0})
    for network, decay in ((kept, 0.0), (shrunk, 0.1)):
        push(network, torch.Generator().manual_seed(1))
        build_optimiser(network, recipe.replaced({"weight_decay": decay})).step(0.5)
    before = dict(make_network().encoder.named_parameters())
    matrices = [name for name, weight in list(before.items())[1:] if weight.ndim >= 2]
    assert matrices
    for name in matrices:
        with_decay, without = (dict(network.encoder.named_parameters())[name] for network in (shrunk, kept))
        assert torch.allclose(with_decay, without - 0.5 * recipe.muon_lr * 0.1 * before[name], atol=1e-6), name
        assert not torch.equal(with_decay, without)


def test_a_weight_without_gradient_stays() -> None:
    network = make_network()
    optimiser = build_optimiser(network, RECIPE)
    first, *others = [weight.detach().clone() for weight in network.parameters()]
    push(network, torch.Generator().manual_seed(1))
    optimiser.step(1.0)
    now = list(network.parameters())
    assert torch.equal(now[0], first)
    assert all(not torch.equal(one, other) for one, other in zip(now[1:], others, strict=True))


@pytest.mark.parametrize("shape", [(32, 144), (144, 32), (16, 16)])
def test_orthogonalised_matrices_keep_directions_and_lose_lengths(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    orthogonal = orthogonalise(matrix, 5)
    assert orthogonal.shape == matrix.shape
    lengths = torch.linalg.svdvals(orthogonal)
    assert lengths.max() < 1.3
    assert lengths[: len(lengths) * 3 // 4].min() > 0.5
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    inner = left.T @ orthogonal @ right.T
    assert (inner - torch.diag(inner.diagonal())).abs().max() < 1e-3


def test_muon_moves_the_encoders_matrices_and_adam_the_rest() -> None:
    network = make_network()
    optimiser = build_optimiser(network, RECIPE)
    assert isinstance(optimiser, MuonAndAdam)
    muon, adam = optimiser.parts
    assert isinstance(muon, Muon)
    names = {id(weight): name for name, weight in network.named_parameters()}
    assert [names[id(weight)] for weight in muon.weights] == ["encoder.1.weight", "encoder.3.weight", "encoder.7.weight"]
    assert len(muon.weights) + len(adam.weights) == len(names)
    before = muon.weights[0].detach().clone()
    push(network, torch.Generator().manual_seed(1))
    optimiser.step(0.5)
    moved = (muon.weights[1].detach() - make_network().get_parameter("encoder.3.weight")).flatten(1)
    assert torch.equal(before, muon.weights[0])  # the one without a gradient
    lengths = torch.linalg.svdvals(moved) / (RECIPE.muon_lr * 0.5)
    assert lengths.max() < 1.3
    assert lengths.median() > 0.3


def test_unknown_optimiser_lists_the_known() -> None:
    with pytest.raises(InputError, match="adam, adamw, sgd and muon"):
        build_optimiser(make_network(), Recipe(system="fast", optimiser="guess"))
