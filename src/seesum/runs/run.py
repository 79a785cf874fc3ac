"""Read and write run directories: recipe, weights, metrics and calibration. Find the run that a user names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seesum.base.compatibility import upgrade_calibration, upgrade_run
from seesum.base.environment import with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.files import load_tensors, read_json
from seesum.base.markup import format_table
from seesum.base.progress import say
from seesum.base.recipe import Recipe
from seesum.data.idx import Dataset
from seesum.data.splits import Splits
from seesum.measuring.calibration import Calibration
from seesum.measuring.metrics import METRICS, list_metrics
from seesum.runs.curves import answer_examples, draw_training
from seesum.runs.images import load_run_splits
from seesum.runs.names import DEFAULT_RUN, LATEST, RUNS, write_resume
from seesum.runs.schemas import CalibrationValues, Metrics, RunInfo, check_values, compute_fingerprint, read_rows
from seesum.runs.shipped import SHIPPED, list_shipped, names_shipped
from seesum.runs.weights import fill_network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seesum.networks.network import Network


@dataclass(frozen=True)
class Run:
    """A run directory and its contents."""

    directory: Path

    def __post_init__(self) -> None:
        """Accept a path as text, too."""
        object.__setattr__(self, "directory", Path(self.directory))

    def __repr__(self) -> str:
        """Return one short line."""
        return f"Run({self._name}{'' if self.finished else ', not finished'})"

    @property
    def _name(self) -> str:
        return self.directory.name if self.shipped else str(self.directory)

    def _repr_html_(self) -> str:
        """Return the metrics as a table, for a notebook."""
        return format_table(METRICS, list_metrics(self.metrics) if self.finished else [], repr(self))

    @with_own_torch_settings
    def plot(self, data: Dataset | str | os.PathLike[str] | None = None) -> Figure:
        """Draw the curves of the training and, if its images are at hand or given as ``data``, answers to some of them.

        Raises:
            InputError: the files of the training are missing, or the data is not what the run was made with.
        """
        examples = None
        try:
            images = self.load_splits(data).evaluation_images(self.info["evaluation"]["test"])
            examples = answer_examples(self.load_network(), self.recipe, *images)
        except InputError:  # the images are not at hand, or the run has no weights yet
            if data is not None:
                raise
        return draw_training(self._name, self.read_rows("history.csv"), self.read_rows("steps.csv"), examples)

    @cached_property
    def info(self) -> dict[str, Any]:
        """``run.json`` in today's format: recipe, what is evaluated, versions, data, hardware, commit, command.

        Raises:
            InputError: it is missing, damaged, or of a newer version of seesum.
        """
        path = self.directory / "run.json"
        return check_values(upgrade_run(self._stored, path), RunInfo, path)

    @cached_property
    def _stored(self) -> dict[str, Any]:
        return read_json(self.directory / "run.json")

    @cached_property
    def recipe(self) -> Recipe:
        """The whole recipe of the run."""
        return Recipe.from_dict(self.info["recipe"])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over everything in ``run.json`` that decides the weights. See ``compute_fingerprint``."""
        return compute_fingerprint(self._stored, self.info)

    def check_fingerprint(self, path: Path, metadata: Mapping[str, Any]) -> None:
        """Make sure that a file of tensors was made by this run, by its metadata. Files of earlier versions do not say.

        Raises:
            InputError: another run made it, or ``run.json`` was changed since.
        """
        if metadata.get("run", self.fingerprint) != self.fingerprint:
            raise InputError(
                f"{path} was made with another recipe, other images or another number of threads than run.json says; put the "
                f"right file back, or train the run anew"
            )

    @property
    def metrics(self) -> dict[str, Any]:
        """``metrics.json``, which is written when a run is finished.

        Raises:
            InputError: it is missing or damaged.
        """
        path = self.directory / "metrics.json"
        return check_values(read_json(path), Metrics, path)

    @property
    def shipped(self) -> bool:
        """Whether the run came with the package. Then nothing may be written to it."""
        return self.directory.parent == SHIPPED

    @cached_property
    def calibration(self) -> Calibration:
        """``calibration.json``, or the default of networks that have none."""
        path = self.directory / "calibration.json"
        if not path.is_file():
            return Calibration()
        values = check_values(upgrade_calibration(read_json(path)), CalibrationValues, path, "calibrate the run anew")
        return Calibration(float(values["temperature"]), float(values["confidence_threshold"]))

    @property
    def weights(self) -> Path:
        """The file of the final weights. It is never written a second time."""
        return self.directory / "weights.safetensors"

    @property
    def trained(self) -> bool:
        """Whether its weights are final. The run may still have no metrics, and a teacher never has."""
        return self.weights.is_file()

    @property
    def finished(self) -> bool:
        """Whether the run is finished: trained and evaluated."""
        return (self.directory / "metrics.json").is_file()

    def check_finished(self) -> None:
        """Make sure that the run is finished.

        Raises:
            InputError: it is not finished, or it is a teacher in another run.
        """
        self.refuse_teacher()
        if not self.finished:
            raise InputError(f"{self.directory} is not finished; finish it with: {write_resume(self.directory, self.info)}")

    def refuse_teacher(self) -> None:
        """Make sure that the run is not a teacher. A teacher is trained with its student and has no metrics.

        Raises:
            InputError: it is a teacher.
        """
        if self.info.get("is_teacher"):
            whole = self.directory.resolve().parents[1]
            raise InputError(f"{self.directory} is a teacher; give the run that it teaches: {whole}")

    def read_rows(self, name: str) -> list[dict[str, float]]:
        """Return the rows of ``history.csv`` (one per epoch) or ``steps.csv`` (one per step); none if the file is missing.

        Raises:
            InputError: the file holds something else than numbers. So does a row that is taken apart, for a missing column.
        """
        return read_rows(self.directory / name)

    @with_own_torch_settings
    def load_network(self) -> Network:
        """Load the network with its final weights and its temperature, in evaluation mode, on the CPU.

        Raises:
            InputError: the weights are missing, damaged, of another run, or of another network.
        """
        import torch

        from seesum.networks.systems import build_network

        if not (path := self.weights).is_file():
            raise InputError(f"{self.directory} has no weights yet; finish it with: {write_resume(self.directory, self.info)}")
        tensors, metadata = load_tensors(path)
        self.check_fingerprint(path, metadata)
        changed = self.check_plugins()
        with torch.random.fork_rng(devices=[]):  # a network starts with random weights
            network = build_network(self.recipe)
        fill_network(network, tensors, path, self.recipe.system, changed)
        network.temperature = self.calibration.temperature
        return network.eval()

    def check_plugins(self) -> list[str]:
        """Make sure that everything in the recipe is known that is not built in, and say where its source has changed.

        Returns:
            A sentence for each source that has changed since the run was made. They have been said already.

        Raises:
            InputError: something is unknown; the sentence says how to give it. It is never imported because the run names it.
        """
        if not (plugins := self.info.get("plugins")):
            return []
        from seesum.networks.plugins import check_plugins

        changed = check_plugins(plugins, str(self.directory))
        for sentence in changed:
            say(sentence)
        return changed

    def check_turns(self, **turns: bool) -> None:
        """Make sure that the run was started with these of ``OPTIONS``; its images are read as they were then.

        Raises:
            InputError: one is given with which the run was not started.
        """
        for name, wanted in turns.items():
            if wanted and not self.info["data"].get(name):
                flag = name.replace("_", "-")
                raise InputError(f"{self.directory} was started without --{flag}; leave it out, or start a new run")

    def load_splits(self, data: Dataset | str | os.PathLike[str] | None = None) -> Splits:
        """Load the images of the run, from where it read them, from another folder of IDX files, or from a ``Dataset``.

        Raises:
            InputError: the data cannot be read, or is not the data that the run was made with.
        """
        return load_run_splits(self.info, self.recipe, self.directory, data)


def find_run(source: str | os.PathLike[str] | Run | None = None) -> Run:
    """Return the run that a user means.

    Args:
        source: a Run, a shipped network's name, ``latest``, a run directory, or None for the shipped ``hand``. A name wins over
            a folder of that name, which is written ``./hand``.

    Raises:
        InputError: there is no such run; the message tells how to make one.
    """
    if isinstance(source, Run):
        return source
    name = DEFAULT_RUN if source is None else source
    if names_shipped(name):
        return Run(SHIPPED / name)
    if name == LATEST:
        finished = [run for run in _list_runs() if run.finished and run.trained]
        if not finished:
            raise InputError(f"there is no finished run under {Path(RUNS).resolve()}; make one with: seesum train")
        # newest by the weights, since calibrating an old run writes its metrics again
        return max(finished, key=lambda run: run.weights.stat().st_mtime)
    directory = Path(name)
    if directory.is_file():
        raise InputError(f"{directory} is a file, but this needs a run directory or a shipped network ({_join_shipped()})")
    if not (directory / "run.json").is_file():
        raise InputError(
            f"{directory} is neither a run directory (it has no run.json) nor a shipped network "
            f"({_join_shipped()}) nor a file; make a run with: seesum train"
        )
    return Run(directory)


def find_unfinished(source: str | os.PathLike[str] | Run) -> Run:
    """Return the run that a user wants to continue: as ``find_run``, but ``latest`` is the newest unfinished one.

    Raises:
        InputError: there is no such run, or it is a teacher in another one.
    """
    if source != LATEST:
        run = find_run(source)
        run.refuse_teacher()
        return run
    unfinished = [run for run in _list_runs() if not run.finished and not run.info.get("is_teacher")]
    if not unfinished:
        raise InputError(f"there is no unfinished run under {Path(RUNS).resolve()}; start one with: seesum train")
    return max(unfinished, key=lambda run: (run.directory / "run.json").stat().st_mtime)


def _list_runs() -> list[Run]:
    return [Run(path.parent) for path in Path(RUNS).glob("**/run.json")]


def _join_shipped() -> str:
    return ", ".join(list_shipped())


def refuse_shipped(run: Run) -> None:
    """Make sure that a run may be written to.

    Raises:
        InputError: it came with the package.
    """
    if run.shipped:
        raise InputError(f"{run.directory.name} came with seesum and cannot be changed; name a run of your own")
