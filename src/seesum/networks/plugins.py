"""What users bring: references and things are turned into names of the registries, and a run's names are looked for there.

A run keeps only names and where they came from. Opening it never imports anything: a user names the file or the package again.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeAlias

from torch import nn

from seesum.base.errors import InputError, join_names
from seesum.base.recipe import Recipe
from seesum.base.references import FORMS, Origin, Plugin, describe_origin_of, is_reference, load_reference
from seesum.base.registry import Registry, look_up, make_name
from seesum.data.operations import OPERATIONS, Operation
from seesum.networks.adders import ADDERS
from seesum.networks.contract import Adder
from seesum.networks.system import System
from seesum.networks.systems import SYSTEMS, find_system

REGISTRIES: dict[str, Registry[Any]] = {one.what: one for one in (SYSTEMS, ADDERS, OPERATIONS)}
"""What can be registered, by the word for it."""
SystemLike: TypeAlias = str | System | nn.Module | type[nn.Module] | Callable[[], nn.Module]
"""How a user names a system: by name, by reference, by a ``System``, or by a module, its class, or what builds it."""


def register(thing: Any, name: str | None = None) -> list[str]:
    """Make a system, an adder or an operation known by its name, to recipes and to runs that are opened.

    Args:
        thing: a ``System``; a subclass of ``Adder``; an ``Operation``; an encoder or a whole network, as a class, a function
            that builds it, or a module; or a reference to one of these, ``file.py:NAME`` or ``package.module:NAME``. A
            reference without NAME registers every ``System``, ``Operation`` and adder that the file defines.
        name: its name; None for the one that it has, or one made of the name of its class.

    Returns:
        The names under which it is registered now.

    Raises:
        InputError: the reference leads nowhere, the thing is nothing that can be registered, or a built-in one has the name.
    """
    if not isinstance(thing, str):
        return [_register_one(thing, name, None)]
    module, named, origin = load_reference(thing)
    if named is not module:
        return [_register_one(named, name, origin)]
    things = _list_things(module)
    if not things:
        raise InputError(f"{thing} defines no System, Adder or Operation of seesum; name what you mean, as {FORMS}")
    if name is not None:
        raise InputError(f"{thing} defines {join_names(things)}; to name one of them, write it as {FORMS}")
    return [_register_one(one, None, Origin(f"{thing}:{key}", origin.sha256)) for key, one in things.items()]


def resolve_system(given: SystemLike | None, default: str) -> System:
    """Return the system that a user means: by name, by reference, or the thing itself, which is registered first.

    Raises:
        InputError: there is no such system, or the thing can be none.
    """
    if given is None:
        return find_system(default)
    if isinstance(given, str) and (given in SYSTEMS or not is_reference(given)):
        return find_system(given)
    if isinstance(given, System) and given.recipe.system in SYSTEMS and SYSTEMS[given.recipe.system] is given:
        return given
    names = register(given)
    systems = [name for name in names if name in SYSTEMS]
    if len(systems) != 1:
        found = f"systems {join_names(systems)}" if systems else "no system"
        raise InputError(f"{given} defines {found}; name one, as {FORMS}")
    return SYSTEMS[systems[0]]


def resolve_adder(given: str | type[Adder]) -> str:
    """Return the name of the adder that a user means: by name, by reference, or the class itself, which is registered first.

    Raises:
        InputError: there is no such adder, or the thing can be none.
    """
    name = _resolve_name(given, ADDERS)
    look_up(ADDERS, name, "adder")
    return name


def resolve_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes of a recipe with names in place of references and things for adder, operation and teachers.

    Raises:
        InputError: a reference leads nowhere, or a thing is none of its kind.
    """
    resolved = dict(changes)
    for field, registry in (("adder", ADDERS), ("operation", OPERATIONS)):
        if resolved.get(field) is not None:
            resolved[field] = _resolve_name(resolved[field], registry)
    if isinstance(resolved.get("teachers"), tuple | list):
        resolved["teachers"] = tuple(resolve_system(one, "").recipe.system for one in resolved["teachers"])
    return resolved


def list_plugins(recipe: Recipe) -> list[Plugin]:
    """Return what a recipe names that is not built in, and where it comes from."""
    named = [*(("system", name) for name in dict.fromkeys([recipe.system, *recipe.teachers]))]
    named += [("adder", recipe.adder), ("operation", recipe.operation)]
    plugins: list[Plugin] = []
    for kind, name in named:
        registry = REGISTRIES[kind]
        origin = registry.find_origin(name) if name in registry else None
        if origin is not None:
            plugins.append({"kind": kind, "name": name, "reference": origin.reference, "sha256": origin.sha256})
    return plugins


def check_plugins(plugins: Sequence[Plugin], user: str) -> list[str]:
    """Make sure that everything is known that a run names and that is not built in.

    Args:
        plugins: as ``run.json`` has them.
        user: who needs them, for messages.

    Returns:
        A sentence for each source that has changed since.

    Raises:
        InputError: something is unknown; the sentence says how to give it.
    """
    changed = []
    for plugin in plugins:
        kind, name, reference = plugin["kind"], plugin["name"], plugin["reference"]
        registry = REGISTRIES.get(kind)
        if registry is None or name not in registry:
            place = f"came from {reference}" if reference else "was defined in an interactive session"
            how = f"--plugin {shlex.quote(reference)}" if reference else "--plugin FILE.py:NAME"
            python = f"seesum.register({reference!r})" if reference else "seesum.register(...)"
            raise InputError(
                f"{user} uses the {kind} {name}, which {place} and is not known here; give it with {how}, or in Python with "
                f"{python}, if you trust that code"
            )
        origin = registry.find_origin(name)
        if origin and plugin["sha256"] and origin.sha256 and origin.sha256 != plugin["sha256"]:
            changed.append(f"{origin.reference} has changed since {user} was made with its {kind} {name}")
    return changed


def _register_one(thing: Any, name: str | None, origin: Origin | None) -> str:
    """Register one thing in the registry of its kind, and return its name."""
    registry: Registry[Any]
    if isinstance(thing, type) and issubclass(thing, Adder):
        registry, own = ADDERS, make_name(thing)
    elif isinstance(thing, Operation):
        registry, own = OPERATIONS, thing.name
        if not (own or name):
            raise InputError('this Operation has no name; give one: seesum.Operation(..., name="distance")')
    elif isinstance(thing, System):
        registry, own = SYSTEMS, thing.recipe.system
    else:
        registry, own = SYSTEMS, make_name(thing)
    chosen = name or own
    registry.register(chosen, thing, origin or describe_origin_of(thing))
    return chosen


def _list_things(module: ModuleType) -> dict[str, Any]:
    """Return the systems, adders and operations that a module defines itself, by name."""
    own = {}
    for key, value in vars(module).items():
        is_adder = isinstance(value, type) and issubclass(value, Adder) and value.__module__ == module.__name__
        if not key.startswith("_") and (is_adder or isinstance(value, System | Operation)):
            own[key] = value
    return own


def _resolve_name(given: Any, registry: Registry[Any]) -> str:
    """Return the name of what a user gives for a field: a name, a formula, a reference, or the thing itself."""
    if isinstance(given, str) and (given in registry or not is_reference(given)):
        return given
    if registry is OPERATIONS and callable(given):
        given = Operation(given)
    if isinstance(given, Operation) and not given.name:
        return given.formula
    if not isinstance(given, str):
        name = given.name if isinstance(given, Operation) else make_name(given)
        registry.register(name, given)
        return name
    names = [name for name in register(given) if name in registry]
    if len(names) != 1:
        found = f"{registry.what}s {join_names(names)}" if names else f"no {registry.what}"
        raise InputError(f"{given} defines {found}; name one, as {FORMS}")
    return names[0]
