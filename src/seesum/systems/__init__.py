"""The systems: network + recipe + results, one file each. Add a system here."""

from __future__ import annotations

from seesum.network import Network, System
from seesum.recipe import Recipe, pick
from seesum.systems.best import BEST
from seesum.systems.deep import DEEP
from seesum.systems.fast import FAST
from seesum.systems.hand import HAND
from seesum.systems.hard_fusion import HARD_FUSION
from seesum.systems.identity_adder import IDENTITY_ADDER
from seesum.systems.logit import LOGIT
from seesum.systems.micro import MICRO
from seesum.systems.plain import PLAIN
from seesum.systems.squeeze import SQUEEZE
from seesum.systems.tiny import TINY
from seesum.systems.wide import WIDE

SYSTEMS: dict[str, System] = {
    system.recipe.system: system
    for system in (SQUEEZE, WIDE, IDENTITY_ADDER, HARD_FUSION, LOGIT, FAST, BEST, HAND, TINY, MICRO, PLAIN, DEEP)
}
DEFAULT_SYSTEM = FAST.recipe.system
"""What ``train`` trains when no system is named."""


def find_system(name: str) -> System:
    """The system of that name.

    Raises:
        InputError: an unknown name; the sentence lists the known ones.
    """
    return pick(SYSTEMS, name, "system")


def build_network(recipe: Recipe) -> Network:
    """The network that a recipe trains, with fresh weights from torch's global generator.

    Raises:
        InputError: an unknown system, adder or operation, or an adder that cannot represent the operation.
    """
    return find_system(recipe.system).build_network(recipe)
