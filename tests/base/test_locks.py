"""base/locks.py and what base/files.py leaves behind: one process at a time, and nothing of a killed one."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seesum.base.errors import InputError
from seesum.base.files import list_leftovers, write_atomically
from seesum.base.locks import LOCK, hold_folder

HOLD = """
import sys, time
from pathlib import Path
from seesum.base.locks import hold_folder
with hold_folder(Path(sys.argv[1]), "busy"):
    print("held", flush=True)
    time.sleep(60)
"""
STOP_WHILE_WRITING = """
import os, sys, time
from pathlib import Path
from seesum.base.files import write_atomically
def wait(descriptor):
    print("writing", flush=True)
    time.sleep(60)
os.fsync = wait
write_atomically(Path(sys.argv[1]), "half")
"""


@contextmanager
def run_code(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run Python code until it has printed a line. It is killed at the end of the block."""
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    refused = pytest.raises(InputError, match=r"^somebody else$")
    with run_code(HOLD, tmp_path), refused, hold_folder(tmp_path, "somebody else"):
        pytest.fail("two processes hold it")
    for _ in range(2):
        with hold_folder(tmp_path, "somebody else"):
            pass
    assert not list(tmp_path.iterdir())


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    with run_code(HOLD.replace("60", "0.3"), tmp_path), hold_folder(tmp_path, "somebody else", patience=30):
        pass


def test_where_no_folder_can_be_locked_a_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Network drives refuse the lock on a folder with this error, but lock files."""
    flock = fcntl.flock

    def lock_files_alone(descriptor: int, how: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112 (pathlib would resolve a deleted file)
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", lock_files_alone)
    with hold_folder(tmp_path, "busy"):
        assert (tmp_path / LOCK).exists()
        code = HOLD.replace("print", "print('got it'); print")
        code = f"import fcntl, errno, os\nflock = fcntl.flock\n{REFUSE}\nfcntl.flock = refuse\n{code}"
        done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False, timeout=30)
        assert "busy" in done.stderr
        assert done.stdout == ""


REFUSE = """
def refuse(descriptor, how):
    if os.path.isdir(f"/proc/self/fd/{descriptor}"):
        raise OSError(errno.EBADF, "Bad file descriptor")
    flock(descriptor, how)
"""


def test_what_a_killed_writer_left_is_swept_up(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    others = [tmp_path / name for name in (".rows.csv.swp", ".rows.csv.0123456X", ".other.csv.01234567", ".rows.csv")]
    for other in others:
        other.write_text("not ours")
    with run_code(STOP_WHILE_WRITING, path):
        (living,) = list_leftovers(path)
        write_atomically(path, "whole")
        assert list_leftovers(path) == [living], "a living process is writing it"
    assert living.exists()
    write_atomically(path, "whole again")
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])
    assert path.read_text() == "whole again"


def test_a_swept_file_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the making of a temporary file and its lock, another process may sweep it away."""
    flock = fcntl.flock
    swept: list[Path] = []

    def sweep_first(descriptor: int, how: int) -> None:
        if not swept:
            swept.extend(list_leftovers(tmp_path / "x"))
            swept[0].unlink()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    write_atomically(tmp_path / "x", "whole")
    assert (tmp_path / "x").read_text() == "whole"
    assert len(swept) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_the_folder_is_written_to_the_disk_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync, synced = os.fsync, []

    def record(descriptor: int) -> None:
        synced.append((os.path.realpath(f"/proc/self/fd/{descriptor}"), (tmp_path / "x").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    write_atomically(tmp_path / "x", "1")
    assert [renamed for _, renamed in synced] == [False, True]
    assert synced[1][0] == str(tmp_path.resolve())


def test_no_moment_without_a_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The umask belongs to the whole process: files that other threads make meanwhile would be open to everybody."""
    monkeypatch.setattr(os, "umask", lambda _: pytest.fail("the umask is changed"))
    monkeypatch.setattr(os, "chmod", lambda *_: pytest.fail("a file is opened up after it was made"))
    write_atomically(tmp_path / "x", "1")


def test_an_error_names_the_file_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file") as raised:
        write_atomically(tmp_path / "nowhere" / "x", "1")
    assert raised.value.filename == str(tmp_path / "nowhere" / "x")
