"""The verb systems: the systems with their parameters, adder and results."""

from __future__ import annotations

from typing import Any


def systems() -> list[dict[str, Any]]:
    """List every system with its parameters, adder and results (None for those that only teach), in the order of ``SYSTEMS``."""
    from seesum.networks.network import count_parameters
    from seesum.networks.systems import SYSTEMS, build_network

    return [
        {
            "system": name,
            "parameters": count_parameters(build_network(system.recipe)),
            "adder": system.recipe.adder,
            "epochs": system.recipe.epochs,
            "digit_accuracy": system.result and system.result.digit,
            "sum_accuracy": system.result and system.result.sum,
            "runs": system.result and system.result.runs,
            "summary": system.summary,
        }
        for name, system in SYSTEMS.items()
    ]
