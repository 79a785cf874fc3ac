"""base/environment.py: threads that wait, a user's own settings, and no telemetry."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from seesum.base.environment import SPIN_SETTINGS, SPINS, TELEMETRY

ROOT = Path(__file__).parents[2]
THREE = ROOT / "examples" / "three.png"
PREDICT = ["-m", "seesum", "predict", str(THREE), "--add", "7"]
API = ["-c", f"import seesum; seesum.Reader.load('fast')({str(THREE)!r}, add=7)"]
SERVE = ["-m", "seesum", "serve", "--port", "0"]


def make_environment(home: Path, **more: str) -> dict[str, str]:
    """Return a new user's environment. On a build server (CI), ONNX Runtime would be silent by itself."""
    names = ("CI", "HOME", "XDG_CACHE_HOME", "OMP_NUM_THREADS", TELEMETRY, *SPIN_SETTINGS)
    return {name: value for name, value in os.environ.items() if name not in names} | {"HOME": str(home), **more}


def run(words: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("words", [PREDICT, API], ids=["command", "python"])
def test_nothing_is_written_to_a_new_home(words: list[str], tmp_path: Path) -> None:
    run(words, make_environment(tmp_path))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_server_writes_nothing_but_its_own_cache(tmp_path: Path) -> None:
    command = [sys.executable, *SERVE, "--json"]
    server = subprocess.Popen(command, env=make_environment(tmp_path), stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        printed = ""
        while "}" not in printed:
            printed += server.stdout.readline()
        address = printed.partition('"address": "')[2].partition('"')[0]
        body = b'--x\r\nContent-Disposition: form-data; name="add"\r\n\r\n7\r\n'
        body += (
            b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
            + THREE.read_bytes()
            + b"\r\n--x--\r\n"
        )
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        with urlopen(Request(f"{address}predict", body, headers)) as reply:
            assert b'"digit": 3' in reply.read()
    finally:
        server.terminate()
        server.communicate(timeout=40)
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.parts[:3] == (".cache", "seesum", "mnist") for path in files), files


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("words", [PREDICT, API], ids=["command", "python"])
def test_nothing_goes_to_the_network(words: list[str], tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    watched = ["-f", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(trace), sys.executable]
    subprocess.run(["strace", *watched, *words], env=make_environment(tmp_path), capture_output=True, check=True)
    calls = [line for line in trace.read_text().splitlines() if "AF_INET" in line or "sendto(" in line]
    assert calls == []


def test_the_environment_is_as_it_was_after_onnx_runtime(tmp_path: Path) -> None:
    program = "import os, seesum; seesum.systems; before = dict(os.environ); seesum.Reader.load('fast'); "
    program += "assert dict(os.environ) == before"
    for setting in ({}, {TELEMETRY: "0"}):
        run(["-c", program], make_environment(tmp_path, **setting))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        pytest.param({}, SPINS, id="none"),
        pytest.param({"GOMP_SPINCOUNT": "7"}, "7", id="count", marks=pytest.mark.slow),
        pytest.param({"OMP_WAIT_POLICY": "ACTIVE"}, "None", id="policy", marks=pytest.mark.slow),
    ],
)
def test_a_user_keeps_a_setting_for_threads(setting: dict[str, str], expected: str, tmp_path: Path) -> None:
    program = "import os, seesum; seesum.train; print(os.environ.get('GOMP_SPINCOUNT'))"
    assert run(["-c", program], make_environment(tmp_path, **setting)).strip() == expected


def test_torch_that_was_imported_before_keeps_its_threads(tmp_path: Path) -> None:
    """It has read its settings by then."""
    program = "import torch, os, seesum; seesum.train; print(os.environ.get('GOMP_SPINCOUNT'))"
    assert run(["-c", program], make_environment(tmp_path)).strip() == "None"


def test_importing_seesum_sets_nothing(tmp_path: Path) -> None:
    program = "import os; before = dict(os.environ); import seesum; assert dict(os.environ) == before"
    run(["-c", program], make_environment(tmp_path))
