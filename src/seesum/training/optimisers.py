"""Optimisers: Adam, AdamW, SGD and Muon, with torch's fused kernels.

``torch.optim`` has the first three, and tests hold these equal to it bit for bit. But its constructor imports the compiler
``torch._dynamo``, which takes a second here: as long as the whole training of ``fast``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seesum.base.recipe import Recipe
from seesum.base.registry import look_up
from seesum.networks.network import Network


class Optimiser:
    """The base class of all optimisers: weights, a state for each, and one step."""

    def __init__(self, weights: list[Tensor], recipe: Recipe) -> None:
        """Start with an empty state for each weight.

        Args:
            weights: the weights that are moved, in an order that is the same in every run.
            recipe: decides rates, decay rates and weight decay.
        """
        self.weights, self.recipe = weights, recipe
        self.state: list[dict[str, Tensor]] = [self.start(weight) for weight in weights]

    def start(self, weight: Tensor) -> dict[str, Tensor]:
        """Return the state of a weight before the first step. Tensors of its shape have its memory layout."""
        raise NotImplementedError

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """Move every weight that has a gradient, with the recipe's rates times ``factor``, and delete the gradients."""
        moved = [index for index, weight in enumerate(self.weights) if weight.grad is not None]
        if moved:
            self.move([self.weights[index] for index in moved], [self.state[index] for index in moved], factor)
        for weight in self.weights:
            weight.grad = None

    def move(self, weights: list[Tensor], state: list[dict[str, Tensor]], factor: float) -> None:
        """Do one step of weights that all have a gradient."""
        raise NotImplementedError


class Adam(Optimiser):
    """Adam (Kingma & Ba 2015, arXiv 1412.6980), with weight decay as part of the gradient."""

    fused = staticmethod(torch._fused_adam_)

    def start(self, weight: Tensor) -> dict[str, Tensor]:
        """See ``Optimiser.start``."""
        step = torch.zeros((), device=weight.device)  # fused kernels read it on the weight's device
        return {"step": step, "exp_avg": torch.zeros_like(weight), "exp_avg_sq": torch.zeros_like(weight)}

    def move(self, weights: list[Tensor], state: list[dict[str, Tensor]], factor: float) -> None:
        """See ``Optimiser.move``."""
        for entry in state:
            entry["step"] += 1
        self.fused(
            weights,
            _gradients(weights),
            [entry["exp_avg"] for entry in state],
            [entry["exp_avg_sq"] for entry in state],
            [],
            [entry["step"] for entry in state],
            lr=self.recipe.lr * factor,  # type: ignore[arg-type]  # torch's stub knows only one of two overloads
            beta1=self.recipe.betas[0],
            beta2=self.recipe.betas[1],
            weight_decay=self.recipe.weight_decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv 1711.05101)."""

    fused = staticmethod(torch._fused_adamw_)


class Sgd(Optimiser):
    """Gradient descent with momentum."""

    def start(self, weight: Tensor) -> dict[str, Tensor]:
        """See ``Optimiser.start``."""
        return {"momentum_buffer": torch.zeros_like(weight)}

    def move(self, weights: list[Tensor], state: list[dict[str, Tensor]], factor: float) -> None:
        """See ``Optimiser.move``."""
        torch._fused_sgd_(
            weights,
            _gradients(weights),
            [entry["momentum_buffer"] for entry in state],
            weight_decay=self.recipe.weight_decay,
            momentum=self.recipe.momentum,
            lr=self.recipe.lr * factor,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )


class Muon(Optimiser):
    """Orthogonalised momentum (Jordan et al. 2024, "Muon"): each matrix moves by the same length in every direction.

    Weight decay is decoupled from the gradient, as in AdamW. With half of an epoch's steps Muon taught ``fast`` as much as Adam
    with three quarters of them (LOG.md).
    """

    SHARPENINGS = 3
    """Newton-Schulz steps. On validation images ``fast`` loses 0.1 points with 2; 5 gain nothing and take a tenth more time."""

    def start(self, weight: Tensor) -> dict[str, Tensor]:
        """See ``Optimiser.start``."""
        return {"momentum_buffer": torch.zeros_like(weight)}

    def move(self, weights: list[Tensor], state: list[dict[str, Tensor]], factor: float) -> None:
        """See ``Optimiser.move``."""
        momentum, dtype = self.recipe.momentum, torch.bfloat16 if self.recipe.precision == "bf16" else torch.float32
        rate = self.recipe.muon_lr * factor
        for weight, gradient, entry in zip(weights, _gradients(weights), state, strict=True):
            average = entry["momentum_buffer"].mul_(momentum).add_(gradient)
            update = gradient.add(average, alpha=momentum).flatten(1).to(dtype)
            if self.recipe.weight_decay:
                weight.mul_(1 - rate * self.recipe.weight_decay)
            weight.add_(orthogonalise(update, self.SHARPENINGS).view(weight.shape), alpha=-rate)


class MuonAndAdam(Optimiser):
    """Muon for the encoder's matrices (convolutions as [outputs, inputs x height x width]), Adam for all other weights."""

    def __init__(self, weights: list[Tensor], recipe: Recipe, matrices: list[Tensor]) -> None:
        """Divide the weights between Muon and Adam.

        Args:
            weights: all weights that are trained.
            recipe: as for every optimiser.
            matrices: the weights among them that Muon moves.
        """
        matrix_ids = {id(matrix) for matrix in matrices}
        rest = [weight for weight in weights if id(weight) not in matrix_ids]
        self.parts = (Muon(matrices, recipe), Adam(rest, recipe))
        self.weights, self.recipe = [*matrices, *rest], recipe
        self.state = [entry for optimiser in self.parts for entry in optimiser.state]

    def step(self, factor: float) -> None:
        """See ``Optimiser.step``."""
        for optimiser in self.parts:
            optimiser.step(factor)


def orthogonalise(matrix: Tensor, steps: int) -> Tensor:
    """Return a matrix [M, N] with the same singular vectors and singular values near 1, in the matrix's precision.

    This is the Newton-Schulz iteration with the quintic coefficients of Jordan et al. 2024. A few steps leave singular values
    of 0.5 to 1.2.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(steps):
        square = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(square, square, square, beta=-4.7750, alpha=2.0315), wide, beta=3.4445)
    return wide if matrix.shape[0] <= matrix.shape[1] else wide.T


def _gradients(weights: list[Tensor]) -> list[Tensor]:
    return [weight.grad for weight in weights if weight.grad is not None]


OPTIMISERS: dict[str, Callable[[Network, Recipe], Optimiser]] = {
    "adam": lambda network, recipe: Adam(list(network.parameters()), recipe),
    "adamw": lambda network, recipe: AdamW(list(network.parameters()), recipe),
    "sgd": lambda network, recipe: Sgd(list(network.parameters()), recipe),
    "muon": lambda network, recipe: MuonAndAdam(
        list(network.parameters()), recipe, [weight for weight in network.encoder.parameters() if weight.ndim >= 2]
    ),
}


def build_optimiser(network: Network, recipe: Recipe) -> Optimiser:
    """Build the optimiser of a recipe for a network's weights.

    Raises:
        InputError: an unknown name.
    """
    return look_up(OPTIMISERS, recipe.optimiser, "optimiser")(network, recipe)
