"""How libraries are set up: threads that wait, no telemetry, and torch's ordinary settings while a function runs."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

from seesum.base.errors import import_extra

P = ParamSpec("P")
T = TypeVar("T")

SPINS = "1000"
"""Turns for which an OpenMP thread of torch waits actively at a barrier, before it sleeps.

A thread that spins keeps a core from the thread that it waits for, as soon as other processes want the cores. This is the
number that libgomp itself takes where there are more threads than cores. Larger ones gain nothing alone, and 100,000 made a
training beside one busy process three times as slow as torch's default. results/contention.csv has the rows.
"""
SPIN_SETTINGS = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
"""A user who has set one of these keeps it."""
TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""ONNX Runtime 1.29 and newer reports to its maker unless this is set when it is imported. Its API call comes too late: on
import it has already written a device id into the user's cache."""


def limit_spinning() -> None:
    """Set how long torch's threads spin, unless the user has set it or torch is imported already."""
    if sys.modules.get("torch") is None and not os.environ.keys() & set(SPIN_SETTINGS):
        os.environ[SPIN_SETTINGS[0]] = SPINS


def import_onnxruntime() -> ModuleType:
    """Import ONNX Runtime with its telemetry off. The environment is left as it was.

    Raises:
        JobError: it is not installed; the sentence says how to install it.
    """
    with undo_import_effects():
        os.environ[TELEMETRY] = "1"
        runtime = import_extra("onnxruntime", "export")
    runtime.disable_telemetry_events()  # for a program that imported it before us
    return runtime


@contextmanager
def undo_import_effects() -> Iterator[None]:
    """Put warning filters and environment back after a block that imports a package which needs or changes them."""
    before = dict(os.environ)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def remove_empty_caches() -> Iterator[None]:
    """Remove the empty folder for temporary files that torch's exporter makes when a block imports it."""

    def find_caches() -> set[Path]:
        return {*Path(tempfile.gettempdir()).glob("torchinductor_*")}

    before = find_caches()
    try:
        yield
    finally:
        for folder in find_caches() - before:
            with suppress(OSError):  # it is not empty: another process uses it
                folder.rmdir()


def with_own_torch_settings(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function under torch's ordinary settings, whatever the caller has set, and put the caller's back.

    These are the default dtype and device, autocast, gradients and inference mode. Where torch is not imported yet, they are
    ordinary anyway.
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        if sys.modules.get("torch") is None:
            return function(*args, **kwargs)
        with _use_ordinary_settings():
            return function(*args, **kwargs)

    return wrapped


class _Float32:
    """torch's default dtype, which all threads of a process share: float32 as long as any of them needs it."""

    def __init__(self) -> None:
        """Change nothing yet."""
        self._lock, self._users, self._used = threading.Lock(), 0, False
        self._before: Any = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_again)

    def __enter__(self) -> None:
        """Set float32. The first of several threads keeps what the caller had."""
        import torch

        with self._lock:
            if not self._users:
                self._before = torch.get_default_dtype()
            self._users, self._used = self._users + 1, True
            torch.set_default_dtype(torch.float32)

    def __exit__(self, *_: object) -> None:
        """Put the caller's dtype back, if no other thread needs float32."""
        import torch

        with self._lock:
            self._users = max(0, self._users - 1)
            if not self._users:
                torch.set_default_dtype(self._before)

    def _start_again(self) -> None:
        """Set up a copy of the process that ``fork`` made. Only the thread that called ``fork`` goes on in it."""
        self._lock, self._users = threading.Lock(), 0
        if self._used:
            import torch

            torch.set_num_threads(1)  # with more, torch waits for ever for threads that are only in the other process


_FLOAT32 = _Float32()


@contextmanager
def _use_ordinary_settings() -> Iterator[None]:
    import torch

    with ExitStack() as stack:
        if torch.get_default_device().type != "cpu":  # only then, since it slows every call of torch down
            stack.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(_FLOAT32)
        yield
