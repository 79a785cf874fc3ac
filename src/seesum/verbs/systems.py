"""The verb systems: list the systems with their parameters, adder and results."""

from __future__ import annotations

from typing import Any

from seesum.base.environment import with_own_torch_settings


@with_own_torch_settings
def systems() -> list[dict[str, Any]]:
    """Return a row for each system, in the order of ``SYSTEMS``, with its parameters, adder and results.

    The results are None for systems that are only teachers.
    """
    import torch

    from seesum.networks.network import count_parameters
    from seesum.networks.systems import SYSTEMS, build_network

    with torch.random.fork_rng(devices=[]):  # a network starts with random weights
        parameters = {name: count_parameters(build_network(system.recipe)) for name, system in SYSTEMS.items()}
    return [
        {
            "system": name,
            "parameters": parameters[name],
            "adder": system.recipe.adder,
            "epochs": system.recipe.epochs,
            "digit_accuracy": system.result and system.result.digit,
            "sum_accuracy": system.result and system.result.sum,
            "runs": system.result and system.result.runs,
            "summary": system.summary,
        }
        for name, system in SYSTEMS.items()
    ]
