"""Write golden vectors: for each call, on integers and on real data, the arrays, the exact answer and its gauge."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import exact
from ..cases.case import Case
from ..exact.formats import FORMATS
from ..operations import OPERATIONS
from ..verdicts.call import Call, numpy_dtype, oracle
from ..verdicts.integers import integer_call
from ..verdicts.real_data import real_task
from . import array_files, manifest, onnx_files
from .manifest import INTEGER, LeftOut, Vector

# The name of the argument that is a shape: that of the answer.
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
) -> tuple[list[Vector], list[LeftOut]]:
    """Write the vectors of each call to a new or empty folder; return them, and the calls that were left out.

    An export that fails, or is interrupted, leaves the folder as it was.

    Raises
    ------
    ValueError
        If the folder is not empty, if the format has no such dtype, or if every call would be left out.
    ImportError
        If the format needs a package that is not installed.
    """
    calls = [(case, operation) for case in cases for operation in operations]
    left_out = _left_out(calls) if file_format == array_files.ONNX else []
    if calls and len(left_out) == len(calls):
        raise ValueError(f"there must be something to export; no call is left: {left_out[0].reason}")
    if file_format == "npz" and any(case.dtype == "bfloat16" for case, _ in calls):
        raise ValueError("npz has no bfloat16; use the text format")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} must be a new or an empty folder, so that no other file is taken for a vector")
    without = {(one.case, one.operation) for one in left_out}
    with _filled(folder) as partial:
        vectors = [
            replace(vector, sha256=_written(partial / vector.file, vector, call))
            for case, operation in calls
            if (case, operation) not in without
            for vector, call in _calls(case, operation, seed, file_format)
        ]
        manifest.write(partial, vectors, file_format, left_out)
    return vectors, left_out


@contextmanager
def _filled(folder: Path) -> Iterator[Path]:
    """Make a folder to write to: beside `folder` or, if that exists, in it. At the end its files are in `folder`."""
    exists = folder.exists()
    if not exists:
        folder.parent.mkdir(parents=True, exist_ok=True)
    partial = (folder if exists else folder.parent) / f".{os.getpid()}.partial"
    partial.mkdir()
    try:
        yield partial
        if exists:
            for path in sorted(partial.iterdir(), key=lambda path: path.name == manifest.NAME):  # the manifest last
                path.rename(folder / path.name)
        else:
            partial.rename(folder)
    except BaseException:
        if exists:
            for path in folder.iterdir():  # it was empty
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _written(path: Path, vector: Vector, call: Call) -> str:
    """Write a vector and return its hash."""
    if path.suffix in array_files.SUFFIXES.values():
        array_files.write(path, _arrays(call, vector))
    else:
        onnx_files.write(path, call, _arrays(call, vector), is_integer=vector.is_integer)
    return manifest.sha256(path)


def _left_out(calls: Iterable[tuple[Case, str]]) -> list[LeftOut]:
    """Return the calls that ONNX cannot express."""
    onnx_files.needed()
    reasons = ((case, operation, onnx_files.lack(operation, case)) for case, operation in calls)
    return [LeftOut(operation, case, reason) for case, operation, reason in reasons if reason is not None]


def _calls(case: Case, operation: str, seed: int, file_format: str) -> Iterator[tuple[Vector, Call]]:
    """Yield the call on integers and, for a float dtype, the call on real data; each vector still lacks its hash."""
    found = [(INTEGER, INTEGER, integer_call(case, operation, seed))]
    if case.dtype in FORMATS:
        task = real_task(case, operation, seed)
        found.append(("real", task.kind, task.call))
    for word, data, call in found:
        name, suffix = f"{operation}.{case}.{word}", array_files.SUFFIXES.get(file_format, "")
        yield Vector(operation, case, data, seed, name + suffix, "", name + (suffix or onnx_files.RESULT_SUFFIX)), call


def _arrays(call: Call, vector: Vector) -> array_files.Arrays:
    """Return all arrays of a vector: the arguments with the padding in numbers, the exact answer, and the gauge."""
    case, absolute = call.case, call.with_arrays(np.abs)
    if vector.is_integer:
        expected = oracle(call).astype(numpy_dtype(case.dtype))
        gauge = oracle(absolute).astype(np.float64)
    else:
        expected = _exact(call, case.dtype)
        # An ordinary sum of floats may have other bits on another machine.
        gauge = _exact(absolute, "float64")
    return {**geometry(vector), **call.arrays, "expected": expected, "gauge": gauge}


def geometry(vector: Vector) -> array_files.Arrays:
    """Return the options of a vector's call in numbers, and the shape that it is given."""
    case = vector.case
    options = {
        "strides": case.strides,
        "dilations": case.dilations,
        "pads": case.convolution.padding,
        "groups": [case.groups],
    }
    if vector.operation in _SIZES:
        options[_SIZES[vector.operation]] = vector.answer_shape
    return {name: np.array(value, np.int64) for name, value in options.items()}


def _exact(call: Call, dtype: str) -> np.ndarray:
    return getattr(exact, call.operation)(*call.positional(), **call.case.options, dtype=dtype)
