"""The shapes of the files of a run, and of the metadata of an ONNX file. They are checked whenever one is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

from seesum.base.errors import InputError
from seesum.base.files import read_csv
from seesum.base.references import Plugin
from seesum.base.schema import check_kind

Share = Annotated[float, (0, 1)]
Positive = Annotated[float, (1e-6, 1e6)]
Count = Annotated[int, (0, 2**53)]


class Evaluation(TypedDict):
    """Which images a run is evaluated on, and which splits after every epoch."""

    test: bool
    """Whether the finished run is evaluated on the test images."""
    monitor: list[str]
    """The splits that are evaluated after every epoch."""


class Data(TypedDict):
    """Where a run read its images, what their files hold, and how they were read."""

    directory: str | None
    """A folder or a file; None for the embedded MNIST and for arrays."""
    sha256: dict[str, str]
    """Checksum of each file or array."""
    invert: NotRequired[bool]
    """Whether the images were inverted."""
    transpose: NotRequired[bool]
    """Whether rows and columns were exchanged."""
    as_is: NotRequired[bool]
    """Whether images of 28x28 pixels were left as they are."""


class Hardware(TypedDict):
    """The machine of a run."""

    processor: str
    """The processor's name."""
    cores: Count
    """The number of its cores."""
    threads: Count
    """The threads that torch used."""
    device: str
    """``cpu``, ``cuda`` or ``mps``."""
    gpu: str
    """The name of the GPU. Empty without one."""


class Versions(TypedDict):
    """The packages of a run. There are more of them."""

    python: str
    """The version of Python."""
    torch: str
    """The version of torch."""


class StartInfo(TypedDict):
    """The network that a fine-tuned run started from."""

    run: str
    """The name of a shipped network, or the path of a run."""
    sha256: str
    """Of the file of its weights."""


class SumsInfo(TypedDict):
    """What a network learns from that learns from sums alone."""

    digits: Count
    """The digits of each number."""
    numbers: Count
    """How many numbers are added."""
    observed: str
    """What is known of each sum."""
    wrong: Share
    """The share of the sums that are wrong."""
    held_out: bool
    """Whether a fifth of the sums is held out."""
    network: str
    """``ours`` or ``lenet``."""


class RunInfo(TypedDict):
    """``run.json``. ``Recipe.from_dict`` checks the recipe."""

    recipe: dict[str, Any]
    """Every field of the recipe."""
    evaluation: Evaluation
    """What is evaluated."""
    data: Data
    """Where the images came from."""
    versions: Versions
    """The versions of the packages."""
    hardware: Hardware
    """The machine."""
    commit: str
    """The commit of the checkout. A ``+`` behind it means that the checkout had changes."""
    command: str
    """The command that starts the same run."""
    started: str
    """When the run started."""
    is_teacher: NotRequired[bool]
    """Whether the run only teaches another one."""
    plugins: NotRequired[list[Plugin]]
    """The files and modules of networks, adders and operations that are not built in."""
    start_from: NotRequired[StartInfo]
    """The network that a fine-tuned run started from."""
    sums: NotRequired[SumsInfo]
    """What the run learned from, if from sums alone."""


class Metrics(TypedDict):
    """``metrics.json``."""

    evaluated_on: str
    """``test`` or ``validation``."""
    digit_accuracy: Share
    """Share of the pairs whose digit is right. A pair is an image with one of the ten addends."""
    sum_accuracy: Share
    """Share of the pairs whose sum is right."""
    both_accuracy: Share
    """Share of the pairs whose digit and sum are right."""
    digit_loss: float
    """Mean negative log-likelihood of the digit, in nats."""
    sum_loss: float
    """Mean negative log-likelihood of the sum, in nats."""
    loss: float
    """``digit_loss`` + ``sum_loss``."""
    consistency: Share
    """Share of the pairs whose sum follows from the network's own digit and the addend."""
    digit_ece: Share
    """Expected calibration error of the digit, over 15 bins."""
    sum_ece: Share
    """Expected calibration error of the sum, over 15 bins."""
    images: Count
    """The number of images."""
    pairs: Count
    """The number of images times ten."""
    parameters: Count
    """The number of trainable parameters."""
    train_seconds: float
    """Seconds from the images in memory to the last step. Imports and reading files do not count."""
    epochs: Count
    """The number of epochs."""
    seed: Count
    """The seed of the recipe."""
    system: str
    """The system of the recipe."""
    adder: str
    """The adder of the recipe."""
    held_out_sum_accuracy: NotRequired[Share]
    """Sums that are right among the pairs that training never showed."""
    kept_epoch: NotRequired[Count]
    """The epoch whose weights fine-tuning kept. 0 is the start."""
    start_both_accuracy: NotRequired[Share]
    """``both_accuracy`` of the network that fine-tuning started from, on the same images."""
    start_loss: NotRequired[float]
    """``loss`` of that network."""
    column_accuracy: NotRequired[Share]
    """Share of the digits of the sums that are right, of a run that learned from sums. Its ``sum_accuracy`` is the share of
    these sums."""


class CalibrationValues(TypedDict):
    """The two numbers of ``calibration.json``, which holds more about how they were chosen."""

    temperature: Positive
    confidence_threshold: Share


class ExportedRun(TypedDict):
    """What an ONNX file holds of ``run.json``."""

    recipe: dict[str, Any]
    evaluation: Evaluation
    data: Data
    commit: str
    started: str


class ExportedLabels(TypedDict):
    """What the columns of the two outputs stand for."""

    digit_probabilities: list[int]
    sum_probabilities: list[int]


class Metadata(TypedDict):
    """The metadata of an ONNX file."""

    system: str
    labels: ExportedLabels
    image: str
    simple: NotRequired[bool]
    commit: str
    calibration: CalibrationValues
    adder_knows_rule: bool
    metrics: Metrics
    run: ExportedRun


class Row(dict[str, float]):
    """A row of a run's CSV."""

    def __init__(self, path: Path, values: Mapping[str, float]) -> None:
        """Take the values by column. The path is for messages."""
        super().__init__(values)
        self.path = path

    def __missing__(self, name: str) -> float:
        """Say which column is missing.

        Raises:
            InputError: always.
        """
        raise InputError(f"{self.path} lacks the column {name!r}; put the file back, or train the run anew")


def compute_fingerprint(stored: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    """Compute SHA-256 over everything in ``run.json`` that decides the weights: recipe, images, threads, start and sums.

    The recipe is taken from the file as it is, so that a later version with more fields computes the same.

    Args:
        stored: ``run.json`` as it is.
        info: the same in today's format.
    """
    images = {name: value for name, value in info["data"].items() if name != "directory"}
    decisive = [stored["recipe"], images, info["hardware"].get("threads")]
    decisive += [info["start_from"]["sha256"]] if "start_from" in info else []
    decisive += [info["sums"]] if "sums" in info else []
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def read_rows(path: Path) -> list[dict[str, float]]:
    """Return the rows of a run's CSV file; none if it is missing.

    Raises:
        InputError: the file holds something else than numbers. So does a row that is taken apart, for a missing column.
    """
    try:
        return [Row(path, {key: float(value) for key, value in row.items()}) for row in read_csv(path)]
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged ({error}); put the file back, or train the run anew") from error


def check_values(values: dict[str, Any], kind: type, path: Path, advice: str = "train the run anew") -> dict[str, Any]:
    """Return the values of a JSON file if they have the kind, one of the classes above.

    Args:
        values: what was read.
        kind: what belongs there.
        path: the file, for messages.
        advice: what a user can do about it.

    Raises:
        InputError: they have not.
    """
    try:
        check_kind(values, kind, "")
    except ValueError as error:
        raise InputError(f"{path} {error}: it is damaged, or of another version; {advice}") from error
    return values
