"""The files of MNIST that come with the package, and the user's cache, where they lie decompressed."""

from __future__ import annotations

import contextlib
import hashlib
import lzma
from importlib.resources import files
from pathlib import Path

from seesum.base.errors import InputError
from seesum.base.files import write_atomically

CANONICAL_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""SHA-256 of the canonical MNIST files, uncompressed."""


def read_embedded_file(name: str) -> bytes:
    """Return the uncompressed bytes of an embedded file.

    They come from the cache if its checksum is right. Otherwise the file is decompressed and cached.
    """
    expected = CANONICAL_SHA256[name]
    folder = find_cache("mnist")
    with contextlib.suppress(OSError):
        data = b"" if folder is None else (folder / name).read_bytes()
        if hashlib.sha256(data).hexdigest() == expected:
            return data
    try:
        data = lzma.decompress((files("seesum") / "data" / "mnist" / f"{name}.xz").read_bytes())
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise InputError(f"the embedded file {name}.xz cannot be read ({error}); install seesum again") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise InputError(f"the embedded file {name}.xz is not the canonical one; install seesum again")
    with contextlib.suppress(OSError):  # without a cache, each run takes a second longer
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / name, data)
    return data


def find_cache(name: str) -> Path | None:
    """Return a folder of a name in the user's cache, which may not exist; None for a user without a home directory."""
    import platformdirs

    try:
        folder = Path(platformdirs.user_cache_dir("seesum", appauthor=False)) / name
    except RuntimeError:  # what platformdirs raises where it finds no home; older ones return a path from "~" on
        return None
    return folder if folder.is_absolute() else None
