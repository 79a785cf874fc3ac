"""verbs/check.py and cli/check.py: what the check says of a whole, a damaged and a small installation."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import seesum
from seesum.runs.shipped import SHIPPED
from seesum.verbs import check as verb

PACKAGE = Path(seesum.__file__).parent


def run_check(python_path: Path, *words: str, block: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own. Packages in ``block`` cannot be imported or found there."""
    code = (
        "import importlib.metadata as metadata, sys\n"
        f"blocked, real = {block!r}, metadata.version\n"
        "def version(name):\n"
        "    if name in blocked:\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "sys.modules |= dict.fromkeys(blocked)\nmetadata.version = version\n"
        "from seesum.cli.app import main\nmain()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(python_path)}
    words_ = [sys.executable, "-c", code, "check", *words]
    return subprocess.run(words_, env=environment, cwd=python_path, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the package to a folder from which Python imports it."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(PACKAGE, folder / "seesum", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_the_checksums_are_those_of_all_shipped_weights_and_of_mnist() -> None:
    recorded = {}
    for line in verb.CHECKSUMS.read_text().splitlines():
        digest, _, name = line.partition("  ")
        recorded[(SHIPPED / name).resolve()] = digest
    there = {*SHIPPED.glob("*/*.safetensors"), *SHIPPED.glob("*/*.onnx"), *(PACKAGE / "data" / "mnist").glob("*.xz")}
    assert recorded == {path.resolve(): hashlib.sha256(path.read_bytes()).hexdigest() for path in there}


def test_a_whole_installation_works(command: Any) -> None:
    done = command("check", "--json")
    assert done.code == 0, done.out
    assert done.err == ""
    assert done.json["works"] is True
    found = {one["what"]: one for one in done.json["findings"]}
    assert not [one for one in found.values() if one["state"] == "broken"]
    assert found["an answer"]["detail"] == "test image 0: Answer(7 + 7 = 14, 99.9 % sure)"
    assert found["torch"]["detail"].startswith("2.")
    assert {"[web]", "[export]", "hand", "mnist", "device", "runs", "cache"} <= found.keys()
    printed = command("check").out
    assert printed.splitlines()[-1].startswith("This installation works")
    assert all(one["what"] in printed for one in found.values())


def test_torch_is_not_imported_where_it_uses_no_gpu() -> None:
    code = "import sys, seesum; found = seesum.check(); print({one.what: one.detail for one in found.findings}['device'])\n"
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    device, imported = done.stdout.splitlines()
    assert imported == str("uses no GPU" not in device)


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_one_flipped_bit_is_found(copied: Path) -> None:
    damaged = {"tiny": "networks/weights/tiny/weights.safetensors", "mnist": "data/mnist/train-images-idx3-ubyte.xz"}
    for name in damaged.values():
        flip(copied / "seesum" / name)
    done = run_check(copied, "--json")
    for name in damaged.values():
        flip(copied / "seesum" / name)
    assert done.returncode == 1
    assert done.stderr == ""
    broken = [one for one in json.loads(done.stdout)["findings"] if one["state"] == "broken"]
    assert [(one["what"], one["detail"]) for one in broken] == [
        (what, f"{Path(name).name} is damaged (its SHA-256 is not the recorded one); install seesum again")
        for what, name in damaged.items()
    ]


def test_several_broken_pieces_each_have_a_line(copied: Path) -> None:
    """The network that answers is damaged, and the checksums are gone. The other checks still run."""
    weights = copied / "seesum" / "networks" / "weights"
    flip(weights / "hand" / "model.onnx")
    (weights / "SHA256SUMS").rename(copied / "SHA256SUMS")
    done = run_check(copied)
    flip(weights / "hand" / "model.onnx")
    (copied / "SHA256SUMS").rename(weights / "SHA256SUMS")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["shipped", "files", "broken"] in [row[:3] for row in rows]
    assert ["an", "answer", "broken", "hand", "is", "damaged,"] in [row[:6] for row in rows]
    assert ["torch", "ok"] in [row[:2] for row in rows]
    assert done.stdout.splitlines()[-1] == "This installation does not work: shipped files and an answer cannot be relied on"


def test_the_small_installation_works_without_torch_and_scipy() -> None:
    done = run_check(PACKAGE.parent, "--json", block=("torch", "scipy", "fastapi"))
    assert done.returncode == 0, done.stderr + done.stdout
    values = json.loads(done.stdout)
    found = {one["what"]: one for one in values["findings"]}
    assert values["works"] is True
    assert found["torch"]["state"] == found["scipy"]["state"] == "missing"
    assert "pip install" in found["torch"]["detail"]
    assert found["[web]"] == {
        "what": "[web]",
        "state": "missing",
        "detail": 'lacks fastapi; install it with: pip install "seesum[web]"',
    }
    assert found["[export]"]["state"] == "ok"
    assert found["device"]["detail"].startswith("cpu; ")


def test_without_torch_and_onnx_runtime_nothing_can_be_answered() -> None:
    done = run_check(PACKAGE.parent, block=("torch", "onnxruntime"))
    assert done.returncode == 1
    assert "this needs torch, which is not installed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_an_extra_may_name_others_and_other_machines() -> None:
    lines = ["numpy>=2", "onnx; extra == 'export'", "seesum[export]; extra == 'docs'", "sphinx; extra == 'docs'"]
    required = [Requirement(line) for line in [*lines, "uvloop; sys_platform == 'abacus' and extra == 'docs'"]]
    assert [one.name for one in verb._list_extra(required, "docs")] == ["sphinx", "onnx"]


def test_a_version_that_is_too_old_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seesum.verbs.check.version", lambda name: "1.0" if name == "numpy" else version(name))
    found = seesum.check()
    assert not found.works
    assert str(found) == "This installation does not work: numpy cannot be relied on"


def test_a_source_without_metadata_is_no_damage(copied: Path) -> None:
    """Without site-packages of seesum, its requirements are not known, but it works."""
    code = (
        "import importlib.metadata as metadata\n"
        "real = metadata.distribution\n"
        "def distribution(name):\n"
        "    if name == 'seesum':\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "metadata.distribution = distribution\n"
        "from seesum.cli.app import main\nmain()\n"
    )
    words = [sys.executable, "-c", code, "check", "--json"]
    environment = os.environ | {"PYTHONPATH": str(copied)}
    done = subprocess.run(words, env=environment, cwd=copied, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "its requirements are not recorded" in done.stdout


def test_a_network_without_a_checksum_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = [line for line in verb.CHECKSUMS.read_text().splitlines() if "  micro/" not in line]
    (tmp_path / "SHA256SUMS").write_text("\n".join(lines))
    monkeypatch.setattr(verb, "CHECKSUMS", tmp_path / "SHA256SUMS")
    (broken,) = [one for one in seesum.check().findings if one.state == "broken"]
    assert (broken.what, "no checksum is recorded" in broken.detail) == ("micro", True)
