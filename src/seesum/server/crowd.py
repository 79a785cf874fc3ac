"""All connections of a server: bounds on their number, and an end for those that make no progress."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Protocol

from seesum.server.limits import Limits


class Member(Protocol):
    """A connection, as the crowd sees it."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    @property
    def address(self) -> str:
        """The client's address."""

    @property
    def idleness(self) -> int:
        """0 if the server works for the client, 1 if it waits for it, 2 if the client sends ahead or does not read."""

    def is_late(self, now: float) -> bool:
        """Whether the client has kept the server waiting for too long."""


class Crowd:
    """All open connections.

    Where one is too many, the server closes one whose client sends ahead or does not read, or else the oldest one whose client
    it waits for. An honest client is through in milliseconds. One that only holds connections open loses them to others.
    """

    def __init__(self, limits: Limits) -> None:
        """Start without connections."""
        self.limits = limits
        self._members: dict[Member, None] = {}
        self._of_address: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, member: Member) -> None:
        """Count a new connection. Close another one, or this one, if there are too many."""
        if self._of_address[member.address] >= self.limits.address:
            self._make_room(member, member.address)
        elif len(self._members) >= self.limits.connections:
            self._make_room(member)
        self._members[member] = None
        self._of_address[member.address] += 1
        if self._timer is None:
            self._timer = member.loop.call_later(self.limits.receiving / 10, self._close_late, member.loop)

    def remove(self, member: Member) -> None:
        """Forget a connection."""
        if member in self._members:
            del self._members[member]
            self._of_address[member.address] -= 1
            if not self._of_address[member.address]:
                del self._of_address[member.address]

    def _make_room(self, new: Member, address: str = "") -> None:
        """Close the connection with the least right to stay, or the new one if the server works for all of them."""
        others = (member for member in self._members if address in ("", member.address))
        oldest = max(others, key=lambda member: member.idleness)  # the first of several
        if oldest.idleness:
            self.remove(oldest)
            oldest.transport.abort()
        else:
            new.transport.abort()

    def _close_late(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close all connections whose clients are late. This runs ten times in ``limits.receiving``."""
        now = loop.time()
        for member in list(self._members):
            if member.is_late(now):
                member.transport.abort()
        self._timer = loop.call_later(self.limits.receiving / 10, self._close_late, loop) if self._members else None
