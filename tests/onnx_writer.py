"""Write small ONNX models without the package onnx, for the tests of the converter check."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

_DTYPES = {"float16": 10, "float32": 1, "float64": 11, "int64": 7}


def write(path: Path, nodes: list[bytes], constants: dict[str, np.ndarray], shape, dtype: str = "float32") -> Path:
    """Write a model that reads `images` of this shape (None: any size), and gives `answer`."""
    graph = [(1, node) for node in nodes] + [(2, b"graph")]
    graph += [(5, tensor(name, array)) for name, array in constants.items()]
    graph += [(11, _declared("images", shape, dtype)), (12, _declared("answer", (None,) * 4, dtype))]
    path.write_bytes(_message((1, 10), (7, _message(*graph)), (8, _message((2, 22)))))
    return path


def node(kind: str, inputs: str, output: str, name: str = "", **attributes) -> bytes:
    """Return a node. Its inputs are names with blanks between them."""
    found = [(1, word.encode()) for word in inputs.split()] + [(2, output.encode()), (3, name.encode())]
    return _message(*found, (4, kind.encode()), *((5, _attribute(*one)) for one in attributes.items()))


def tensor(name: str, array: np.ndarray, *, raw: bool = True) -> bytes:
    head = [(1, size) for size in array.shape] + [(2, _DTYPES[array.dtype.name]), (8, name.encode())]
    if raw:
        return _message(*head, (9, np.ascontiguousarray(array).tobytes()))
    return _message(*head, (4, np.ascontiguousarray(array, "<f4").tobytes()))


def _attribute(name: str, value) -> bytes:
    if isinstance(value, str):
        return _message((1, name.encode()), (4, value.encode()), (20, 3))
    if isinstance(value, float):
        return _message((1, name.encode()), (2, value), (20, 1))
    if isinstance(value, int):
        return _message((1, name.encode()), (3, value), (20, 2))
    return _message((1, name.encode()), *((8, int(one)) for one in value), (20, 7))


def _declared(name: str, shape, dtype: str) -> bytes:
    sizes = [(1, _message((2, b"any") if size is None else (1, size))) for size in shape]
    return _message((1, name.encode()), (2, _message((1, _message((1, _DTYPES[dtype]), (2, _message(*sizes)))))))


def _message(*fields: tuple[int, int | bytes | float]) -> bytes:
    found = b""
    for number, value in fields:
        if isinstance(value, float):
            found += _varint(number << 3 | 5) + struct.pack("<f", value)
        elif isinstance(value, int):
            found += _varint(number << 3) + _varint(value & (1 << 64) - 1)
        else:
            found += _varint(number << 3 | 2) + _varint(len(value)) + value
    return found


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])
