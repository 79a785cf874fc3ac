"""examples/plugin: the package of the tutorial is installed into an environment of its own and used there.

The commands are those of examples/plugin/README.md.
"""

from __future__ import annotations

import re
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "examples" / "plugin"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment that has what this one has, and the package, and return its Python."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False)
    found = place / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    own = Path(subprocess.run([found, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
    (own / "parent.pth").write_text("".join(f"import site; site.addsitedir({one!r})\n" for one in site.getsitepackages()))
    copied = shutil.copytree(PLUGIN, place / "plugin")  # building writes into the folder
    install = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", str(copied)]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(found), *install], check=True, capture_output=True)
    return found


def run(python: Path, *words: str, place: Path) -> str:
    done = subprocess.run([python, "-m", *words], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.slow
def test_it_is_installed_and_used(python: Path, tmp_path: Path, small_data: Path) -> None:
    small = ["--data", str(small_data), "--epochs", "1", "--no-plot"]
    listed = run(python, "seesum", "systems", place=tmp_path)
    assert re.search(r"mixer .*seesum_mixer\.network:MIXER", listed)
    run(python, "seesum", "train", "mixer", "--adder", "shift", "--out", "run", *small, place=tmp_path)
    run(python, "seesum", "train", "mixer", "--operation", "distance", "--out", "distance", *small, place=tmp_path)
    run(python, "seesum", "evaluate", "run", place=tmp_path)
    run(python, "seesum", "export", "run", "--to", "mixer.onnx", place=tmp_path)
    three = str(ROOT / "examples" / "three.png")
    answer = run(python, "seesum", "predict", three, "--add", "7", "--run", "mixer.onnx", place=tmp_path)
    assert "three.png" in answer


@pytest.mark.slow
def test_its_own_tests_pass(python: Path, tmp_path: Path) -> None:
    tests = shutil.copytree(PLUGIN / "tests", tmp_path / "tests")
    run(python, "pytest", "-q", "-p", "no:cacheprovider", str(tests), place=tmp_path)


def test_the_tutorial_shows_its_entry_points() -> None:
    page = (ROOT / "docs" / "tutorials" / "own-network.md").read_text()
    (shown,) = re.findall(r"```toml\n(.*?)```", page, re.S)
    assert shown in (PLUGIN / "pyproject.toml").read_text()
