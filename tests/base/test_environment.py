"""base/environment.py: threads that wait, a user's own settings, and no telemetry."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

import seesum
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


@pytest.mark.parametrize("words", [PREDICT, API], ids=["command", "python"])
def test_nothing_is_written_to_a_new_home_or_goes_to_the_network(words: list[str], tmp_path: Path) -> None:
    """The network is watched where strace is installed."""
    home, trace = tmp_path / "home", tmp_path / "trace"
    home.mkdir()
    watch = ["strace", "-f", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(trace)] if shutil.which("strace") else []
    subprocess.run([*watch, sys.executable, *words], env=make_environment(home), capture_output=True, check=True)
    assert [path for path in home.rglob("*") if path.is_file()] == []
    lines = trace.read_text().splitlines() if watch else []
    assert [line for line in lines if "AF_INET" in line or "sendto(" in line] == []


def test_the_environment_is_as_it_was_after_onnx_runtime(tmp_path: Path) -> None:
    program = "import os, seesum; seesum.systems; before = dict(os.environ); seesum.Reader.load('fast'); "
    program += "assert dict(os.environ) == before"
    for setting in ({}, {TELEMETRY: "0"}):
        run(["-c", program], make_environment(tmp_path, **setting))


def test_training_sets_how_long_threads_spin_and_does_not_import_the_compiler(tmp_path: Path) -> None:
    """The compiler's import takes a second, as long as the training of ``fast``."""
    program = (
        "import os, sys, seesum; seesum.train('fast', images='400', out=sys.argv[1], plot=False, quiet=True);"
        "print(os.environ.get('GOMP_SPINCOUNT'), 'torch._dynamo' in sys.modules)"
    )
    assert run(["-c", program, str(tmp_path / "run")], make_environment(tmp_path)).strip() == f"{SPINS} False"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        pytest.param({"GOMP_SPINCOUNT": "7"}, "7", id="count"),
        pytest.param({"OMP_WAIT_POLICY": "ACTIVE"}, "None", id="policy"),
    ],
)
def test_a_user_keeps_a_setting_for_threads(setting: dict[str, str], expected: str, tmp_path: Path) -> None:
    program = "import os, seesum; seesum.train; print(os.environ.get('GOMP_SPINCOUNT'))"
    assert run(["-c", program], make_environment(tmp_path, **setting)).strip() == expected


def test_torch_that_was_imported_before_keeps_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has read its settings by then, as in this process."""
    assert "torch" in sys.modules
    for name in SPIN_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    assert callable(seesum.train)
    assert not os.environ.keys() & set(SPIN_SETTINGS)


def test_importing_seesum_sets_nothing(tmp_path: Path) -> None:
    program = "import os; before = dict(os.environ); import seesum; assert dict(os.environ) == before"
    run(["-c", program], make_environment(tmp_path))
