"""reading/onnx_graph.py: ONNX files made to do harm, each with a right checksum, since anyone can compute one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from seesum.base.errors import InputError
from seesum.reading.exporting import attach_metadata, describe_run
from seesum.reading.onnx_graph import check_graph, find_metadata, walk_fields
from seesum.reading.onnx_model import MODEL_FILE, OnnxModel
from seesum.runs.run import find_run
from seesum.runs.shipped import SHIPPED, list_shipped

Change = Callable[[onnx.ModelProto], None]
FILES = [SHIPPED / name / MODEL_FILE for name in list_shipped() if (SHIPPED / name / MODEL_FILE).is_file()]


def load_changed(change: Change) -> OnnxModel:
    """Load the shipped ``fast`` after a change of its graph, signed again."""
    model = onnx.load(SHIPPED / "fast" / MODEL_FILE)
    del model.metadata_props[:]
    change(model)
    return OnnxModel(attach_metadata(model.SerializeToString(), describe_run(find_run("fast"), False)), "changed.onnx")


def multiply_output(model: onnx.ModelProto, nodes: list[onnx.NodeProto], by: str) -> None:
    """Multiply the digit's probabilities by a value that nodes compute."""
    last = next(node for node in model.graph.node if node.output[0] == "digit_probabilities")
    last.output[0] = "before"
    model.graph.node.extend([*nodes, helper.make_node("Mul", ["before", by], ["digit_probabilities"])])


def keep_outside(model: onnx.ModelProto) -> None:
    tensor = next(one for one in model.graph.initializer if len(one.raw_data) > 1000)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/hostname")
    tensor.ClearField("raw_data")


def keep_outside_in_an_attribute(model: onnx.ModelProto) -> None:
    value = TensorProto(name="v", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    value.external_data.add(key="location", value="/etc/hostname")
    multiply_output(model, [helper.make_node("Constant", [], ["one"], value=value)], "one")


def add_branches(model: onnx.ModelProto) -> None:
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["inner"], value_float=1.0)],
        "branch",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [])],
    )
    true = helper.make_node("Constant", [], ["true"], value=numpy_helper.from_array(np.array(True)))
    multiply_output(model, [true, helper.make_node("If", ["true"], ["one"], then_branch=branch, else_branch=branch)], "one")


def add_custom_operator(model: onnx.ModelProto) -> None:
    model.opset_import.extend([helper.make_opsetid("somebody", 1)])
    multiply_output(model, [helper.make_node("Run", ["before"], ["one"], domain="somebody")], "one")


def add_function(model: onnx.ModelProto) -> None:
    body = [helper.make_node("Identity", ["a"], ["b"])]
    model.functions.extend([helper.make_function("somebody", "F", ["a"], ["b"], body, [helper.make_opsetid("", 20)])])


def add_sparse(model: onnx.ModelProto) -> None:
    values = numpy_helper.from_array(np.ones(1, np.float32), "s")
    indices = numpy_helper.from_array(np.zeros(1, np.int64), "i")
    model.graph.sparse_initializer.extend([helper.make_sparse_tensor(values, indices, [10**6])])


def fill_memory(model: onnx.ModelProto) -> None:
    size = numpy_helper.from_array(np.array([1 << 18, 1 << 18], np.int64), "size")
    model.graph.initializer.extend([size])
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["large"]),
        helper.make_node("ReduceMax", ["large"], ["one"], keepdims=0),
    ]
    multiply_output(model, nodes, "one")


def set_weights(value: float) -> Change:
    def change(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
                tensor.CopyFrom(numpy_helper.from_array(np.full(tensor.dims, value, np.float32), tensor.name))

    return change


def double_answers(model: onnx.ModelProto) -> None:
    multiply_output(model, [helper.make_node("Constant", [], ["two"], value_float=2.0)], "two")


def widen_answers(model: onnx.ModelProto) -> None:
    last = next(node for node in model.graph.node if node.output[0] == "digit_probabilities")
    last.output[0] = "before"
    model.graph.node.extend([helper.make_node("Concat", ["before", "before"], ["digit_probabilities"], axis=1)])
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 20


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (keep_outside, "keeps numbers in another file"),
        (keep_outside_in_an_attribute, "keeps numbers in another file"),
        (add_branches, "graphs inside the graph"),
        (add_custom_operator, "an operator that is not of ONNX itself"),
        (add_function, "functions or a training graph"),
        (add_sparse, "sparse tensors"),
        (fill_memory, "export it again"),
        (set_weights(float("nan")), "computes no probabilities"),
        (set_weights(float("inf")), "computes no probabilities"),
        (double_answers, "computes no probabilities"),
        (widen_answers, "shape"),
    ],
)
def test_a_graph_made_to_do_harm_is_refused(change: Change, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as refused:
        load_changed(change)
    assert "\n" not in str(refused.value)


def test_the_changes_are_what_is_refused() -> None:
    assert load_changed(lambda _: None).recipe.system == "fast"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_our_own_files_pass(path: Path) -> None:
    data = path.read_bytes()
    check_graph(data)
    found = find_metadata(data, "seesum")
    assert found is not None
    assert found[1] == next(one.value for one in onnx.load(path).metadata_props if one.key == "seesum")


def test_metadata_that_another_program_would_read_otherwise_are_refused() -> None:
    data = (SHIPPED / "fast" / MODEL_FILE).read_bytes()
    found = find_metadata(data, "seesum")
    assert found is not None
    with pytest.raises(InputError, match="can be read, or is damaged"):
        OnnxModel(data + data[found[0] :], "twice.onnx")
    with pytest.raises(InputError, match="can be read, or is damaged"):
        OnnxModel(data + onnx.ModelProto(producer_name="x").SerializeToString(), "more.onnx")


@pytest.mark.parametrize("metadata", [{}, {"run": 1}, {"run": {"recipe": []}}, {"labels": {}}, {"calibration": None}])
@pytest.mark.parametrize("number", [1, 2])
def test_strange_metadata_are_refused(metadata: dict[str, Any], number: int) -> None:
    whole = describe_run(find_run("fast"), False) if metadata else {}
    graph = onnx.load(SHIPPED / "fast" / MODEL_FILE)
    del graph.metadata_props[:]
    data = attach_metadata(graph.SerializeToString(), {**whole, **metadata, "format": number})
    with pytest.raises(InputError, match="as seesum exports files"):
        OnnxModel(data, "strange.onnx")


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        ("d > a", r"strange.onnx has other answers than its operation, \(d > a\); export it again"),
        ("9 ** 9 ** 9 ** d", "gives a number beyond 2,147,483,648"),
        ("[0," * 300 + "d", "cannot be read"),
        ("__import__('os').abort() or d", "cannot be in one"),
    ],
)
def test_a_strange_operation_is_refused(operation: str, sentence: str) -> None:
    metadata = describe_run(find_run("fast"), False)
    metadata["run"]["recipe"]["operation"] = operation
    graph = onnx.load(SHIPPED / "fast" / MODEL_FILE)
    del graph.metadata_props[:]
    with pytest.raises(InputError, match=sentence):
        OnnxModel(attach_metadata(graph.SerializeToString(), metadata), "strange.onnx")


def test_flipped_bits_are_noticed_or_harmless() -> None:
    """The checksum is right in none of these files, so each is refused before ONNX Runtime sees it."""
    data = (SHIPPED / "micro" / MODEL_FILE).read_bytes()
    for place in np.random.default_rng(0).integers(0, len(data), 300):
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(place % 8)
        with pytest.raises(InputError):
            OnnxModel(bytes(flipped), "flipped.onnx")


def test_flipped_bits_under_a_new_checksum_crash_nothing() -> None:
    model = onnx.load(SHIPPED / "fast" / MODEL_FILE)
    del model.metadata_props[:]
    graph, metadata = model.SerializeToString(), describe_run(find_run("fast"), False)
    structure = [place for place in range(len(graph)) if place < 8000 or place > len(graph) - 8000]
    refused = 0
    for place in np.random.default_rng(1).choice(structure, 60):
        flipped = bytearray(graph)
        flipped[place] ^= 1 << int(place % 8)
        try:
            OnnxModel(attach_metadata(bytes(flipped), metadata), "flipped.onnx")
        except InputError as error:
            refused += "\n" not in str(error)
    assert refused > 10


@pytest.mark.parametrize("message", [b"\xff" * 20, b"\x72\xff\xff\xff\xff\x0f", b"\x00\x00", b"\x07", b"\x09\x00"])
def test_what_is_no_message_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match="no protobuf message"):
        list(walk_fields(memoryview(message)))
