"""A network on images with every addend -> a forecast, ready to be measured. The encoder runs once per image, not ten times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seesum.metrics import Forecast
from seesum.mnist import Images
from seesum.recipe import Recipe
from seesum.task import ADDENDS

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

    was_training = network.training
    network.eval()
    digit_p, sum_p = [], []
    with torch.inference_mode():
        for start in range(0, len(images), 1000):
            image = normalise(images[start : start + 1000], recipe, device)
            encoded = network.encode(image.contiguous(memory_format=torch.channels_last))
            addends = torch.arange(ADDENDS, device=device)
            outputs = [network.add(encoded, addend.expand(len(image))) for addend in addends]
            digit_p.append(torch.stack([output.digit_logp for output in outputs], 1).exp().cpu().numpy())
            sum_p.append(torch.stack([output.sum_logp for output in outputs], 1).exp().cpu().numpy())
    network.train(was_training)
    return Forecast(np.concatenate(digit_p), np.concatenate(sum_p))
