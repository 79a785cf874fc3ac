"""What the environment tells libraries before they are imported: how long threads spin, and that nothing is reported home."""

from __future__ import annotations

import os
import sys
from types import ModuleType

from seesum.base.errors import import_extra

SPINS = "100000"
"""Turns for which an OpenMP thread of torch waits actively at a barrier, before it sleeps.

GNU OpenMP's own default spins for seconds where there are as many cores as threads. As soon as another process wants a core,
each barrier then waits for a thread that is not running. Rows: results/contention.csv.
"""
SPIN_SETTINGS = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
"""A user who has set one of these keeps it."""
TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""ONNX Runtime 1.29 and newer reports to its maker unless this is set when it is imported. Its API call comes too late: on
import it has already written a device id into the user's cache."""


def limit_spinning() -> None:
    """Set how long torch's threads spin, unless the user has set it or torch is imported already."""
    if "torch" not in sys.modules and not os.environ.keys() & set(SPIN_SETTINGS):
        os.environ[SPIN_SETTINGS[0]] = SPINS


def import_onnxruntime() -> ModuleType:
    """Import ONNX Runtime with its telemetry off. The environment is left as it was.

    Raises:
        JobError: it is not installed; the sentence says how to install it.
    """
    before = os.environ.get(TELEMETRY)
    os.environ[TELEMETRY] = "1"
    try:
        runtime = import_extra("onnxruntime", "export")
    finally:
        if before is None:
            del os.environ[TELEMETRY]
        else:
            os.environ[TELEMETRY] = before
    runtime.disable_telemetry_events()  # for a program that imported it before us
    return runtime
