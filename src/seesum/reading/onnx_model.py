"""A network in an ONNX file: its metadata, and its answers by ONNX Runtime. No torch is needed.

The file is the graph followed by its metadata. In protobuf, two messages one after the other are one message. So any program
reads the file as one model, and the checksum of the graph needs no protobuf parser.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seesum.base.compatibility import FORMAT, check_format, upgrade_onnx
from seesum.base.environment import import_onnxruntime
from seesum.base.errors import InputError
from seesum.base.files import parse_object
from seesum.base.recipe import Recipe
from seesum.base.schema import check_kind
from seesum.data.idx import SIDE, Dataset, Digits, Images
from seesum.data.operations import ADDENDS, find_operation
from seesum.data.splits import Splits
from seesum.measuring.calibration import Calibration
from seesum.measuring.metrics import Probabilities, check_probabilities
from seesum.reading.onnx_graph import MOST_BYTES, check_graph, find_metadata
from seesum.runs.images import load_run_splits
from seesum.runs.run import Run, find_run
from seesum.runs.schemas import Metadata
from seesum.runs.shipped import names_shipped

INPUTS = ("image", "addend")
OUTPUTS = ("digit_probabilities", "sum_probabilities")
METADATA = "seesum"
"""The key of the metadata in the file. They are one JSON object."""
MODEL_FILE = "model.onnx"
"""Beside the weights of a shipped network: the same network, for machines without torch."""
BATCH = 200
"""Images per batch. Larger batches are no faster and need more memory: with 200 it is 17 MB for each layer of ``best``."""


class OnnxModel:
    """An exported network. It has the same recipe, metrics, calibration and data as the ``Run`` that it was exported from."""

    def __init__(self, data: bytes, name: str) -> None:
        """Load an ONNX file from its bytes.

        ONNX Runtime chooses the number of threads, or the environment's ``OMP_NUM_THREADS``, as with torch. There are never
        more threads than cores.

        The metadata and the graph are checked before ONNX Runtime sees the file, and one answer is computed after. That keeps
        damaged files out, and files that would read others. It does not make a stranger's file safe: anyone can compute a
        checksum, and a graph may ask for any amount of memory.

        Args:
            data: a whole file.
            name: its name in messages.

        Raises:
            InputError: it is damaged, or this version of seesum did not export it.
            JobError: ONNX Runtime is not installed.
        """
        self.name = name
        self._data = data
        self.metadata = _read_metadata(data, name)
        operation = find_operation(self.recipe.operation)
        if tuple(self.metadata["labels"][OUTPUTS[1]]) != operation.values:
            raise InputError(f"{name} has other answers than its operation, {operation.label}; export it again")
        runtime = import_onnxruntime()
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # exceptions tell what is wrong, so nothing is printed as well
        # a waiting thread sleeps, so that other programs on the same cores do not slow every layer down
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.intra_op_num_threads = _count_threads(os.environ.get("OMP_NUM_THREADS", ""))
        try:
            self.session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions have no other base
            raise InputError(f"ONNX Runtime cannot load {name} ({_first_line(error)}); export it again") from error
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        if tuple(one.name for one in inputs) != INPUTS or tuple(one.name for one in outputs) != OUTPUTS:
            raise InputError(f"{name} has other inputs and outputs than {', '.join(INPUTS + OUTPUTS)}; export it again")
        self._kind = np.float32 if inputs[0].type == "tensor(float)" else np.uint8
        self.predict_every_addend(np.zeros((1, SIDE, SIDE), np.uint8))

    def __reduce__(self) -> tuple[type[OnnxModel], tuple[bytes, str]]:
        """Rebuild the model from its bytes in another process, since a session of ONNX Runtime cannot be sent."""
        return OnnxModel, (self._data, self.name)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> OnnxModel:
        """Load an ONNX file.

        Raises:
            InputError: it cannot be read, is damaged, or this version of seesum did not export it.
            JobError: ONNX Runtime is not installed.
        """
        try:
            return cls(Path(path).read_bytes(), str(path))
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); give an ONNX file") from error

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe that trained it."""
        return Recipe.from_dict(self.metadata["run"]["recipe"])

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of the run's ``metrics.json``."""
        return dict(self.metadata["metrics"])

    @property
    def calibration(self) -> Calibration:
        """The run's calibration. The temperature is already in the graph; here it is for information."""
        return Calibration(**self.metadata["calibration"])

    def load_splits(self, data: Dataset | str | os.PathLike[str] | None = None) -> Splits:
        """Load the images, like ``Run.load_splits``. A user's own data set must be given, since files are carried to other
        machines.
        """
        return load_run_splits(self.metadata["run"], self.recipe, self.name, data)

    def predict(self, images: NDArray[Any], addends: Digits) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Predict the probabilities of both outputs.

        Args:
            images: uint8 or float32 (0..255), [N, 28, 28].
            addends: int64 [N k]: the first k belong to the first image, and so on; an image is encoded once.

        Returns:
            [N k, 10] and [N k, S].

        Raises:
            ValueError: the number of addends is not a multiple of the number of images.
            InputError: the file does not compute probabilities.
        """
        if len(addends) % max(1, len(images)) or len(addends) < len(images):
            raise ValueError(f"{len(addends)} addends for {len(images)} images; expected as many for each image")
        each = len(addends) // max(1, len(images))
        if self.metadata.get("simple") and each > 1:  # its graph takes one addend for each image
            images, each = np.repeat(images, each, axis=0), 1
        starts = range(0, max(1, len(images)), BATCH)
        outputs = [self._run(images[n : n + BATCH], addends[n * each : (n + BATCH) * each]) for n in starts]
        digit_p, sum_p = (np.concatenate(one) for one in zip(*outputs, strict=True))
        return digit_p, sum_p

    def _run(self, images: NDArray[Any], addends: Digits) -> list[NDArray[np.float32]]:
        """Run the graph once, on at most ``BATCH`` images."""
        values = (np.expand_dims(images, 1).astype(self._kind, copy=False), addends.astype(np.int64, copy=False))
        try:
            outputs: list[NDArray[np.float32]] = self.session.run(OUTPUTS, dict(zip(INPUTS, values, strict=True)))
        except Exception as error:  # ONNX Runtime's exceptions have no other base
            raise InputError(f"{self.name} cannot be computed ({_first_line(error)}); export it again") from error
        widths = [len(self.metadata["labels"][name]) for name in OUTPUTS]
        for output, width in zip(outputs, widths, strict=True):
            if output.shape != (len(addends), width) or output.dtype != np.float32:
                raise InputError(f"{self.name} gives {output.dtype} of shape {output.shape} for answers; export it again")
            check_probabilities(output, self.name)
        return outputs

    def predict_every_addend(self, images: Images) -> Probabilities:
        """Predict the probabilities of images uint8 [N, 28, 28] with every addend: [N, 10, 10] and [N, 10, S]."""
        outputs = self.predict(images, np.tile(np.arange(ADDENDS), len(images)))
        return Probabilities(*(one.reshape(len(images), ADDENDS, one.shape[1]) for one in outputs))


def sign_metadata(graph: bytes, metadata: Mapping[str, Any]) -> str:
    """Write the metadata as text, with the format, and with the length and SHA-256 of the graph."""
    signed = {"format": FORMAT, **metadata, "graph_bytes": len(graph)}
    return json.dumps({**signed, "sha256": _digest(graph, signed)}, allow_nan=False)


def find_run_or_model(source: str | os.PathLike[str] | Run | OnnxModel | None = None) -> Run | OnnxModel:
    """Return the run or the ONNX file that a user means: like ``find_run``, but a file may be given too.

    A shipped network is its ONNX file where there is one and ONNX Runtime is installed, since that starts without torch.

    Raises:
        InputError: there is no such run or file, or seesum did not export the file.
        JobError: a file needs ONNX Runtime, which is not installed.
    """
    if isinstance(source, Run | OnnxModel):
        return source
    if source is not None and not names_shipped(source) and Path(source).is_file():
        return OnnxModel.load(source)
    run = find_run(source)
    beside = run.directory / MODEL_FILE
    if run.shipped and beside.is_file() and find_spec("onnxruntime") is not None:
        return OnnxModel(beside.read_bytes(), run.directory.name)
    return run


def _read_metadata(data: bytes, name: str) -> dict[str, Any]:
    """Return the metadata of a file in today's format, after a look at them and at the graph.

    Raises:
        InputError: the file is too large, damaged, changed, not seesum's, or has a graph that seesum does not export.
    """
    if len(data) > MOST_BYTES:
        raise InputError(f"{name} has {len(data):,} bytes; a network is at most {MOST_BYTES:,}; give another file")
    try:
        found = find_metadata(data, METADATA)
    except ValueError as error:
        raise InputError(
            f"{name} is not an ONNX file that can be read, or is damaged; make one with: seesum export RUN --to FILE"
        ) from error
    if found is None:
        raise InputError(
            f"{name} is an ONNX file without seesum's metadata, so seesum did not export it; give one made with: "
            f"seesum export RUN --to FILE"
        )
    try:
        start, text = found
        values = parse_object(text)
        signed = {key: value for key, value in values.items() if key != "sha256"}
        whole = values["graph_bytes"] == start and values["sha256"] == _digest(data[:start], signed)
    except (ValueError, KeyError) as error:
        raise InputError(f"the metadata of {name} cannot be read ({error}); export it again") from error
    check_format(values, name)
    if not whole:
        raise InputError(f"{name} is damaged, or was changed after its export (its checksum is wrong); export it again")
    try:
        check_graph(data)
        new = upgrade_onnx(signed, name)
        check_kind(new, Metadata, "")
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # an old format is renamed before it is checked
        raise InputError(f"{name} is not as seesum exports files ({error}); export it again") from error
    return new


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _count_threads(setting: str) -> int:
    """Read the setting as OpenMP does: its first number is for the outermost level. 0 leaves the choice to ONNX Runtime."""
    first = setting.split(",")[0].strip()
    return min(int(first), os.cpu_count() or 1) if first.isdecimal() else 0


def _digest(graph: bytes, metadata: Mapping[str, Any]) -> str:
    return hashlib.sha256(graph + json.dumps(metadata, sort_keys=True).encode()).hexdigest()
