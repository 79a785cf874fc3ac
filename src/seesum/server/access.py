"""Who may reach the server: the names that requests may use, the origins of other pages, and the path in front of its own."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seesum.base.errors import InputError

LOOPBACK = re.compile(rb"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)
"""Hosts that name this machine. Any port is allowed: behind a tunnel it is another one, and the name alone stops rebinding."""
PORT = re.compile(rb":\d{1,5}\Z")
NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", re.IGNORECASE)
"""A host as requests write it: a name, an IPv4 address, or an IPv6 address in brackets."""
ORIGIN = re.compile(rf"(https?)://({NAME.pattern})(:\d{{1,5}})?/?", re.IGNORECASE)
PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,200}")
"""Characters that an address may have after its ``#`` as they are."""
SAFE = ("GET", "HEAD", "OPTIONS")
"""Methods of requests that change nothing, and whose answers a browser shows to no page of another origin."""
OPEN = frozenset({"/", "/docs", "/openapi.json", "/health", "/ready"})
"""Paths that need no token: the page, which then sends it, the description of the API, and checks by other programs."""
USUAL_PORTS = {"http": ":80", "https": ":443"}
"""Browsers leave these out of an origin."""


@dataclass(frozen=True)
class Access:
    """Which requests are answered, and for whom browsers may read the answers."""

    any_host: bool = False
    """Answer whatever ``Host`` a request names. Otherwise only names of this machine and ``hosts`` are answered. So a page of
    somebody else gets nothing when its name is made to point here (DNS rebinding)."""
    hosts: frozenset[bytes] = frozenset()
    """Further names that are answered, in lower case and without a port."""
    origins: frozenset[bytes] = frozenset()
    """Pages of these origins may read answers (CORS)."""
    root_path: str = ""
    """The path under which a proxy offers the server, such as ``/seesum``. The proxy may keep it or take it away."""
    token: bytes = b""
    """What a request must send as ``Authorization: Bearer TOKEN``, except for the paths in ``OPEN``; empty for no token."""

    def allows_host(self, host: bytes) -> bool:
        """Return whether a request with this ``Host`` is answered."""
        return self.any_host or LOOPBACK.fullmatch(host) is not None or PORT.sub(b"", host).lower() in self.hosts

    def allows_sender(self, method: str, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether a request comes from a page of this server or of an allowed origin, or from no page.

        A browser sends a simple POST of any page, and only keeps the answer from it. So the server itself refuses such a
        request. The browser tells where it comes from in ``Sec-Fetch-Site``, or else in ``Origin``. Programs send neither.
        These are the rules of ``CrossOriginProtection`` in Go's ``net/http``.
        """
        origin = headers.get(b"origin", b"").lower()
        if method in SAFE or origin in self.origins:
            return True
        if site := headers.get(b"sec-fetch-site", b""):
            return site in (b"same-origin", b"none")
        return not origin or origin.partition(b"://")[2] == headers.get(b"host", b"").lower() != b""

    def allows_token(self, path: str, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether a request has the token, or needs none. The time of the comparison tells nothing about the token."""
        if not self.token or path in OPEN:
            return True
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self.token)

    def find_path(self, path: str) -> str:
        """Return a request's path within the server, without the root path. It is empty for the root path alone."""
        root = self.root_path
        return path[len(root) :] if root and (path == root or path.startswith(root + "/")) else path


def parse_access(
    host: str, allow_host: Sequence[str] = (), allow_origin: Sequence[str] = (), root_path: str = "", token: str = ""
) -> Access:
    """Parse what a user allows.

    Args:
        host: the address that the server listens on. One that other machines can reach is open to any ``Host``, unless
            ``allow_host`` names some.
        allow_host: names under which the server is reached, such as ``digits.school.example``.
        allow_origin: origins of pages that may read answers, such as ``https://school.example``.
        root_path: the path in front of the server's own paths, such as ``/seesum``.
        token: what requests must send as ``Authorization: Bearer TOKEN``; empty for no token.

    Raises:
        InputError: a name, an origin, the path or the token is not valid.
    """
    hosts = frozenset(_parse_host(name) for name in _as_list(allow_host))
    origins = frozenset(_parse_origin(origin) for origin in _as_list(allow_origin))
    path = root_path.removesuffix("/")
    if path and not PATH.fullmatch(path):
        raise InputError(f"the root path is {root_path!r}; expected a path that begins with a slash, such as /seesum")
    if token and not TOKEN.fullmatch(token):
        raise InputError(
            "the token must have 16 to 200 letters, digits or characters of -._~; make one with: "
            "python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return Access(not hosts and not is_loopback(host), hosts, origins, path, token.encode())


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host."""
    return LOOPBACK.fullmatch(bracket(host).encode()) is not None


def bracket(host: str) -> str:
    """Return a host as it is written in an address; an IPv6 address gets brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _as_list(values: Sequence[str]) -> Sequence[str]:
    return [values] if isinstance(values, str) else values


def _parse_host(name: str) -> bytes:
    try:
        written = bracket(name).encode("idna").decode()
    except UnicodeError:
        written = ""
    if not NAME.fullmatch(written):
        raise InputError(f"the host to allow is {name!r}; expected a name without scheme, port or path, such as school.example")
    return written.lower().encode()


def _parse_origin(origin: str) -> bytes:
    found = ORIGIN.fullmatch(origin)
    if not found:
        raise InputError(
            f"the origin to allow is {origin!r}; expected one with a scheme and no path, such as https://school.example"
        )
    scheme, host, port = found[1].lower(), found[2].lower(), found[4] or ""
    return f"{scheme}://{host}{'' if port == USUAL_PORTS[scheme] else port}".encode()
