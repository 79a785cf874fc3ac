"""Record where a figure comes from: versions, hardware, commit, data and command."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from seesum.base.devices import resolve_device
from seesum.base.errors import join_names
from seesum.base.recipe import Recipe
from seesum.base.references import Plugin
from seesum.base.settings import FLAGS, format_change
from seesum.data.embedded import CANONICAL_SHA256
from seesum.data.idx import OPTIONS, Dataset
from seesum.data.sources import Data
from seesum.networks.plugins import list_plugins
from seesum.networks.systems import find_system
from seesum.runs.run import Run
from seesum.runs.starts import Start

PACKAGES = ("torch", "numpy", "scipy", "pillow", "safetensors")


def describe_origin(
    recipe: Recipe,
    mnist: Dataset,
    data: Data | None,
    device: str,
    test: bool,
    monitor: Sequence[str],
    start: Start | None = None,
) -> dict[str, Any]:
    """Return the fields of ``run.json`` other than the recipe.

    They are evaluation, start, command, versions, commit, hardware, data, where what the recipe names comes from, if it is not
    built in, and what a fine-tuned network starts from.
    """
    source = describe_data(mnist, data)
    plugins = list_plugins(recipe)
    base = start.fit_recipe(len(mnist.train.digits)) if start else find_system(recipe.system).recipe
    words = ["--from", start.name] if start else [recipe.system]
    return {
        "evaluation": {"test": test, "monitor": list(monitor)},
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": write_command(["seesum", "train", *words], recipe.changes_from(base), source, test, plugins),
        "versions": collect_versions(),
        "commit": find_commit(),
        "hardware": describe_hardware(resolve_device(device).type, recipe.precision),
        "data": source,
        **({"plugins": plugins} if plugins else {}),
        **({"start_from": start.info} if start else {}),
    }


def describe_data(mnist: Dataset, data: Data | None) -> dict[str, Any]:
    """Return where a data set was read (None for the embedded one, and for arrays), the SHA-256 of its files, and how."""
    place = str(Path(data).resolve()) if isinstance(data, str | os.PathLike) else None
    source = {"directory": place, "sha256": mnist.sha256}
    return source | dict.fromkeys(mnist.turns, True)


def write_command(
    first: Sequence[str], changes: Mapping[str, Any], source: dict[str, Any], test: bool, plugins: Sequence[Plugin] = ()
) -> str:
    """Write the command line that trains a recipe and evaluates the same images.

    Args:
        first: the command, and the words that name the system or the start of a fine-tuned network.
        changes: how the recipe differs from theirs.
        source: the images, as in ``run.json``.
        test: whether it evaluates the test images.
        plugins: what is not built in.
    """
    words = [*first]
    for name, value in changes.items():
        words += [f"--{name.replace('_', '-')}", str(value)] if name in FLAGS else ["--set", format_change(name, value)]
    given = [word for one in dict.fromkeys(plugin["reference"] for plugin in plugins) for word in ("--plugin", one)]
    return shlex.join([*words, *["--test"] * test, *_name_data(source), *given])


def _name_data(source: dict[str, Any]) -> list[str]:
    """Return the options with which a command reads the same images."""
    place = source["directory"]
    if place is None and source["sha256"] != CANONICAL_SHA256:
        place = "arrays given in Python"  # which no command line can give
    flags = (f"--{name.replace('_', '-')}" for name in OPTIONS if source.get(name))
    return [*(["--data", place] if place else []), *flags]


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
