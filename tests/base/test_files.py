"""base/files.py: round trips, damage, and files that are never half-written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from seesum.base.errors import InputError
from seesum.base.files import load_tensors, read_csv, save_tensors, write_atomically, write_csv
from seesum.runs.run import Run


def test_tensors_round_trip(tmp_path: Path) -> None:
    tensors = {
        "weights": torch.randn(3, 4, 5).transpose(0, 2),
        "step": torch.tensor(7.0),
        "state": torch.arange(9, dtype=torch.uint8),
        "count": torch.tensor(3),
    }
    path = tmp_path / "x.safetensors"
    save_tensors(path, tensors, {"epoch": 3, "name": "é"})
    read, metadata = load_tensors(path)
    assert metadata == {"epoch": 3, "name": "é"}
    assert set(read) == set(tensors)
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"weights": torch.arange(6.0)}, {"epoch": 3})
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        with pytest.raises(InputError, match=r"x\.safetensors"):
            load_tensors(path)
    path.write_bytes(whole[:-3])
    with pytest.raises(InputError, match=r"x\.safetensors"):
        load_tensors(path)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    write_atomically(path, "old")

    def fail(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_written_files_can_be_read_by_others(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        write_atomically(tmp_path / "x", b"1")
    finally:
        os.umask(umask)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


def test_rows_round_trip(tmp_path: Path) -> None:
    write_csv(tmp_path / "history.csv", [{"epoch": 1, "loss": 0.123456789012345}, {"epoch": 2, "loss": 0.5}])
    assert Run(tmp_path).read_rows("history.csv") == [{"epoch": 1, "loss": 0.123456789012345}, {"epoch": 2, "loss": 0.5}]
    assert Run(tmp_path).read_rows("steps.csv") == []


def test_a_text_is_no_csv_without_rows(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    assert read_csv(tmp_path / "empty.csv") == []
    (tmp_path / "notes.csv").write_text("what I meant to keep\n")
    with pytest.raises(InputError, match="has text but no rows"):
        read_csv(tmp_path / "notes.csv")


def test_no_pickle_in_the_package() -> None:
    package = Path(__file__).parents[2] / "src" / "seesum"
    words = ("pickle", "torch.load", "torch.save", "joblib", "allow_pickle")
    for path in package.rglob("*.py"):
        code = [line.replace("allow_pickle=False", "") for line in path.read_text().splitlines() if "never pickle" not in line]
        assert not [line for line in code if any(word in line for word in words)], path


def test_a_failed_rename_leaves_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "full").touch()
    with pytest.raises(OSError, match="x"):
        write_atomically(tmp_path / "x", "new")
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_a_text_may_hold_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    write_atomically(tmp_path / "x", os.fsdecode(b"\xff") + "é")
    assert (tmp_path / "x").read_text(encoding="utf-8") == "\\udcffé"
