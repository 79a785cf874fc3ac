"""Measure how three mistakes of published systems change their figures. LOG.md has the results.

    python benchmarks/mistakes.py wide --epochs 3
    python benchmarks/mistakes.py figures RUN

``wide`` trains published system 2 with its 18 sum outputs, and measures each addend. They forbid the addend 9 in training.
``figures`` takes a finished run of ``identity-adder``. It prints how much the sum accuracy varies when each evaluation samples
new addends, and how much the loss of the digit alone differs from the loss of both outputs.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

import seesum
from seesum.base.progress import Progress
from seesum.data.batches import Batches
from seesum.data.idx import LabelledImages
from seesum.data.operations import ADDENDS
from seesum.measuring.evaluation import predict_every_addend
from seesum.networks.adders import Concat
from seesum.networks.network import Network
from seesum.networks.systems import find_system
from seesum.runs.run import find_run
from seesum.training.loop import train_epoch
from seesum.training.optimisers import build_optimiser
from seesum.training.state import State

CPU = torch.device("cpu")
CLASSES = 18


class AddendsTo8(Batches):
    """Batches in which the addend 9 never occurs, so no sum is 18."""

    def _make_samples(self, epoch: int) -> None:
        super()._make_samples(epoch)
        images, _, digits, _ = self._tensors
        addends = torch.from_numpy(np.random.default_rng(self.recipe.seed).integers(0, 9, len(digits)))
        self._tensors = (images, addends, digits, digits + addends)


def narrow(network: Network) -> None:
    """Remove the class 18 from the last layer of the adder, as published."""
    assert isinstance(network.adder, Concat)
    last = network.adder.mlp[-1]
    assert isinstance(last, torch.nn.Linear)
    last.weight = torch.nn.Parameter(last.weight[:CLASSES].detach().clone())
    last.bias = torch.nn.Parameter(last.bias[:CLASSES].detach().clone())


def measure_wide(epochs: int) -> None:
    """Train with 18 sums, and print the accuracy of the sum for the addends 0 to 8, for 9, and for 9 + 9."""
    data = seesum.load_mnist()
    recipe = find_system("wide").recipe.replaced({"epochs": epochs})
    torch.manual_seed(recipe.seed)
    state = State(recipe, CPU)
    narrow(state.network)
    state.optimiser = build_optimiser(state.network, recipe)
    batches = AddendsTo8(data.train, recipe, CPU, state.generator)
    with Progress(f"wide with {CLASSES} sums", epochs * batches.count_steps()) as progress:
        for state.epoch in range(epochs):
            train_epoch(state, batches, progress)
    probabilities = predict_every_addend(state.network, data.test.images, recipe, CPU)
    right = probabilities.sum_p.argmax(2) == data.test.digits[:, None] + np.arange(ADDENDS)
    digit = (probabilities.digit_p[:, 0].argmax(1) == data.test.digits).mean()
    nines = data.test.digits == 9
    print(f"{epochs} epochs, seed 0: digit {digit:.2%}; sum with addends 0-8 {right[:, :9].mean():.2%}, with addend 9 ", end="")
    print(f"{right[:, 9].mean():.2%}, of 9 + 9 {right[nines, 9].mean():.2%}, over all ten {right.mean():.2%}")


def measure_figures(name: str, evaluations: int = 1000) -> None:
    """Print how much the sum's accuracy varies over newly sampled addends, and the losses of a run."""
    run = find_run(name)
    test: LabelledImages = run.load_splits().test
    probabilities = seesum.Reader.load(run).predict_every_addend(test.images)
    right = probabilities.sum_p.argmax(2) == test.digits[:, None] + np.arange(ADDENDS)
    rng = np.random.default_rng(0)
    rows = np.arange(len(right))
    accuracies = [right[rows, rng.integers(0, ADDENDS, len(rows))].mean() for _ in range(evaluations)]
    print(f"sum over all ten addends {right.mean():.3%}; sampled {evaluations} times: std {np.std(accuracies):.3%}, ", end="")
    print(f"from {min(accuracies):.2%} to {max(accuracies):.2%}")
    metrics = seesum.evaluate(run, test=True)
    print(f"loss of the digit {metrics['digit_loss']:.4f}, of the sum {metrics['sum_loss']:.4f}, of both {metrics['loss']:.4f}")


def main() -> None:
    """Parse the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    wide = commands.add_parser("wide", help="train with 18 sum outputs")
    wide.add_argument("--epochs", type=int, default=3, help="epochs of the training")
    figures = commands.add_parser("figures", help="measure a finished run")
    figures.add_argument("run", help="a finished run of identity-adder")
    arguments = parser.parse_args()
    if arguments.command == "wide":
        measure_wide(arguments.epochs)
    else:
        measure_figures(arguments.run)


if __name__ == "__main__":
    main()
