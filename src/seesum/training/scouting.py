"""Scouting: find out roughly which image shows which digit, before the network itself learns from sums.

From nothing, learning from long sums may settle in a false order of the digits that explains most of the sums. With d + 5 for
every digit d, every column still has the right last digit, and only the carries are wrong. Other false orders mix several
digits. So a small, fast network, the scout, learns from the sums first. Its digits are renamed by the shift that makes the sums
most probable, and it starts anew where they stay improbable. No label takes part: the likelihood of the sums decides.

What the scout knows are the *guesses*: the posterior of every digit, given its image and the sum. The network learns from them
for its first epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seesum.base.recipe import Recipe
from seesum.data.batches import normalise
from seesum.data.idx import Images, LabelledImages
from seesum.networks.network import Network
from seesum.training.pairing import Additions, SumTask
from seesum.training.pieces import PieceBatches
from seesum.training.state import State
from seesum.training.supervision import compute_likelihood

ATTEMPTS = 12
"""Scouts that are trained at most."""
SETTLED = 0.6
"""Nats a column of training sums, below which a scout has found the digits. The false orders stay above 1 (LOG.md)."""
JUDGED = 5_000
"""A scout is judged by the first sums of so many images."""
SEED_STEP = 1_000_003
"""Between the seeds of scouts."""


class Scouted(NamedTuple):
    """What the best scout found."""

    guesses: Tensor
    """[M, 10] for every training image the posterior of its digit; zeros for images that are in no sum."""
    attempts: list[dict[str, Any]]
    """A row for each scout."""


def scout(
    labelled: LabelledImages,
    additions: Additions,
    task: SumTask,
    recipe: Recipe,
    device: torch.device,
    note: Callable[[str], None],
) -> Scouted:
    """Train scouts until one has found the digits, and return the guesses of the best.

    Args:
        labelled: the training images. Their labels are not read.
        additions: the training sums.
        task: what is observed.
        recipe: of a scout; its seed is that of the run.
        device: where it is trained.
        note: is given a line for each scout.
    """
    rows, sums = (torch.from_numpy(one).to(device) for one in additions)
    attempts: list[dict[str, Any]] = []
    best: tuple[State, int] | None = None
    noise = compute_noise_entropy(task) / task.digits
    for attempt in range(ATTEMPTS):
        seed = (recipe.seed + attempt * SEED_STEP) % 2**32
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            state = State(recipe.replaced({"seed": seed}), device)
            batches = PieceBatches(labelled, additions, task, state.recipe, device, state.generator)
            _train_scout(state, batches)
        found = _judge_scout(state, batches, labelled.images)
        shift = int(np.argmin(found))
        row = {"attempt": attempt + 1, "seed": seed, "nats_per_column": found[shift], "shift": shift, "unshifted": found[0]}
        attempts.append(row)
        note(f"scout {attempt + 1}: {found[shift]:.3f} nats a column, digits moved by {shift}")
        if found[shift] <= min(one["nats_per_column"] for one in attempts):
            best = state, shift
        if found[shift] < SETTLED + noise:
            break
    assert best is not None
    state, shift = best
    numbers = predict_digits(state.network, labelled.images, state.recipe, device)[rows].roll(shift, -1)
    guesses = numbers.new_zeros(len(labelled.images), 10)
    guesses[rows.flatten()] = _compute_posteriors(numbers, sums, task).flatten(0, 2)
    return Scouted(guesses, attempts)


def _train_scout(state: State, batches: PieceBatches) -> None:
    state.network.train()
    for epoch in range(state.recipe.epochs):
        for done, pieces in batches.shuffle():
            logp = encode_digits(state, pieces.image)
            numbers = logp.view(*pieces.rows.shape, 10)
            likelihood = compute_likelihood(numbers, pieces.sums, batches.task, pieces.carry_in)
            (-likelihood.sum() / pieces.rows.shape[0] / pieces.rows.shape[2]).backward()  # type: ignore[no-untyped-call]
            state.optimiser.step(state.schedule((epoch + done) / state.recipe.epochs, state.recipe))


def _judge_scout(state: State, batches: PieceBatches, images: Images) -> list[float]:
    """Return the nats a column of the first training sums for each shift."""
    few = -(-JUDGED // (batches.task.numbers * batches.task.digits))
    rows, sums = batches.rows[:few], batches.sums[:few]
    logp = predict_digits(state.network, images[rows.flatten().cpu().numpy()], state.recipe, state.device)
    return measure_shifts(logp.view(*rows.shape, 10), sums, batches.task)


def encode_digits(state: State, image: Tensor) -> Tensor:
    """Return the log-probabilities [B, 10] of the digits in images [B, 1, 28, 28], in training."""
    with torch.autocast(state.device.type, torch.bfloat16, enabled=state.recipe.precision == "bf16"):
        encoded = state.network.encode(image.contiguous(memory_format=torch.channels_last))
    torch.clear_autocast_cache()  # inside a caller's autocast it would keep the weights of the step before
    assert encoded.digit_logits is not None
    return encoded.digit_logits.float().log_softmax(1)


def predict_digits(network: Network, images: Images, recipe: Recipe, device: torch.device) -> Tensor:
    """Return the log-probabilities [M, 10] of the digits in images uint8 [M, 28, 28], in evaluation mode."""
    was_training = network.training
    network.eval()
    with torch.no_grad():
        parts = []
        for start in range(0, len(images), 1000):
            image = normalise(images[start : start + 1000], recipe, device).contiguous(memory_format=torch.channels_last)
            logits = network.encode(image).digit_logits
            assert logits is not None
            parts.append(logits.float().log_softmax(1))
    network.train(was_training)
    return torch.cat(parts)


@torch.no_grad()
def measure_nats(numbers: Tensor, sums: Tensor, task: SumTask) -> float:
    """Return the mean negative log-likelihood of sums, in nats a column."""
    likelihood = compute_likelihood(numbers, sums, task)
    return float(-likelihood.clamp_min(-1e6).sum() / len(sums) / task.digits)


def measure_shifts(numbers: Tensor, sums: Tensor, task: SumTask) -> list[float]:
    """Return the nats a column of sums for each shift: with the digit d renamed d + 0, ..., d + 9 modulo 10."""
    return [measure_nats(numbers.roll(shift, -1), sums, task) for shift in range(10)]


def compute_noise_entropy(task: SumTask) -> float:
    """Return the entropy of what is wrong with a sum, in nats: its likelihood cannot become better on average."""
    if not task.wrong:
        return 0.0
    any_sum = task.wrong / (task.numbers * (10**task.digits - 1) + 1)
    return -(1 - task.wrong) * math.log(1 - task.wrong) - task.wrong * math.log(any_sum)


def _compute_posteriors(numbers: Tensor, sums: Tensor, task: SumTask) -> Tensor:
    """Return the probability [n, K, N, 10] of each digit given its image and what is observed of its sum."""
    numbers = numbers.detach().requires_grad_()
    (posteriors,) = torch.autograd.grad(compute_likelihood(numbers, sums, task).sum(), numbers)
    return posteriors
