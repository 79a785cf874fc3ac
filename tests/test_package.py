"""seesum/__init__.py: the public names, and the wheel that contains the package."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import seesum

ROOT = Path(__file__).parents[1]


def test_public_names_resolve_after_every_module_was_imported() -> None:
    modules = [info.name for info in pkgutil.walk_packages(seesum.__path__, "seesum.") if info.name != "seesum.__main__"]
    for name in modules:
        importlib.import_module(name)
    assert seesum.__all__ == sorted(seesum.__all__)
    top = {name.split(".")[1] for name in modules}
    for name in seesum.__all__:
        assert getattr(seesum, name) is not None
        assert name not in top, f"the module {name} would hide the function"
    with pytest.raises(AttributeError, match="abacus"):
        _ = seesum.abacus


def test_verbs_are_public_and_have_a_command() -> None:
    from seesum.cli.app import app

    commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
    functions = {name for name in seesum.__all__ if inspect.isfunction(getattr(seesum, name))}
    assert commands == functions - {"datasets", "load_data", "load_mnist", "load_network", "register"}


def test_importing_costs_nothing() -> None:
    code = "import sys, seesum; assert not {'torch', 'numpy', 'typer'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_wheel_in_a_bare_environment(tmp_path: Path) -> None:
    """The environment contains only the wheel. It borrows the dependencies from this environment through PYTHONPATH."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert len([name for name in names if name.startswith("seesum/data/mnist/") and name.endswith(".xz")]) == 4
    assert {"seesum/data/mnist/LICENSE.md", "seesum/py.typed", "seesum/server/page.html"} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "results/"))]

    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", str(bare)], check=True)
    python = bare / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    alone = "import seesum; print(seesum.__file__, seesum.__version__)"
    without = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    printed = subprocess.run(
        [str(python), "-c", alone], check=True, capture_output=True, text=True, cwd=tmp_path, env=without
    ).stdout
    assert str(bare) in printed
    assert seesum.__version__ in printed

    borrowing = {**os.environ, "PYTHONPATH": sysconfig.get_paths()["purelib"], "XDG_CACHE_HOME": str(tmp_path / "cache")}
    code = "import seesum; assert 'bare' in seesum.__file__; print(len(seesum.load_mnist().train.digits))"
    printed = subprocess.run(
        [str(python), "-c", code], check=True, capture_output=True, text=True, env=borrowing, cwd=tmp_path
    ).stdout
    assert printed == "60000\n"
    command = [str(bare / "bin" / "seesum"), "--version"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env=borrowing, cwd=tmp_path).stdout
    assert printed == f"seesum {seesum.__version__}\n"
