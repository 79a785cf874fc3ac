"""Measure a network that is being trained: after every epoch, and at the end."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from seesum.base.errors import JobError
from seesum.data.idx import LabelledImages
from seesum.data.splits import Splits
from seesum.measuring.evaluation import compute_metrics, predict_every_addend
from seesum.networks.network import count_parameters
from seesum.training.state import State
from seesum.training.tracking import STEP_METRICS


def evaluate_run(state: State, splits: Splits, test: bool) -> dict[str, Any]:
    """Return what ``metrics.json`` holds of a run whose training has ended.

    Args:
        state: with the final weights.
        splits: the images of the run.
        test: evaluate the test images, also where there are validation images.
    """
    recipe = state.recipe
    labelled, name = splits.evaluation_images(test)
    return {
        "evaluated_on": name,
        **evaluate_state(state, labelled),
        "parameters": count_parameters(state.network),
        "train_seconds": state.seconds,
        "epochs": state.epoch,
        "seed": recipe.seed,
        "system": recipe.system,
        "adder": recipe.adder,
        **(state.kept.to_metrics() if state.kept else {}),
    }


def evaluate_state(state: State, labelled: LabelledImages) -> dict[str, float | int]:
    """Return the metrics of the network with its averaged weights, where it has them, on images with every addend.

    Raises:
        JobError: the answers are not numbers.
    """
    with state.averaged() as network:
        probabilities = predict_every_addend(network, labelled.images, state.recipe, state.device)
    if not np.isfinite(probabilities.sum_p).all():  # weights that are numbers may be too large to compute with
        raise JobError(f"the answers stopped being numbers in epoch {state.epoch}; train with a smaller --lr")
    return compute_metrics(probabilities, labelled, state.recipe)


def summarise_epoch(state: State, means: dict[str, float], monitor: dict[str, LabelledImages]) -> dict[str, Any]:
    """Return the row of ``history.csv`` for the epoch that has just ended.

    Args:
        state: after the epoch.
        means: the means over its steps.
        monitor: the images to evaluate, by the name of their split.
    """
    row: dict[str, Any] = {"epoch": state.epoch, "train_seconds": state.seconds, **means}
    for split, labelled in monitor.items():
        metrics = evaluate_state(state, labelled)
        row |= {f"{split}_{name}": metrics[name] for name in STEP_METRICS}
    return row


def refuse_divergence(state: State, loss: float, is_teacher: bool) -> None:
    """Make sure that loss and weights are numbers. The last step may spoil the weights without showing in any loss.

    Raises:
        JobError: they are not. Nothing of this epoch has been written.
    """
    weights = [*state.network.state_dict().values(), *state.average.values()]
    finite = all(bool(torch.isfinite(one).all()) for one in weights if one.is_floating_point())
    if not (finite and math.isfinite(loss)):
        advice = f"leave the teacher {state.recipe.system} out" if is_teacher else "train with a smaller --lr"
        what = "weights" if math.isfinite(loss) else "loss"
        raise JobError(f"the {what} stopped being numbers in epoch {state.epoch}; {advice}")
