"""Prepared pictures in the user's cache, by the content of their files. Preparing them again would take minutes."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from seesum.data.embedded import find_cache
from seesum.data.idx import SIDE
from seesum.reading.preprocessing import Prepared, join_ways

PACKAGES = ("numpy", "opencv-python-headless", "pillow")
"""Other versions of these may prepare a picture otherwise."""
CHECK = 16
"""Bytes of the checksum of an entry."""
WAY = 1 + SIDE * SIDE
"""Bytes of one way in which a picture was prepared: the number of digits found, and the image."""
PATIENCE = 5.0
"""Seconds to wait for another process that writes into the cache."""


def find_prepared(keys: Iterable[bytes]) -> dict[bytes, Prepared]:
    """Return what the cache has of these pictures. It is empty where there is no cache, or where it is damaged."""
    found: dict[bytes, Prepared] = {}
    with suppress(sqlite3.Error, OSError), _open_cache() as connection:
        for key in keys:
            row = connection.execute("SELECT content FROM prepared WHERE picture = ?", (key,)).fetchone()
            prepared = None if row is None else _unpack(key, row[0])
            if prepared is not None:
                found[key] = prepared
    return found


def store_prepared(pictures: Mapping[bytes, Prepared]) -> None:
    """Put pictures into the cache, without their steps. Where that fails, they are prepared again next time."""
    if not pictures:
        return
    rows = [(key, _pack(key, prepared)) for key, prepared in pictures.items()]
    with suppress(sqlite3.Error, OSError), _open_cache() as connection, connection:
        connection.executemany("INSERT OR REPLACE INTO prepared VALUES (?, ?)", rows)


def hash_picture(data: bytes) -> bytes:
    """Return the key of a picture: the SHA-256 of its file."""
    return hashlib.sha256(data).digest()


@contextmanager
def _open_cache() -> Iterator[sqlite3.Connection]:
    """Open the file for today's way of preparing, and remove those for earlier ways.

    Raises:
        OSError: there is no folder for a cache.
        sqlite3.Error: the file is damaged; it is removed.
    """
    folder = find_cache("pictures")
    if folder is None:
        raise FileNotFoundError("there is no folder for a cache")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_hash_preparation()}.sqlite"
    for other in folder.glob("*.sqlite"):
        if other != path:
            with suppress(OSError):
                other.unlink()
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS prepared (picture BLOB PRIMARY KEY, content BLOB) WITHOUT ROWID")
            yield connection
    except sqlite3.OperationalError:  # another process is writing, or the disk is full
        raise
    except sqlite3.DatabaseError:
        path.unlink(missing_ok=True)
        raise


@cache
def _hash_preparation() -> str:
    """Return a digest of all code that prepares pictures."""
    digest = hashlib.sha256(" ".join(map(version, PACKAGES)).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _pack(key: bytes, prepared: Prepared) -> bytes:
    ways = (prepared, *prepared.others)
    content = b"".join(bytes([min(way.digits_found, 255)]) + way.image.tobytes() for way in ways)
    return _check(key, content) + content


def _unpack(key: bytes, entry: object) -> Prepared | None:
    """Return the picture in an entry, or None if the entry is damaged."""
    content = entry[CHECK:] if isinstance(entry, bytes) else b""
    if not content or len(content) % WAY or entry != _check(key, content) + content:
        return None
    ways = np.frombuffer(content, np.uint8).reshape(-1, WAY)
    return join_ways(ways[:, 1:].reshape(-1, SIDE, SIDE), ways[:, 0].tolist())


def _check(key: bytes, content: bytes) -> bytes:
    return hashlib.sha256(key + content).digest()[:CHECK]
