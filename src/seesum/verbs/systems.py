"""The verb systems: list the systems with their parameters, adder and results."""

from __future__ import annotations

from typing import Any

from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.progress import say


@with_own_torch_settings
def systems() -> list[dict[str, Any]]:
    """Return a row for each system, in the order of ``SYSTEMS``, with its parameters, adder, results and where it comes from.

    The results are None for systems that are only teachers, and for those of other packages. A system of a package that cannot
    be used is left out, and standard error says why.
    """
    import torch

    from seesum.networks.network import count_parameters
    from seesum.networks.systems import SYSTEMS, build_network

    known = SYSTEMS.load_all(say)
    parameters: dict[str, int] = {}
    with torch.random.fork_rng(devices=[]):  # a network starts with random weights
        for name, system in known.items():
            try:
                parameters[name] = count_parameters(build_network(system.recipe))
            except InputError as error:
                say(f"the system {name} cannot be used: {error}")
    origins = {name: SYSTEMS.find_origin(name) for name in parameters}
    return [
        {
            "system": name,
            "parameters": parameters[name],
            "adder": system.recipe.adder,
            "epochs": system.recipe.epochs,
            "digit_accuracy": system.result and system.result.digit,
            "sum_accuracy": system.result and system.result.sum,
            "runs": system.result and system.result.runs,
            "from": "seesum" if (origin := origins[name]) is None else origin.reference,
            "summary": system.summary,
        }
        for name, system in known.items()
        if name in parameters
    ]
