"""Look into an ONNX file before ONNX Runtime does: find its metadata, and refuse what seesum never exports.

The file is read as protobuf (https://protobuf.dev/programming-guides/encoding/), with the field numbers of ``onnx.proto``
(https://github.com/onnx/onnx). Only the fields below are followed, so that no input makes this deep or slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

MOST_BYTES = 1 << 28
"""Size of the largest file that is read, 256 MiB: a hundred times the largest network that comes with seesum."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""How a field of protobuf is stored."""
GRAPH, METADATA_PROPS, TRAINING_INFO, FUNCTIONS = 7, 14, 20, 25
"""Fields of a model."""
NODE, INITIALIZER, SPARSE_INITIALIZER = 1, 5, 15
"""Fields of a graph."""
ATTRIBUTE, DOMAIN = 5, 7
"""Fields of a node."""
TENSOR, SUBGRAPH, TENSORS, SUBGRAPHS, SPARSE_TENSOR, SPARSE_TENSORS = 5, 6, 10, 11, 22, 23
"""Fields of an attribute."""
EXTERNAL_DATA, DATA_LOCATION = 13, 14
"""Fields of a tensor."""
KEY, VALUE = 1, 2
"""Fields of an entry of the metadata."""


class Field(NamedTuple):
    """A field of a message."""

    number: int
    start: int
    """Where the field begins, its tag included."""
    value: memoryview
    """Its bytes; empty for a number."""
    integer: int
    """Its number, where it is one."""


def find_metadata(data: bytes, key: str) -> tuple[int, str] | None:
    """Return where the metadata under a key begins in an ONNX file, and their text; None where there are none.

    Raises:
        ValueError: this is no protobuf message, the key is there twice, or a field follows the metadata.
    """
    found = None
    if not data:
        raise ValueError("it is empty")
    for field in walk_fields(memoryview(data)):
        if found is not None:
            raise ValueError("something follows the metadata")
        if field.number != METADATA_PROPS:
            continue
        entry = {part.number: bytes(part.value) for part in walk_fields(field.value)}
        if entry.get(KEY) == key.encode():
            found = field.start, entry.get(VALUE, b"").decode()
    return found


def check_graph(data: bytes) -> None:
    """Make sure that an ONNX file is a graph of standard operators, all of whose numbers are in the file itself.

    Raises:
        ValueError: it is no protobuf message, or holds something else; the message says what.
    """
    for field in walk_fields(memoryview(data)):
        if field.number in (TRAINING_INFO, FUNCTIONS):
            raise ValueError("it has functions or a training graph of its own")
        if field.number == GRAPH:
            for part in walk_fields(field.value):
                if part.number == SPARSE_INITIALIZER:
                    raise ValueError("it has sparse tensors")
                if part.number == INITIALIZER:
                    _check_tensor(part.value)
                elif part.number == NODE:
                    _check_node(part.value)


def _check_node(node: memoryview) -> None:
    for field in walk_fields(node):
        if field.number == DOMAIN and bytes(field.value) not in (b"", b"ai.onnx"):
            raise ValueError("it has an operator that is not of ONNX itself")
        if field.number == ATTRIBUTE:
            for part in walk_fields(field.value):
                if part.number in (SUBGRAPH, SUBGRAPHS, SPARSE_TENSOR, SPARSE_TENSORS):
                    raise ValueError("it has graphs inside the graph, or sparse tensors")
                if part.number in (TENSOR, TENSORS):
                    _check_tensor(part.value)


def _check_tensor(tensor: memoryview) -> None:
    for field in walk_fields(tensor):
        if field.number == EXTERNAL_DATA or (field.number == DATA_LOCATION and field.integer):
            raise ValueError("it keeps numbers in another file")


def walk_fields(message: memoryview) -> Iterator[Field]:
    """Yield the fields of a protobuf message in their order.

    Raises:
        ValueError: this is no protobuf message.
    """
    place = 0
    while place < len(message):
        start = place
        tag, place = _read_varint(message, place)
        number, kind = tag >> 3, tag & 7
        integer, end = 0, place
        if kind == VARINT:
            integer, end = _read_varint(message, place)
        elif kind == BYTES:
            length, place = _read_varint(message, place)
            end = place + length
        elif kind in (FIXED32, FIXED64):
            end = place + (4 if kind == FIXED32 else 8)
        else:
            raise ValueError("it is no protobuf message")
        if not number or end > len(message):
            raise ValueError("it is no protobuf message")
        yield Field(number, start, message[place:end] if kind == BYTES else message[:0], integer)
        place = end


def _read_varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return the number that begins at a place, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("it is no protobuf message")
