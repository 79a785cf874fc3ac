"""Run directories and their files: atomic, checked, never pickle."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seesum.calibration import Calibration
from seesum.mnist import load_mnist
from seesum.recipe import LATEST, InputError, Recipe
from seesum.task import Splits, split_images

if TYPE_CHECKING:
    from torch import Tensor

    from seesum.network import Network

RUNS = "runs"
"""The folder, under the current one, that holds runs without ``--out``."""
SHIPPED = Path(__file__).parent / "data" / "networks"
"""Runs that come with the package, each in a folder with the name by which it is asked for."""
DEFAULT_RUN = "hand"
"""The shipped network that answers where no run is named."""


@dataclass(frozen=True)
class Run:
    """A run directory, and what is in it."""

    directory: Path

    @cached_property
    def info(self) -> dict[str, Any]:
        """``run.json``: recipe, what is measured, versions, data, hardware, commit, command.

        Raises:
            InputError: it is missing, damaged, or of another version of seesum.
        """
        path = self.directory / "run.json"
        info = _read_json(path)
        for name in ("recipe", "measured", "data", "versions", "hardware", "commit", "command", "started"):
            if name not in info:
                raise InputError(f"{path} lacks {name!r}: it is damaged, or of another version; train the run anew")
        return info

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe that ran, whole."""
        return Recipe.from_dict(self.info["recipe"])

    @property
    def metrics(self) -> dict[str, Any]:
        """``metrics.json``, written when a run is finished."""
        return _read_json(self.directory / "metrics.json")

    @property
    def shipped(self) -> bool:
        """Whether the run came with the package: then nothing may be written to it."""
        return self.directory.parent == SHIPPED

    @cached_property
    def calibration(self) -> Calibration:
        """``calibration.json``, or the default of networks that have none."""
        path = self.directory / "calibration.json"
        if not path.is_file():
            return Calibration()
        values = _read_json(path)
        try:
            return Calibration(float(values["temperature"]), float(values["unsure_below"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is damaged ({error}); calibrate the run anew") from error

    @property
    def trained(self) -> bool:
        """Whether its weights are final; the run may not be measured yet, and a teacher never is."""
        return (self.directory / "weights.safetensors").is_file()

    @property
    def finished(self) -> bool:
        """Whether the run has reached its end."""
        return (self.directory / "metrics.json").is_file()

    def read_rows(self, name: str) -> list[dict[str, float]]:
        """Rows of ``history.csv`` (one per epoch) or ``steps.csv`` (one per step); none if it is not there."""
        return [{key: float(value) for key, value in row.items()} for row in read_csv(self.directory / name)]

    def load_network(self) -> Network:
        """The network with its final weights and its temperature, in evaluation mode, on the CPU.

        Raises:
            InputError: the weights are missing, damaged, or not this network's.
        """
        from seesum.systems import build_network

        path = self.directory / "weights.safetensors"
        if not path.is_file():
            raise InputError(f"{self.directory} has no weights yet; finish it with: seesum train --resume {self.directory}")
        tensors, _ = load_tensors(path)
        network = build_network(self.recipe)
        try:
            network.load_state_dict(tensors)
        except RuntimeError as error:
            raise InputError(f"{path} does not fit the network {self.recipe.system!r}; train the run anew") from error
        network.temperature = self.calibration.temperature
        return network.eval()

    def load_splits(self, data: str | os.PathLike[str] | None = None) -> Splits:
        """The images of the run, from where it had them or from the folder ``data``.

        Raises:
            InputError: the data cannot be read, or is not the data that the run was made with.
        """
        return load_run_splits(self.info, self.recipe, self.directory, data)


def load_run_splits(
    info: Mapping[str, Any], recipe: Recipe, source: Path | str, data: str | os.PathLike[str] | None = None
) -> Splits:
    """``Run.load_splits`` for what a run says of itself; ``source`` is what a message calls it."""
    mnist = load_mnist(data if data is not None else info["data"]["directory"])
    if mnist.sha256 != info["data"]["sha256"]:
        raise InputError(f"the data is not what {source} was made with (its SHA-256 differs); give that data with --data")
    return split_images(mnist, recipe)


def create_run(recipe: Recipe, info: Mapping[str, Any], out: str | os.PathLike[str] | None = None) -> Run:
    """A new run directory with its ``run.json``.

    Args:
        recipe: the one that will run; kept whole.
        info: what else ``run.json`` says.
        out: the directory; None for ``runs/<system>-<date>-<time>-s<seed>``.

    Raises:
        InputError: the directory exists and is not empty, or cannot be made.
    """
    directory = Path(out) if out is not None else _name_run(recipe)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise InputError(f"{directory} exists and is not empty; give --out a new directory")
    except OSError as error:
        raise InputError(f"{directory} cannot be made a run directory ({error}); give --out another") from error
    write_json(directory / "run.json", {**info, "recipe": recipe.to_dict()})
    return Run(directory)


def _name_run(recipe: Recipe) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = itertools.chain([""], (f"-{count}" for count in itertools.count(2)))
    places = (Path(RUNS) / f"{recipe.system}-{stamp}-s{recipe.seed}{suffix}" for suffix in names)
    return next(place for place in places if not place.exists())


def list_shipped() -> list[str]:
    """Names of the networks that come with the package."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/run.json"))


def find_run(source: str | os.PathLike[str] | Run | None = None) -> Run:
    """The run that a user means.

    Args:
        source: a Run, a shipped network's name, ``latest``, a run directory, or None for the shipped ``hand``. A name wins
            over a folder of that name, which is written ``./hand``.

    Raises:
        InputError: there is no such run; the sentence says how to make one.
    """
    if isinstance(source, Run):
        return source
    name = DEFAULT_RUN if source is None else source
    if isinstance(name, str) and name in list_shipped():
        return Run(SHIPPED / name)
    if name == LATEST:
        finished = [path for path in Path(RUNS).glob("**/metrics.json") if (path.parent / "run.json").is_file()]
        if not finished:
            raise InputError(f"there is no finished run under {Path(RUNS).resolve()}; make one with: seesum train")
        return Run(max(finished, key=lambda path: path.stat().st_mtime).parent)
    directory = Path(name)
    if directory.is_file():
        raise InputError(f"{directory} is a file, but this needs a run directory or a shipped network ({_join_shipped()})")
    if not (directory / "run.json").is_file():
        raise InputError(
            f"{directory} is neither a run directory (it has no run.json) nor a shipped network "
            f"({_join_shipped()}) nor a file; make a run with: seesum train"
        )
    return Run(directory)


def _join_shipped() -> str:
    return ", ".join(list_shipped())


def refuse_shipped(run: Run) -> None:
    """Make sure that a run may be written to.

    Raises:
        InputError: it came with the package.
    """
    if run.shipped:
        raise InputError(f"{run.directory.name} came with seesum and is not written to; name a run of your own")


def check_file(path: str | os.PathLike[str]) -> Path:
    """The path of a file about to be written.

    Raises:
        InputError: its folder does not exist, or it is a folder itself.
    """
    target = Path(path)
    if not target.parent.is_dir() or target.is_dir() or not os.access(target.parent, os.W_OK):
        raise InputError(f"{target} cannot be written; give a file in a folder that exists and may be written to")
    return target


def make_folder(path: str | os.PathLike[str]) -> Path:
    """A folder for results, made if it is not there.

    Raises:
        InputError: it cannot be made.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be made a folder ({error}); give --out another") from error
    return Path(path)


def write_atomically(path: Path, data: str | bytes) -> None:
    """Write beside and rename, so that the file is whole or absent, whatever happens."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as beside:
        try:
            beside.write(data.encode() if isinstance(data, str) else data)
            beside.flush()
            os.fsync(beside.fileno())
        except BaseException:
            Path(beside.name).unlink()
            raise
    umask = os.umask(0)
    os.umask(umask)
    Path(beside.name).chmod(0o666 & ~umask)
    Path(beside.name).replace(path)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """One object, indented."""
    write_atomically(path, json.dumps(values, indent=2, allow_nan=False) + "\n")


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as CSV under a header of the first row's keys."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys() if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue())


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV that ``write_csv`` wrote; none if it is not there.

    Raises:
        InputError: it is no CSV.
    """
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error}); give another file") from error


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any] | None = None) -> None:
    """Tensors as safetensors, with JSON metadata and a SHA-256 over both."""
    from safetensors.torch import save

    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(metadata or {}, sort_keys=True)
    # one key, since safetensors writes several in no fixed order: the same tensors give the same bytes
    write_atomically(path, save(kept, {"seesum": json.dumps({"metadata": text, "sha256": _digest(kept, text)})}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata that ``save_tensors`` wrote.

    Raises:
        InputError: the file cannot be read, or its checksum is not that of its content.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            stored = json.loads((file.metadata() or {}).get("seesum", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); it is damaged, so train the run anew") from error
    text = stored.get("metadata", "")
    if _digest(tensors, text) != stored.get("sha256"):
        raise InputError(f"{path} is damaged (its checksum is wrong); train the run anew")
    return tensors, json.loads(text)


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise TypeError("not an object")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} cannot be read ({error}); the run is unfinished or damaged") from error
    return values
