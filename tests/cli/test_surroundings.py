"""cli/*.py in unusual surroundings: other encodings, no home directory, a full disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import seesum
from seesum.cli import app as cli

PROGRAM = [sys.executable, "-m", "seesum"]
PICTURE = Path(__file__).parents[2] / "examples" / "three.png"


def run_program(words: list[Any], folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run seesum in a folder, with these additions to the environment."""
    return subprocess.run([*PROGRAM, *words], cwd=folder, env=os.environ | environment, capture_output=True, check=False)


@pytest.mark.parametrize("encoding", ["cp1252", *(pytest.param(one, marks=pytest.mark.slow) for one in ("ascii", "utf-8"))])
@pytest.mark.parametrize("name", ["три.png".encode(), b"\xff.png"])
def test_every_encoding_prints_every_name(tmp_path: Path, encoding: str, name: bytes) -> None:
    """A letter that the encoding lacks is printed in some other way, and the plot gets its own name."""
    picture = tmp_path / os.fsdecode(name)
    picture.write_bytes(PICTURE.read_bytes())
    plot = os.fsdecode(b"plot-" + name)
    plain = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = run_program(["predict", picture.name, "--add", "1", "--plot", plot], tmp_path, **plain)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    printed = b"plot-" if encoding == "ascii" else plot.encode(encoding, errors="backslashreplace")
    assert b"The picture is in " + printed in done.stdout
    assert (tmp_path / plot).stat().st_size > 1000
    missing = run_program(["evaluate", picture.stem], tmp_path, **plain)
    assert missing.returncode == 2
    assert missing.stderr.startswith(b"seesum: ")
    assert missing.stderr.count(b"\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can take a user id without a name")
def test_nobody_without_a_home_trains(tmp_path: Path) -> None:
    """A container may run a user id that has neither a name nor a home directory. Then nothing is cached."""
    code = "import os, sys\nos.setresuid(54321, 0, 0)\nsys.argv[0] = 'seesum'\nfrom seesum.cli.app import main\nmain()\n"
    words = ["predict", "--random", "2", "--add", "3", "--run", "fast"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test image") == 2
    assert list(tmp_path.iterdir()) == []  # not even a folder ~


def test_a_cache_on_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """The files are 47 MB, and this process may write 1 MB."""
    code = (
        "import resource, seesum\nresource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "print(len(seesum.load_mnist().train.digits))\n"
    )
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "60000\n", done.stderr
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.stat().st_size < 1_000_000 and not path.name.startswith(".") for path in left), left


def test_an_unforeseen_error_gets_a_sentence_and_debug_shows_where(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a second line\nis left out")

    monkeypatch.setattr(seesum, "systems", fail, raising=False)
    done = command("systems")
    assert done.code == 1
    assert done.err == (
        "seesum: this is an error of seesum itself (ZeroDivisionError: a second line); report it with what this prints: "
        "seesum --debug COMMAND ...\n"
    )
    monkeypatch.setattr(sys, "argv", ["seesum", "--debug", "systems"])
    with pytest.raises(ZeroDivisionError):
        cli.main()
