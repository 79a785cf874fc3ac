"""The systems, one file each: an encoder, a recipe and its results. Add a new built-in system to ``SYSTEMS`` here.

What users bring is registered in ``SYSTEMS`` too: see ``seesum.register``.
"""

from __future__ import annotations

from seesum.base.recipe import Recipe
from seesum.base.registry import Registry, look_up
from seesum.networks.network import Network
from seesum.networks.system import System, adapt_system
from seesum.networks.systems.best import BEST
from seesum.networks.systems.deep import DEEP
from seesum.networks.systems.fast import FAST
from seesum.networks.systems.hand import HAND
from seesum.networks.systems.hard_fusion import HARD_FUSION
from seesum.networks.systems.identity_adder import IDENTITY_ADDER
from seesum.networks.systems.lenet import LENET
from seesum.networks.systems.logit import LOGIT
from seesum.networks.systems.micro import MICRO
from seesum.networks.systems.plain import PLAIN
from seesum.networks.systems.squeeze import SQUEEZE
from seesum.networks.systems.tiny import TINY
from seesum.networks.systems.wide import WIDE

SYSTEMS: Registry[System] = Registry(
    "system",
    {
        system.recipe.system: system
        for system in (SQUEEZE, WIDE, IDENTITY_ADDER, HARD_FUSION, LOGIT, FAST, BEST, HAND, TINY, MICRO, PLAIN, DEEP, LENET)
    },
    "seesum.systems",
    adapt_system,
)
DEFAULT_SYSTEM = FAST.recipe.system
"""The system that ``train`` trains if none is named."""


def find_system(name: str) -> System:
    """Return the system with this name. Names come from files of runs, too, so nothing is imported that only a name gives.

    Raises:
        InputError: the name is unknown. The message lists the known names.
    """
    return look_up(SYSTEMS, name, "system")


def build_network(recipe: Recipe) -> Network:
    """Build the network that a recipe trains, with initial weights from torch's global random generator.

    Raises:
        InputError: the system, adder or operation is unknown, the adder cannot represent the operation, or a user's encoder or
            adder breaks its contract.
    """
    return find_system(recipe.system).build_network(recipe)
