"""Evaluate a network on images with every addend. The encoder runs once per image, not ten times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seesum.base.recipe import Recipe
from seesum.data.idx import Images, LabelledImages
from seesum.data.operations import ADDENDS, find_held_out, find_operation
from seesum.measuring.metrics import Probabilities, compute_pair_metrics, compute_subset_accuracy

if TYPE_CHECKING:
    import torch

    from seesum.networks.network import Network


def predict_every_addend(network: Network, images: Images, recipe: Recipe, device: torch.device) -> Probabilities:
    """Predict the probabilities of both outputs for each image with every addend, in float32 and in evaluation mode.

    Args:
        network: its mode (training or evaluation) is left as it was.
        images: uint8 [N, 28, 28].
        recipe: decides how images are normalised.
        device: where the network is.

    Returns:
        Probabilities [N, 10, 10] and [N, 10, S].
    """
    import torch

    from seesum.base.devices import use_cudnn
    from seesum.data.batches import normalise

    was_training = network.training
    network.eval()
    digit_p, sum_p = [], []
    with torch.inference_mode(), use_cudnn(tf32=False):
        for start in range(0, len(images), 1000):
            image = normalise(images[start : start + 1000], recipe, device)
            encoded = network.encode(image.contiguous(memory_format=torch.channels_last))
            addends = torch.arange(ADDENDS, device=device)
            outputs = [network.add(encoded, addend.expand(len(image))) for addend in addends]
            digit_p.append(torch.stack([output.digit_logp for output in outputs], 1).exp().cpu().numpy())
            sum_p.append(torch.stack([output.sum_logp for output in outputs], 1).exp().cpu().numpy())
    network.train(was_training)
    return Probabilities(np.concatenate(digit_p), np.concatenate(sum_p))


def compute_metrics(probabilities: Probabilities, labelled: LabelledImages, recipe: Recipe) -> dict[str, float | int]:
    """Compute metrics over all images x 10 addends, as in ``metrics.json``.

    Where the recipe holds out pairs, the accuracies on these pairs are added, with ``held_out_`` before their names.
    """
    operation = find_operation(recipe.operation)
    held_out = compute_subset_accuracy(probabilities, labelled.digits, operation, find_held_out(recipe))
    return compute_pair_metrics(probabilities, labelled.digits, operation) | {
        f"held_out_{name}": value for name, value in held_out.items()
    }
