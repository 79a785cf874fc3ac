"""A network on images with every addend -> a forecast, ready to be measured. The encoder runs once per image, not ten times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seesum.metrics import Forecast, measure_forecast, measure_pairs
from seesum.mnist import Images, Part
from seesum.recipe import Recipe
from seesum.task import ADDENDS, OPERATIONS, find_held_out

if TYPE_CHECKING:
    import torch

    from seesum.network import Network


def forecast_every(network: Network, images: Images, recipe: Recipe, device: torch.device) -> Forecast:
    """What a network says of each image with every addend, in float32 and in evaluation mode.

    Args:
        network: its mode (training or evaluation) is left as it was.
        images: uint8 [N, 28, 28].
        recipe: says how images are normalised.
        device: where the network is.

    Returns:
        Probabilities [N, 10, 10] and [N, 10, S].
    """
    import torch

    from seesum.batches import normalise
    from seesum.devices import use_cudnn

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
    return Forecast(np.concatenate(digit_p), np.concatenate(sum_p))


def measure_answers(forecast: Forecast, part: Part, recipe: Recipe) -> dict[str, float | int]:
    """Metrics of a forecast over all images of a part x 10 addends; with pairs held out, also on exactly those."""
    operation = OPERATIONS[recipe.operation]
    apart = measure_pairs(forecast, part.digits, operation, find_held_out(recipe))
    return measure_forecast(forecast, part.digits, operation) | {f"held_out_{name}": value for name, value in apart.items()}
