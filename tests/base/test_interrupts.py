"""base/interrupts.py: Ctrl-C during imports is not lost, and TERM and HUP end a job as Ctrl-C does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seesum.base.interrupts import end_as_interrupted, end_in_imports

SWALLOWING = "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\nexcept BaseException:\n    pass\n"
"""A package that catches every exception while it is imported."""


def run_code(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


def test_ctrl_c_during_an_import_ends_the_program(tmp_path: Path) -> None:
    (tmp_path / "swallowing.py").write_text(SWALLOWING)
    code = "from seesum.base.interrupts import end_in_imports\nwith end_in_imports():\n    import swallowing\nprint('went on')"
    done = run_code(code, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_elsewhere_is_an_interrupt() -> None:
    with end_in_imports(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_is_an_interrupt_first_and_the_end_then(tmp_path: Path, name: str) -> None:
    code = f"""
import os, signal
from seesum.base.interrupts import end_as_interrupted
with end_as_interrupted():
    try:
        signal.raise_signal(signal.{name})
    except KeyboardInterrupt:
        print("cleaned up", flush=True)
print("went on", flush=True)
"""
    done = run_code(code, tmp_path)
    assert (done.returncode, done.stdout) == (-getattr(signal, name), "cleaned up\n")


def test_handlers_of_the_program_stay() -> None:
    seen: list[int] = []
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with end_as_interrupted():
            os.kill(os.getpid(), signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
        assert seen == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
