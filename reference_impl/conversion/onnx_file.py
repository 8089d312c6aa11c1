"""Read an ONNX model: its graph as nodes and arrays. The package onnx is not needed.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto has the numbers of the fields.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import protobuf
from .protobuf import Message

CONVOLUTIONS = ("Conv", "ConvTranspose")
OTHERS = ("ConvInteger", "QLinearConv", "FusedConv", "DeformConv")

# TensorProto.data_type, and the field that holds the numbers if raw_data does not.
_DTYPES = {1: ("<f4", 4), 6: ("<i4", 5), 7: ("<i8", 7), 10: ("<f2", 5), 11: ("<f8", 10)}


@dataclass(frozen=True)
class Node:
    """One operator of a graph, with its attributes."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.kind} {self.name or self.outputs[0]!r}"


@dataclass(frozen=True)
class Graph:
    """The nodes in their order, the constant arrays by name, and the shape (None: any) of each input."""

    nodes: list[Node]
    constants: dict[str, np.ndarray]
    inputs: dict[str, tuple[int | None, ...] | None]
    outputs: list[str]
    dtypes: dict[str, str] = field(default_factory=dict)

    @property
    def convolutions(self) -> list[Node]:
        return [node for node in self.nodes if node.kind in CONVOLUTIONS]


def read(path: Path) -> Graph:
    """Read the graph of a model.

    Raises
    ------
    ValueError
        If the file is no ONNX model, or its numbers are in a file that is not beside it.
    OSError
        If it cannot be read.
    """
    data = path.read_bytes()
    try:
        graphs = protobuf.message(data).get(7, [])
        if len(graphs) != 1 or not isinstance(graphs[0], bytes):
            raise ValueError(f"it must hold one graph; it holds {len(graphs)}")
        return _graph(protobuf.message(graphs[0]), path.parent)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(f"{path} must be an ONNX model: {error}") from None


def _graph(found: Message, folder: Path) -> Graph:
    nodes = [_node(protobuf.message(_bytes(one)), folder) for one in found.get(1, [])]
    tensors = [protobuf.message(_bytes(one)) for one in found.get(5, [])]
    constants = {protobuf.text(one.get(8, [])): _array(one, folder) for one in tensors}
    for node in nodes:
        if node.kind == "Constant":
            constants[node.outputs[0]] = np.asarray(next(iter(node.attributes.values())))
    declared = [_declared(protobuf.message(_bytes(one))) for one in found.get(11, [])]
    inputs = {name: shape for name, shape, _ in declared if name not in constants}
    dtypes = {name: dtype for name, _, dtype in declared}
    outputs = [_declared(protobuf.message(_bytes(one)))[0] for one in found.get(12, [])]
    return Graph([node for node in nodes if node.kind != "Constant"], constants, inputs, outputs, dtypes)


def _node(found: Message, folder: Path) -> Node:
    attributes = dict(_attribute(protobuf.message(_bytes(one)), folder) for one in found.get(5, []))
    inputs, outputs = ([_bytes(one).decode() for one in found.get(number, [])] for number in (1, 2))
    return Node(protobuf.text(found.get(4, [])), protobuf.text(found.get(3, [])), inputs, outputs, attributes)


def _attribute(found: Message, folder: Path) -> tuple[str, Any]:
    name = protobuf.text(found.get(1, []))
    if 5 in found:
        return name, _array(protobuf.message(_bytes(found[5][0])), folder)
    if 4 in found:
        return name, protobuf.text(found[4])
    if 3 in found:
        return name, protobuf.integers(found[3])[0]
    if 2 in found:
        return name, protobuf.floats(found[2])[0]
    return name, protobuf.integers(found.get(8, []))


def _array(found: Message, folder: Path) -> np.ndarray:
    name, kind = protobuf.text(found.get(8, [])), protobuf.integers(found.get(2, [0]))[0]
    shape = tuple(protobuf.integers(found.get(1, [])))
    if kind not in _DTYPES:
        raise ValueError(f"{name} must hold float16, float32, float64, int32 or int64; its type is number {kind}")
    code, number = _DTYPES[kind]
    raw = _outside(found, folder, name) if 13 in found else _bytes(found[9][0]) if 9 in found else None
    if raw is not None:
        values = np.frombuffer(raw, code)
    elif kind == 10:  # halves are given as the bits of integers
        values = np.array(protobuf.integers(found.get(number, [])), np.uint16).view(np.float16)
    elif code[1] == "f":
        values = np.array(protobuf.floats(found.get(number, []), "d" if kind == 11 else "f"), code)
    else:
        values = np.array(protobuf.integers(found.get(number, [])), code)
    if values.size != math.prod(shape):
        raise ValueError(f"{name} must have {math.prod(shape)} numbers, as its shape is {shape}; it has {values.size}")
    return values.reshape(shape)


def _outside(found: Message, folder: Path, name: str) -> bytes:
    """Read the numbers of a tensor from a file in the model's folder."""
    pairs = [protobuf.message(_bytes(one)) for one in found[13]]
    told = {protobuf.text(pair.get(1, [])): protobuf.text(pair.get(2, [])) for pair in pairs}
    place = folder / told["location"]
    if place.resolve().parent != folder.resolve():
        raise ValueError(f"the numbers of {name} must be in a file beside the model; not in {told['location']!r}")
    if not place.is_file():
        raise ValueError(f"the numbers of {name} must be in {place}; there is no such file")
    offset, data = int(told.get("offset", 0)), place.read_bytes()
    return data[offset : offset + int(told["length"])] if "length" in told else data[offset:]


def _declared(found: Message) -> tuple[str, tuple[int | None, ...] | None, str]:
    """Return the name of an input or output, its shape, and its dtype."""
    name, shape, dtype = protobuf.text(found.get(1, [])), None, ""
    for kind in found.get(2, []):
        for tensor in protobuf.message(_bytes(kind)).get(1, []):
            told = protobuf.message(_bytes(tensor))
            number = protobuf.integers(told.get(1, [0]))[0]
            dtype = np.dtype(_DTYPES[number][0]).name if number in _DTYPES else f"number {number}"
            for one in told.get(2, []):
                sizes = [protobuf.message(_bytes(size)) for size in protobuf.message(_bytes(one)).get(1, [])]
                shape = tuple(protobuf.integers(size[1])[0] if 1 in size else None for size in sizes)
    return name, shape, dtype


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a field must hold bytes where it holds a number")
    return value
