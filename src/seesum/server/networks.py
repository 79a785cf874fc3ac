"""The networks that answer: the server's own, and the shipped ones, each loaded when a request first names it."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seesum.reading.reader import Reader
from seesum.runs.names import DEFAULT_RUN
from seesum.runs.run import Run, find_run
from seesum.runs.shipped import list_shipped, names_shipped
from seesum.server.adder import describe_adder
from seesum.server.limits import RequestError

OWN = ""
"""The name of the network with which the server was started, in requests that name none."""
LOADING = threading.Lock()
"""Networks are loaded one after the other, since loading changes the environment for a moment."""


class Networks:
    """All networks of a server. Memory is bounded, since only shipped networks can be added, each once."""

    def __init__(self, reader: Reader, about: dict[str, Any], own: str = OWN) -> None:
        """Take the server's own network.

        Args:
            reader: answers with it.
            about: the JSON of GET /adder, as ``describe_adder`` returns it.
            own: its name, if it is a shipped network.
        """
        self.own = own
        self.readers, self.adders = {OWN: reader}, {OWN: json.dumps(about).encode()}
        self.shipped = {name: find_run(name).recipe for name in list_shipped()}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def find(self, name: str) -> str:
        """Return the key in ``readers`` and ``adders`` of the network with this name. Load it first if it is new.

        Raises:
            RequestError: 422 if no shipped network has this name.
        """
        if name and name == self.own:
            return OWN
        if name not in self.shipped:
            names = ", ".join(self.shipped)
            raise RequestError(422, f"there is no network {name[:40]!r}; name one of {names}, or leave the network out")
        if name not in self.readers:
            if name not in self._tasks:
                self._tasks[name] = asyncio.create_task(self._add(name))
            await asyncio.shield(self._tasks[name])  # others may wait for it, too
        return name

    async def _add(self, name: str) -> None:
        try:
            reader, about = await asyncio.to_thread(load_network, name)
            self.readers[name], self.adders[name] = reader, json.dumps(about).encode()
        finally:
            del self._tasks[name]

    def describe(self) -> dict[str, Any]:
        """Return the JSON of GET /networks: the server's own network and the shipped ones, without loading any."""
        own = self.readers[OWN].recipe
        shipped = [
            {"name": name, "system": recipe.system, "adder": recipe.adder, "operation": recipe.operation}
            for name, recipe in self.shipped.items()
        ]
        values = {"name": self.own or None, "system": own.system, "adder": own.adder, "operation": own.operation}
        return {"own": values, "shipped": shipped}


def load_network(source: Any) -> tuple[Reader, dict[str, Any]]:
    """Load a network with one thread, and describe how it adds. More threads would only compete with the server."""
    with LOADING, _use_one_thread():
        reader = Reader.load(source)
        return reader, describe_adder(reader)


def name_shipped(source: object) -> str:
    """Return the name of the shipped network that a user means with ``serve(source)``; ``OWN`` if it is not a shipped one."""
    if isinstance(source, Run):
        return source.directory.name if source.shipped else OWN
    name = DEFAULT_RUN if source is None else source
    return name if isinstance(name, str) and names_shipped(name) else OWN


@contextmanager
def _use_one_thread() -> Iterator[None]:
    """Let networks that are loaded now have one thread, unless the user has set a number."""
    own = "OMP_NUM_THREADS" not in os.environ
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        yield
    finally:
        if own:
            del os.environ["OMP_NUM_THREADS"]
