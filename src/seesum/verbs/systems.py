"""The verb systems: list the systems with their parameters, adder and results."""

from __future__ import annotations

from typing import Any


def systems() -> list[dict[str, Any]]:
    """Return a row for each system, in the order of ``SYSTEMS``, with its parameters, adder and results.

    The results are None for systems that are only teachers.
    """
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
