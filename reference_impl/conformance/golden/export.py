"""Write golden vectors: for each call, on integers and on real data, the arrays, the exact answer and its gauge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ... import exact
from ..cases import OPERATIONS, Case
from ..data import Call, integer_call, numpy_dtype, oracle
from ..real_data import FORMATS, real_problem
from . import files, manifest
from .manifest import INTEGER, Vector

# The argument of an operation that is a shape, and that of the answer.
_SIZES = {
    "conv2d_backprop_input": "input_sizes",
    "conv2d_backprop_filter": "filter_sizes",
    "conv2d_transpose": "output_shape",
}


def export(
    folder: Path,
    cases: Iterable[Case],
    operations: Sequence[str] = OPERATIONS,
    seed: int = 0,
    file_format: str = "npz",
) -> list[Vector]:
    """Fill a new or empty folder; the manifest comes last, so that what is incomplete has none.

    Raises
    ------
    ValueError
        If the folder holds something, or the format has no such dtype.
    """
    cases = list(cases)
    if file_format == "npz" and any(case.dtype == "bfloat16" for case in cases):
        raise ValueError("bfloat16 is no dtype of npz; the text format has it")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} must be a new or an empty folder, as other files would be taken for vectors")
    folder.mkdir(parents=True, exist_ok=True)
    vectors = []
    for case in cases:
        for operation in operations:
            for vector, call in _calls(case, operation, seed, files.SUFFIXES[file_format]):
                path = folder / vector.file
                files.write(path, _arrays(call, vector))
                vectors.append(replace(vector, sha256=manifest.sha256(path)))
    manifest.write(folder, vectors, file_format)
    return vectors


def _calls(case: Case, operation: str, seed: int, suffix: str) -> Iterator[tuple[Vector, Call]]:
    """On integers and, in a float dtype, on real data; the vector's hash is yet to come."""
    found = [(INTEGER, INTEGER, integer_call(case, operation, seed))]
    if case.dtype in FORMATS:
        problem = real_problem(case, operation, seed)
        found.append(("real", problem.kind, problem.call))
    for word, data, call in found:
        name = f"{operation}.{case}.{word}{suffix}"
        yield Vector(operation, case, data, seed, name, "", name), call


def _arrays(call: Call, vector: Vector) -> files.Arrays:
    """All of a vector: the operation's arguments by name, padding resolved; the exact answer; the gauge."""
    case, absolute = call.case, call.with_arrays(np.abs)
    options = {
        "strides": case.strides,
        "dilations": case.dilations,
        "pads": manifest.pads(case),
        "groups": [case.groups],
    }
    if call.operation in _SIZES:
        options[_SIZES[call.operation]] = vector.answer_shape
    if vector.is_integer:
        expected = oracle(call).astype(numpy_dtype(case.dtype))
        gauge = oracle(absolute).astype(np.float64)
    else:
        expected = _exact(call, case.dtype)
        # An ordinary sum of floats has other bits on other machines.
        gauge = _exact(absolute, "float64")
    geometry = {name: np.array(value, np.int64) for name, value in options.items()}
    return {**geometry, **call.arrays, "expected": expected, "gauge": gauge}


def _exact(call: Call, dtype: str) -> np.ndarray:
    return getattr(exact, call.operation)(*call.positional(), **call.case.options, dtype=dtype)
