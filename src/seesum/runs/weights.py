"""Put the weights of a file into a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seesum.base.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from seesum.networks.network import Network


def fill_network(network: Network, tensors: Mapping[str, Tensor], path: Path, system: str, changed: Sequence[str]) -> None:
    """Give a network the tensors of the file ``path``. ``changed`` says which sources have changed since they were written.

    Raises:
        InputError: they do not fit the network, or hold numbers that are none.
    """
    import torch

    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = f", perhaps because {changed[0]}" if changed else ""
        raise InputError(f"{path} does not fit the network {system!r}{reason}; train the run anew") from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{path} holds numbers that are none, in {name}; train the run anew with a lower --lr")
