"""Export a trained network as an ONNX file with both inputs and both outputs, compared with the network before it is
written.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from seesum.base.compatibility import FORMAT
from seesum.base.environment import undo_import_effects
from seesum.base.errors import JobError, import_extra
from seesum.base.files import write_atomically
from seesum.base.recipe import Recipe
from seesum.data.batches import scale_pixels
from seesum.data.idx import Images, load_mnist
from seesum.data.operations import ADDENDS, OPERATIONS, find_operation
from seesum.data.splits import split_images
from seesum.measuring.evaluation import predict_every_addend
from seesum.networks.adders import ADDERS
from seesum.networks.contract import Encoded
from seesum.networks.network import Network
from seesum.reading.onnx_model import INPUTS, METADATA, OUTPUTS, OnnxModel, sign_metadata
from seesum.runs.provenance import collect_versions
from seesum.runs.run import Run

OPSET = 20
"""The first with every operation that the encoders use. ONNX Runtime 1.17 and later read it."""
IR_VERSION = 9
"""Of the file format; the exporter writes 10, which ONNX Runtime reads only from 1.18 on."""
COMPARED = 1000
"""File and network are compared on this many validation images."""
TOLERANCE = 1e-4
"""A file is written only if no probability differs by more."""


class Export(NamedTuple):
    """A file that was written."""

    path: Path
    bytes: int
    """Its size."""
    largest_difference: float
    """Largest difference of a probability between file and network, over ``COMPARED`` validation images x 10 addends."""


def export_network(run: Run, target: Path, float_images: bool = False, simple: bool = False) -> Export:
    """Write a finished run's network as an ONNX file that answers by itself.

    Inputs: ``image`` uint8 [batch, 1, 28, 28] (float32 of the same scale, 0..255, with ``float_images``) and ``addend`` int64
    [batch]. Outputs: ``digit_probabilities`` [batch, 10] and ``sum_probabilities`` [batch, S]. Normalisation, temperature and
    views are in the graph. Unless it is ``simple``, there may also be k times as many addends as images, the first k for the
    first image and so on: then each image is encoded once. For that reason the graph calls the axis of addends ``pairs``.

    Raises:
        InputError: the weights are missing or damaged.
        JobError: a package of the extra ``export`` is missing, or file and network differ by more than ``TOLERANCE``.
    """
    network = run.load_network()
    graph = convert_network(network, run.recipe, float_images, simple)
    model = attach_metadata(graph, describe_run(run, float_images, simple))
    difference = compare_model(OnnxModel(model, target.name), network, run.recipe, take_compared())
    if not difference <= TOLERANCE:
        raise JobError(
            f"the ONNX file would differ from the network by {difference:.2g} in a probability, more than {TOLERANCE:.0e}, so "
            f"nothing was written; export with the package versions of constraints.txt"
        )
    write_atomically(target, model)
    return Export(target, len(model), difference)


class _Exported(nn.Module):
    """The computation of the graph: from pixels to probabilities."""

    def __init__(self, network: Network, recipe: Recipe, simple: bool) -> None:
        super().__init__()
        self.network, self.recipe, self.simple = network, recipe, simple

    def forward(self, image: Tensor, addend: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = self.network.encode(scale_pixels(image.float(), self.recipe))
        if self.simple:
            output = self.network.add(Encoded(features, logits), addend)
            return output.digit_logp.exp(), output.sum_logp.exp()
        # the image that each addend belongs to; computed, since repeating would put conditions on the shapes
        row = torch.arange(addend.shape[0]) * image.shape[0] // addend.shape[0]
        output = self.network.add(Encoded(features[row], None if logits is None else logits[row]), addend)
        return output.digit_logp.exp(), output.sum_logp.exp()


def convert_network(network: Network, recipe: Recipe, float_images: bool = False, simple: bool = False) -> bytes:
    """Convert a network in evaluation mode to a graph, as ONNX without metadata.

    This uses torch's exporter through ``torch.export``. The older exporter, through TorchScript, takes a fifth of the time, but
    torch has announced its end. A ``simple`` graph takes one addend for each image, and runs in OpenCV.

    Raises:
        JobError: a package of the extra ``export`` is missing.
    """
    kind = torch.float32 if float_images else torch.uint8
    example = (torch.zeros(2, 1, 28, 28, dtype=kind), torch.zeros(2 if simple else 6, dtype=torch.int64))
    axes = ({0: "batch"}, {0: "batch" if simple else "pairs"})
    with undo_import_effects(), _hushed():
        import_extra("onnx", "export")
        import_extra("onnxscript", "export")
        wrapped = _Exported(network, recipe, simple).eval()
        dimensions = {axis[0]: torch.export.Dim(axis[0]) for axis in axes}
        sizes = tuple({0: dimensions[axis[0]]} for axis in axes)
        program = torch.export.export(wrapped, example, dynamic_shapes=sizes)
        converted = torch.onnx.export(
            program,
            dynamo=True,
            dynamic_shapes=axes,
            input_names=INPUTS,
            output_names=OUTPUTS,
            opset_version=OPSET,
            verbose=False,
        )
    assert converted is not None
    proto = converted.model_proto
    for part in (proto.graph, *proto.graph.node, *proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del part.metadata_props[:]  # the exporter notes the file and line of this machine that a node comes from
        part.doc_string = ""
    del proto.metadata_props[:]
    proto.ir_version = IR_VERSION
    graph: bytes = proto.SerializeToString(deterministic=True)
    return graph


def attach_metadata(graph: bytes, metadata: dict[str, Any]) -> bytes:
    """Return the whole file: the graph, followed by its metadata with a checksum."""
    proto = import_extra("onnx", "export").ModelProto()
    proto.metadata_props.add(key=METADATA, value=sign_metadata(graph, metadata))
    tail: bytes = proto.SerializeToString(deterministic=True)
    return graph + tail


def describe_run(run: Run, float_images: bool, simple: bool = False) -> dict[str, Any]:
    """Return the metadata: system, accuracy, labels, commit, and everything that an ``OnnxModel`` knows.

    Folders and hardware of the machine that trained are left out, since a file is given to others. In place of the name of a
    user's own operation, there is a formula with the same answers, so that the others do not need its code.
    """
    name = run.recipe.operation
    operation = find_operation(name)
    own = name in OPERATIONS and OPERATIONS.find_origin(name) is not None
    kept = ("recipe", "evaluation", "commit", "started", "versions")
    metrics = run.metrics
    return {
        "system": run.recipe.system,
        "digit_accuracy": metrics["digit_accuracy"],
        "sum_accuracy": metrics["sum_accuracy"],
        "labels": {OUTPUTS[0]: [*range(10)], OUTPUTS[1]: [*operation.values]},
        "image": "float32, 0 to 255" if float_images else "uint8",
        "simple": simple,
        "commit": run.info["commit"],
        "calibration": run.calibration.to_dict(),
        "adder_knows_rule": ADDERS[run.recipe.adder].knows_rule,
        "metrics": metrics,
        "run": {field: run.info[field] for field in kept}
        | {"recipe": {**run.info["recipe"], "operation": operation.formula if own else name}}
        | {"format": FORMAT, "data": {"directory": None, "sha256": run.info["data"]["sha256"]}},
        "exported_with": collect_versions() | {package: version(package) for package in ("onnx", "onnxscript")},
    }


def take_compared() -> Images:
    """Return the images on which files are compared: validation images of the embedded MNIST, uint8 [COMPARED, 28, 28]."""
    validation = split_images(load_mnist(), Recipe(system="", split="validate")).validation
    assert validation is not None
    return validation.images[:COMPARED]


def compare_model(model: OnnxModel, network: Network, recipe: Recipe, images: Images) -> float:
    """Return the largest difference of any probability from the network in fp32, over images uint8 [N, 28, 28] x 10 addends.

    The file predicts in both ways: an image with its ten addends at once, and one addend per image in batches of several sizes.
    """
    expected = predict_every_addend(network, images, recipe, torch.device("cpu"))
    given = model.predict_every_addend(images)
    pairs = [(given.digit_p, expected.digit_p), (given.sum_p, expected.sum_p)]
    addends = np.arange(len(images)) % ADDENDS
    rows = np.arange(len(images))
    for part in np.split(rows, [1, 3, 10]):
        digit_p, sum_p = model.predict(images[part], addends[part])
        pairs += [(digit_p, expected.digit_p[part, addends[part]]), (sum_p, expected.sum_p[part, addends[part]])]
    return float(np.max([np.abs(one - other).max(initial=0) for one, other in pairs]))  # NaN where there is one


@contextmanager
def _hushed() -> Iterator[None]:
    """Silence the exporter's messages about packages that are not installed, and torch's warnings about itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
