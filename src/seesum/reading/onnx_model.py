"""A network in an ONNX file: what its metadata say, and its answers by ONNX Runtime. No torch is needed.

The file is the graph followed by its metadata. In protobuf, messages that stand one after the other are one message, so any
program reads it as one model, and the checksum of the graph needs no parser of protobuf.
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
from seesum.base.errors import InputError, import_extra
from seesum.base.recipe import Recipe
from seesum.data.idx import Digits, Images
from seesum.data.operations import ADDENDS
from seesum.data.splits import Splits
from seesum.measuring.calibration import Calibration
from seesum.measuring.metrics import Probabilities
from seesum.runs.run import Run, find_run, load_run_splits, names_shipped

INPUTS = ("image", "addend")
OUTPUTS = ("digit_probabilities", "sum_probabilities")
METADATA = "seesum"
"""The key of the metadata in the file: one JSON object."""
MODEL_FILE = "model.onnx"
"""Beside the weights of a shipped network: the same network, for machines without torch."""
BATCH = 200
"""Images at a time, of many. More are no quicker, and need more memory: 17 MB for each layer of ``best`` with so many."""


class OnnxModel:
    """An exported network, ready to answer. It says of itself what a ``Run`` says: recipe, metrics, calibration, data."""

    def __init__(self, data: bytes, name: str) -> None:
        """Take the bytes of an ONNX file.

        Threads are ONNX Runtime's choice, or as many as the environment's ``OMP_NUM_THREADS`` says, as with torch; but never
        more than there are cores.

        Args:
            data: a whole file.
            name: what messages call it.

        Raises:
            InputError: it is damaged, or nothing that this version of seesum exported.
            JobError: ONNX Runtime is not installed.
        """
        runtime = import_extra("onnxruntime", "export")
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is said by exceptions, not on standard error as well
        options.intra_op_num_threads = _count_threads(os.environ.get("OMP_NUM_THREADS", ""))
        try:
            self.session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions have no other base
            raise InputError(
                f"{name} is no ONNX file that can be read, or is damaged; make one with: seesum export RUN --to FILE"
            ) from error
        self.name = name
        self.metadata = _parse_metadata(data, self.session.get_modelmeta().custom_metadata_map, name)
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        if tuple(one.name for one in inputs) != INPUTS or tuple(one.name for one in outputs) != OUTPUTS:
            raise InputError(f"{name} has other inputs and outputs than {', '.join(INPUTS + OUTPUTS)}; export it again")
        self._kind = np.float32 if inputs[0].type == "tensor(float)" else np.uint8

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> OnnxModel:
        """Of a file.

        Raises:
            InputError: it cannot be read, and as the class.
            JobError: as the class.
        """
        try:
            return cls(Path(path).read_bytes(), str(path))
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); give an ONNX file") from error

    @cached_property
    def recipe(self) -> Recipe:
        """The one that trained it."""
        return Recipe.from_dict(self.metadata["run"]["recipe"])

    @property
    def metrics(self) -> dict[str, Any]:
        """As in the run's ``metrics.json``."""
        return dict(self.metadata["metrics"])

    @property
    def calibration(self) -> Calibration:
        """When it is unsure. The temperature is in the graph; it stands here to be read only."""
        return Calibration(**self.metadata["calibration"])

    def load_splits(self, data: str | os.PathLike[str] | None = None) -> Splits:
        """As ``Run.load_splits``; a data set of the user's own has to be given, since files are carried about."""
        return load_run_splits(self.metadata["run"], self.recipe, self.name, data)

    def predict(self, images: NDArray[Any], addends: Digits) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities of both outputs.

        Args:
            images: uint8 or float32 (0..255), [N, 28, 28].
            addends: int64 [N k]: the first k belong to the first image, and so on; an image is encoded once.

        Returns:
            [N k, 10] and [N k, S].

        Raises:
            ValueError: not as many addends for one image as for another; the graph itself would pair them somehow.
        """
        if len(addends) % max(1, len(images)) or len(addends) < len(images):
            raise ValueError(f"{len(addends)} addends for {len(images)} images; expected as many for each image")
        values = (np.expand_dims(images, 1).astype(self._kind, copy=False), addends.astype(np.int64, copy=False))
        digit_p, sum_p = self.session.run(OUTPUTS, dict(zip(INPUTS, values, strict=True)))
        return digit_p, sum_p

    def predict_every_addend(self, images: Images) -> Probabilities:
        """Probabilities for images uint8 [N, 28, 28] with every addend: [N, 10, 10] and [N, 10, S]."""
        parts = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        answers = [self.predict(part, np.tile(np.arange(ADDENDS), len(part))) for part in parts]
        digit_p, sum_p = (np.concatenate(one).reshape(len(images), ADDENDS, -1) for one in zip(*answers, strict=True))
        return Probabilities(digit_p, sum_p)


def sign_metadata(graph: bytes, metadata: Mapping[str, Any]) -> str:
    """The text that stands in the file: the metadata with the format, and with the length and SHA-256 of the graph."""
    signed = {"format": FORMAT, **metadata, "graph_bytes": len(graph)}
    return json.dumps({**signed, "sha256": _digest(graph, signed)}, allow_nan=False)


def find_run_or_model(source: str | os.PathLike[str] | Run | OnnxModel | None = None) -> Run | OnnxModel:
    """What a user means who wants answers: as ``find_run``, or an ONNX file.

    A shipped network is its ONNX file where there is one and ONNX Runtime is installed, since that starts without torch.

    Raises:
        InputError: there is no such run or file, or the file is not ours.
        JobError: ONNX Runtime, which a file needs, is not installed.
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


def _parse_metadata(data: bytes, stored: Mapping[str, str], name: str) -> dict[str, Any]:
    if METADATA not in stored:
        raise InputError(
            f"{name} is an ONNX file without seesum's metadata, so seesum did not export it; give one made with: "
            f"seesum export RUN --to FILE"
        )
    try:
        values = json.loads(stored[METADATA])
        signed = {key: value for key, value in values.items() if key != "sha256"}
        whole = values["sha256"] == _digest(data[: values["graph_bytes"]], signed)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the metadata of {name} cannot be read ({error}); export it again") from error
    number = check_format(values, name)
    if not whole:
        raise InputError(f"{name} is damaged, or was changed after its export (its checksum is wrong); export it again")
    return signed if number == FORMAT else upgrade_onnx(signed, name)


def _count_threads(setting: str) -> int:
    """What OpenMP makes of the text, whose first number is that of the outermost level; 0 leaves the choice to the runtime."""
    first = setting.split(",")[0].strip()
    return min(int(first), os.cpu_count() or 1) if first.isdecimal() else 0


def _digest(graph: bytes, metadata: Mapping[str, Any]) -> str:
    return hashlib.sha256(graph + json.dumps(metadata, sort_keys=True).encode()).hexdigest()
