"""The verb check: prove an installation. Nothing heavy is imported unless a check needs it."""

from __future__ import annotations

import hashlib
import os
import platform
import runpy
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from seesum import __version__
from seesum.base.errors import InputError, JobError, join_names, shorten_error
from seesum.runs.names import RUNS
from seesum.runs.shipped import SHIPPED, list_shipped

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OK, MISSING, BROKEN = "ok", "missing", "broken"
"""What a finding can be. Only a broken one keeps an installation from working."""
CHECKSUMS = SHIPPED / "SHA256SUMS"
"""The checksums of the shipped files, as ``sha256sum`` writes and checks them. CONTRIBUTING.md has the command."""
PICTURE, ADDEND = 0, 7
"""The test image that is answered, and its addend."""
EXPECTED = (7, 14, 0.99917)
"""What ``hand`` answers: the digit, the sum, and the confidence."""
TOLERANCE = 0.001
"""Other processors and versions round differently."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    what: str
    state: str
    """``ok``, ``missing`` or ``broken``."""
    detail: str
    """A version, a place, or what is wrong and what to do."""


@dataclass(frozen=True)
class Installation:
    """What ``check`` found."""

    findings: tuple[Finding, ...]

    @property
    def works(self) -> bool:
        """Whether nothing is broken. Something may still be missing."""
        return not self._list(BROKEN)

    def __str__(self) -> str:
        """Return one sentence: whether the installation works, and what is broken or missing."""
        if not self.works:
            return f"This installation does not work: {join_names(self._list(BROKEN))} cannot be relied on"
        missing = self._list(MISSING)
        return "This installation works" + (f", without {join_names(missing)}" if missing else "")

    def _list(self, state: str) -> list[str]:
        return [one.what for one in self.findings if one.state == state]


def check() -> Installation:
    """Check packages, extras, the shipped files, the answer to one picture, the device and the folders.

    An error becomes a finding, and the other checks go on. torch is imported only where its build can use a GPU, since that
    import alone takes seconds.
    """
    findings = [Finding("seesum", OK, f"{__version__}, Python {platform.python_version()}, {platform.platform()}")]
    parts: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("packages", _check_packages),
        ("shipped files", _check_files),
        ("an answer", _check_answer),
        ("device", _check_device),
        ("folders", _check_folders),
    )
    for what, find in parts:
        try:
            findings += find()
        except Exception as error:  # a broken package may raise anything, and the other checks still help
            findings.append(Finding(what, BROKEN, _explain(error)))
    return Installation(tuple(findings))


def _explain(error: Exception) -> str:
    """Return what went wrong, and what to do where that is known."""
    if isinstance(error, InputError | JobError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return f"this needs {error.name}, which is not installed; install it with: pip install {error.name}"
    return f"{shorten_error(error)}; install seesum and its packages again"


def _check_packages() -> Iterator[Finding]:
    """Find what this package's own metadata require: first the packages that it always needs, then those of each extra."""
    from packaging.requirements import Requirement

    try:
        metadata = distribution("seesum").metadata
    except PackageNotFoundError:
        yield Finding("packages", MISSING, "seesum runs from its source, so its requirements are not recorded; pip install it")
        return
    required = [Requirement(text) for text in metadata.get_all("Requires-Dist") or ()]
    for one in required:
        if one.marker is None or one.marker.evaluate({"extra": ""}):
            yield _find_package(one)
    for extra in metadata.get_all("Provides-Extra") or ():
        found = [_find_package(one) for one in _list_extra(required, extra)]
        lacking = [one.what for one in found if one.state != OK]
        if lacking:
            detail = f'lacks {join_names(lacking)}; install it with: pip install "seesum[{extra}]"'
            yield Finding(f"[{extra}]", MISSING, detail)
        else:
            yield Finding(f"[{extra}]", OK, ", ".join(f"{one.what} {one.detail}" for one in found))


def _list_extra(required: list[Requirement], extra: str) -> list[Requirement]:
    """Return what an extra requires on this machine. An extra may name others of seesum."""
    own = [one for one in required if one.marker and one.marker.evaluate({"extra": extra}) and not _is_core(one)]
    inner = [
        other for one in own if one.name == "seesum" for name in sorted(one.extras) for other in _list_extra(required, name)
    ]
    return list({one.name: one for one in [*own, *inner] if one.name != "seesum"}.values())


def _is_core(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _find_package(requirement: Requirement) -> Finding:
    name = requirement.name
    try:
        there = version(name)
    except PackageNotFoundError:
        detail = f'some commands need it; install it with: pip install "{name}{requirement.specifier}"'
        return Finding(name, MISSING, detail)
    if not requirement.specifier.contains(there, prereleases=True):
        detail = f'{there} does not do; install another with: pip install "{name}{requirement.specifier}"'
        return Finding(name, BROKEN, detail)
    return Finding(name, OK, there)


def _check_files() -> Iterator[Finding]:
    """Compare the shipped files with their recorded checksums: a finding for each network, and one for MNIST."""
    wrong: dict[str, list[str]] = {}
    for line in CHECKSUMS.read_text("utf-8").splitlines():
        digest, _, name = line.partition("  ")
        path = SHIPPED / name
        problems = wrong.setdefault(path.parent.name, [])
        if not path.is_file():
            problems.append(f"{path.name} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            problems.append(f"{path.name} is damaged (its SHA-256 is not the recorded one)")
    for name in list_shipped():
        if name not in wrong:
            wrong[name] = [f"no checksum is recorded in {CHECKSUMS.name}"]
    for folder, problems in wrong.items():
        if problems:
            yield Finding(folder, BROKEN, f"{join_names(problems)}; install seesum again")
        else:
            yield Finding(folder, OK, "its files have the recorded checksums")


def _check_answer() -> Iterator[Finding]:
    """Answer a test image of MNIST with the network that answers by default. ONNX Runtime or torch answers it."""
    import numpy as np

    from seesum.data.embedded import read_embedded_file
    from seesum.data.idx import NAMINGS, parse_idx
    from seesum.reading.reader import Reader

    names = NAMINGS["MNIST"].test_images, NAMINGS["MNIST"].test_digits
    images, digits = (parse_idx(read_embedded_file(name), name) for name in names)
    (answer,) = Reader.load().answer_images(images[PICTURE : PICTURE + 1], np.array([ADDEND]))
    digit, sum_, confidence = EXPECTED
    right = (answer.digit, answer.sum) == (digit, sum_) == (digits[PICTURE], digits[PICTURE] + ADDEND)
    if right and abs(answer.confidence - confidence) <= TOLERANCE:
        yield Finding("an answer", OK, f"test image {PICTURE}: {answer!r}")
    else:
        expected = f"{digit} + {ADDEND} = {sum_} with a confidence of {confidence}"
        yield Finding("an answer", BROKEN, f"{answer!r} instead of {expected}; install seesum again")


def _check_device() -> Iterator[Finding]:
    """Find the device that training takes. Only a build of torch that can use a GPU is imported for that."""
    found = find_spec("torch")
    if found is None or found.origin is None:
        yield Finding("device", OK, "cpu; networks are answered by ONNX Runtime, since torch is not installed")
        return
    build = runpy.run_path(str(Path(found.origin).with_name("version.py")))
    if sys.platform != "darwin" and not any(build.get(kind) for kind in ("cuda", "hip")):
        yield Finding("device", OK, "cpu; this build of torch uses no GPU, and was not imported")
        return
    from seesum.base.devices import resolve_device

    yield Finding("device", OK, resolve_device("auto").type)


def _check_folders() -> Iterator[Finding]:
    """Find where runs and prepared files go."""
    from seesum.data.embedded import find_cache

    runs = Path(RUNS).resolve()
    there = next(path for path in (runs, *runs.parents) if path.exists())
    if os.access(there, os.W_OK):
        yield Finding("runs", OK, f"{runs}")
    else:
        yield Finding("runs", MISSING, f"nothing can be written to {there}; give --out, or start seesum in another folder")
    cache = find_cache("mnist")
    yield Finding("cache", OK, "none, since there is no home directory" if cache is None else str(cache.parent))
