"""The shapes of the files of a run, and of the metadata of an ONNX file. They are checked whenever one is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

from seesum.base.errors import InputError
from seesum.base.references import Plugin
from seesum.base.schema import check_kind

Share = Annotated[float, (0, 1)]
Positive = Annotated[float, (1e-6, 1e6)]
Count = Annotated[int, (0, 2**53)]


class Evaluation(TypedDict):
    """Which images a run is evaluated on, and which splits after every epoch."""

    test: bool
    monitor: list[str]


class Data(TypedDict):
    """Where a run read its images, what their files hold, and how they were read."""

    directory: str | None
    """A folder or a file; None for the embedded MNIST and for arrays."""
    sha256: dict[str, str]
    invert: NotRequired[bool]
    transpose: NotRequired[bool]
    as_is: NotRequired[bool]


class Hardware(TypedDict):
    """The machine of a run."""

    processor: str
    cores: Count
    threads: Count
    device: str
    gpu: str


class Versions(TypedDict):
    """The packages of a run. There are more of them."""

    python: str
    torch: str


class StartInfo(TypedDict):
    """The network that a fine-tuned run started from."""

    run: str
    """The name of a shipped network, or the path of a run."""
    sha256: str
    """Of the file of its weights."""


class RunInfo(TypedDict):
    """``run.json``. ``Recipe.from_dict`` checks the recipe."""

    recipe: dict[str, Any]
    evaluation: Evaluation
    data: Data
    versions: Versions
    hardware: Hardware
    commit: str
    command: str
    started: str
    is_teacher: NotRequired[bool]
    plugins: NotRequired[list[Plugin]]
    start_from: NotRequired[StartInfo]


class Metrics(TypedDict):
    """``metrics.json``."""

    evaluated_on: str
    digit_accuracy: Share
    sum_accuracy: Share
    both_accuracy: Share
    digit_loss: float
    sum_loss: float
    loss: float
    consistency: Share
    digit_ece: Share
    sum_ece: Share
    images: Count
    pairs: Count
    parameters: Count
    train_seconds: float
    epochs: Count
    seed: Count
    system: str
    adder: str
    held_out_sum_accuracy: NotRequired[Share]
    kept_epoch: NotRequired[Count]
    start_both_accuracy: NotRequired[Share]
    start_loss: NotRequired[float]


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
