"""Record where a figure comes from: versions, hardware, commit, data and command."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from seesum.base.devices import resolve_device
from seesum.base.errors import join_names
from seesum.base.recipe import Recipe
from seesum.base.settings import FLAGS, format_change
from seesum.data.idx import TURNS, Dataset
from seesum.networks.systems import find_system
from seesum.runs.run import Run

PACKAGES = ("torch", "numpy", "scipy", "pillow", "safetensors")


def describe_origin(
    recipe: Recipe, mnist: Dataset, data: str | os.PathLike[str] | None, device: str, test: bool, monitor: Sequence[str]
) -> dict[str, Any]:
    """Return the fields of ``run.json`` other than the recipe: evaluation, start, command, versions, commit, hardware, data."""
    source = describe_data(mnist, data)
    return {
        "evaluation": {"test": test, "monitor": list(monitor)},
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": write_command(recipe, source, test),
        "versions": collect_versions(),
        "commit": find_commit(),
        "hardware": describe_hardware(resolve_device(device).type, recipe.precision),
        "data": source,
    }


def describe_data(mnist: Dataset, data: str | os.PathLike[str] | None) -> dict[str, Any]:
    """Return where a data set was read (None for the embedded one), the SHA-256 of its files, and how it was turned."""
    source = {"directory": None if data is None else str(Path(data).resolve()), "sha256": mnist.sha256}
    return source | dict.fromkeys(mnist.turns, True)


def write_command(recipe: Recipe, source: dict[str, Any], test: bool) -> str:
    """Write the command line that trains a recipe and evaluates the same images."""
    words = ["seesum", "train", recipe.system]
    for name, value in recipe.changes_from(find_system(recipe.system).recipe).items():
        words += [f"--{name.replace('_', '-')}", str(value)] if name in FLAGS else ["--set", format_change(name, value)]
    return shlex.join([*words, *["--test"] * test, *_name_data(source)])


def _name_data(source: dict[str, Any]) -> list[str]:
    """Return the options with which a command reads the same images."""
    folder = ["--data", source["directory"]] if source["directory"] else []
    return [*folder, *(f"--{name}" for name in TURNS if source.get(name))]


def collect_versions() -> dict[str, str]:
    """Return the versions of seesum, Python and the packages on which a figure depends."""
    import seesum

    return {
        "seesum": seesum.__version__,
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def describe_hardware(device: str, precision: str) -> dict[str, str | int]:
    """Describe the machine: processor, cores, threads, GPU, and the precision of a run."""
    import torch

    gpu = torch.cuda.get_device_name() if device == "cuda" else ""
    return {
        "processor": _name_processor(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "device": device,
        "gpu": gpu,
        "precision": precision,
        "platform": platform.platform(),
    }


def compare_machine(run: Run, device: str) -> str:
    """Return the sentence for a run that goes on in other circumstances, which may change the last digits of its weights.

    It is empty where threads, device, processor and torch are those with which the run was started.
    """
    import torch

    here = {"threads": torch.get_num_threads(), "device": device, "processor": _name_processor(), "torch": version("torch")}
    known = {**run.info["hardware"], **run.info["versions"]}
    started = {name: known[name] for name, value in here.items() if known.get(name, value) != value}
    if not started:
        return ""
    was = join_names(f"{name} {value}" for name, value in started.items())
    now = join_names(f"{name} {here[name]}" for name in started)
    return f"{run.directory} was started with {was} and goes on with {now}: its weights may differ in the last digits"


def origin_columns(*names: str) -> dict[str, str]:
    """Return the first columns of a row in results/: date, commit, processor, and named fields of hardware and versions."""
    hardware = describe_hardware("cpu", "")
    known = {**hardware, **collect_versions()}
    origin = {"date": time.strftime("%Y-%m-%d"), "commit": find_commit(), "processor": str(hardware["processor"])}
    return origin | {name: str(known[name]) for name in names}


def find_commit() -> str:
    """Return the commit of this package's checkout, with ``+`` where it has changes; empty if the package is installed."""
    package = Path(__file__).parents[1]

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(package), *words], capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", "__init__.py") is None:
        return ""
    commit = git("rev-parse", "--short=12", "HEAD") or ""
    return commit + ("+" if git("status", "--porcelain", "--", str(package)) else "")


def _name_processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
