"""How the learning rate changes over the steps of a run."""

from __future__ import annotations

import math
from collections.abc import Callable

from seesum.base.recipe import Recipe

SCHEDULES: dict[str, Callable[[float, Recipe], float]] = {
    "constant": lambda _, __: 1.0,
    "one-cycle": lambda done, recipe: _one_cycle(done, recipe.warmup),
    "triangle": lambda done, recipe: _triangle(done, recipe.warmup),
}
"""Share of the steps done (0 to 1) -> factor on the learning rate. A schedule has no state: the step decides everything."""


def _one_cycle(done: float, warmup: float) -> float:
    """Rise linearly from 1 % to the peak, then fall to zero along a cosine (after Smith 2018, arXiv 1803.09820)."""
    if done < warmup:
        return 0.01 + 0.99 * done / warmup
    return 0.5 + 0.5 * math.cos(math.pi * (done - warmup) / (1 - warmup))


def _triangle(done: float, warmup: float) -> float:
    """Rise linearly from 1 % to the peak, then fall linearly to zero."""
    return 0.01 + 0.99 * done / warmup if done < warmup else (1 - done) / (1 - warmup)
