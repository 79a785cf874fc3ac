"""Learn to read digits from sums alone. It is another lesson for the training loop of ``loop.py``.

The way of an epoch: the additions are cut into pieces (``pieces.py``), the network gives the log-probabilities of the digits of
each piece, the carry recursion gives the likelihood of the observed sums (``supervision.py``), and its gradient goes back. In
the first epoch, the network learns what the scouts guess instead (``scouting.py``).

The labels of training images are used for two things only: their sums are computed before the training (``pairing.py``), and
the accuracy of the digits is reported.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seesum.base.files import write_csv
from seesum.base.progress import Progress
from seesum.base.recipe import Recipe
from seesum.base.registry import look_up
from seesum.data.splits import Splits
from seesum.networks.systems import find_system
from seesum.runs.run import Run
from seesum.training.lesson import Lesson
from seesum.training.pairing import Additions, SumTask, evaluate_sums, make_training_additions
from seesum.training.pieces import PieceBatches
from seesum.training.scouting import encode_digits, measure_nats, predict_digits, scout
from seesum.training.state import State
from seesum.training.supervision import compute_likelihood
from seesum.training.tracking import STEP_METRICS, describe_metrics

GUIDED = 1
"""Epochs in which the network learns from the guesses of the scouts."""
SHARPENED = (0.7, 1.0, 1.4, 2.0, 2.8)
"""Factors on the logits, for the likelihood of held-out sums."""
SCOUT_CHANGES: dict[str, Any] = {
    "adder": "exact",
    "epochs": 2,
    "batch_size": 1024,
    "lr": 0.0075,
    "muon_lr": 0.1,
    "schedule": "triangle",
    "label_smoothing": 0.0,
    "ema_decay": 0.0,
    "images": "all",
}
"""How the recipe of a scout differs from that of its system. With small batches, the noise of the first steps more often
decides for a false order of the digits (LOG.md)."""


class SumNetwork(NamedTuple):
    """A network that learns from sums."""

    recipe: Recipe
    scout: str
    """The system of its scouts."""


NETWORKS = {
    "ours": SumNetwork(find_system("plain").recipe.replaced({"epochs": 7}), "fast"),
    "lenet": SumNetwork(find_system("lenet").recipe, "lenet"),
}
"""The networks that ``seesum sums`` trains. Both have the adder ``exact``."""


class SumLesson(Lesson):
    """Learns from sums, in the training loop."""

    def __init__(self, run: Run, splits: Splits, device: torch.device) -> None:
        """Put the training images into additions.

        Raises:
            InputError: there are too few images.
        """
        info = run.info["sums"]
        self.run, self.splits, self.device = run, splits, device
        self.task = SumTask.from_info(info)
        self.scout_system = look_up(NETWORKS, info["network"], "network").scout
        self.additions, self.held_out = make_training_additions(splits.train.digits, self.task, run.recipe.seed)
        self.guesses: Tensor | None = None

    def prepare(self, state: State) -> None:
        """Put images and sums on the device."""
        self.batches = PieceBatches(self.splits.train, self.additions, self.task, state.recipe, self.device, state.generator)
        self.labels = torch.from_numpy(np.ascontiguousarray(self.splits.train.digits)).to(self.device)

    def count_steps(self) -> int:
        """Return the number of steps in an epoch."""
        return self.batches.count_steps()

    def train_epoch(self, state: State, progress: Progress) -> tuple[list[dict[str, float]], dict[str, float]]:
        """Train on every sum once. As ``loop.train_epoch``, where a sum is the total of a column and not of two digits."""
        recipe = state.recipe
        guided = state.epoch < GUIDED
        if guided and self.guesses is None:
            self.guesses = self._scout(recipe, progress)
        rows: list[dict[str, float]] = []
        measured: list[Tensor] = []
        state.network.train()
        for done, pieces in self.batches.shuffle():
            factor = state.schedule((state.epoch + done) / recipe.epochs, recipe)
            logp = encode_digits(state, pieces.image)
            numbers = logp.view(*pieces.rows.shape, 10)
            likelihood = compute_likelihood(numbers, pieces.sums, self.task, pieces.carry_in)
            if guided:
                assert self.guesses is not None
                loss = -(self.guesses[pieces.rows.flatten()] * logp).sum(1).mean()
            else:
                loss = -likelihood.sum() / len(logp)
            smoothing = recipe.label_smoothing
            ((1 - smoothing) * loss - smoothing * logp.mean()).backward()  # type: ignore[no-untyped-call]
            state.optimiser.step(factor)
            if state.average:
                state.update_average()
            state.step += 1
            measured.append(_measure_step(loss, likelihood, numbers, self.labels[pieces.rows]))
            rows.append({"step": state.step, "epoch": state.epoch + 1, "lr": recipe.lr * factor})
            if state.step % 20 == 0:
                progress.update(state.step, describe_metrics(measured[-1][:-1].tolist()))
        self.guesses = None
        values = torch.stack(measured).tolist()
        for row, value in zip(rows, values, strict=True):
            row |= dict(zip(STEP_METRICS, value, strict=False))
        images = sum(value[-1] for value in values)
        means = {name: sum(value[place] * value[-1] for value in values) / images for place, name in enumerate(STEP_METRICS)}
        return rows, means

    def _scout(self, recipe: Recipe, progress: Progress) -> Tensor:
        """Return the guesses, and write what the scouts found to ``scouts.csv``."""
        base = find_system(self.scout_system).recipe
        changes = SCOUT_CHANGES | {"seed": recipe.seed, "precision": recipe.precision}
        found = scout(self.splits.train, self.additions, self.task, base.replaced(changes), self.device, progress.note)
        write_csv(self.run.directory / "scouts.csv", found.attempts)
        return found.guesses

    def measure_epoch(self, state: State) -> dict[str, float]:
        """Return the columns of ``history.csv`` about held-out sums: their likelihood alone may choose a recipe."""
        if self.held_out is None:
            return {}
        with state.averaged() as network:
            logp = predict_digits(network, self.splits.train.images, state.recipe, self.device)
        return {"held_out_nats": measure_held_out(logp, self.held_out, self.task)}

    def evaluate(self, state: State) -> dict[str, Any]:
        """Return the metrics of sums of test images."""
        with state.averaged() as network:
            logp = predict_digits(network, self.splits.test.images, state.recipe, self.device).cpu().numpy()
        return evaluate_sums(logp, self.splits.test.digits, self.task, state.recipe.seed) | self.measure_epoch(state)


def measure_held_out(logp: Tensor, held_out: Additions, task: SumTask) -> float:
    """Return the nats a column of held-out sums, all of whose digits count, at the best of some temperatures.

    A network that learned with smoothed targets is less sure than it could be, and calibration mends that later.
    """
    whole = SumTask(task.digits, task.numbers)
    numbers, sums = logp[torch.from_numpy(held_out.rows).to(logp.device)], torch.from_numpy(held_out.sums).to(logp.device)
    return min(measure_nats((factor * numbers).log_softmax(-1), sums, whole) for factor in SHARPENED)


def _measure_step(loss: Tensor, likelihood: Tensor, numbers: Tensor, labels: Tensor) -> Tensor:
    """Return ``STEP_METRICS`` of a batch, and its images. Only reports read the labels."""
    with torch.no_grad():
        digit_loss = -numbers.gather(-1, labels.unsqueeze(-1)).mean()
        sum_loss = -likelihood.sum() / (labels.shape[0] * labels.shape[2])
        predicted = numbers.argmax(-1)
        right = (predicted == labels).float()
        sums = (predicted.sum(1) == labels.sum(1)).float()
        values = [loss.detach(), digit_loss, sum_loss, right.mean(), sums.mean(), right.prod(1).mean()]
        return torch.stack([*values, loss.new_tensor(labels.numel())])
