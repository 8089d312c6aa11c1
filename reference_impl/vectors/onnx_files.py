"""Golden vectors as ONNX models with their test data, in the folders that ONNX's runtimes replay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..cases.case import Case
from ..verdicts.agreement import THRESHOLD

Arrays = dict[str, np.ndarray]

# How the file of a result ends; it holds a tensor, N C H W, as the files of the test data do.
RESULT_SUFFIX = ".pb"
MODEL, INPUT, OUTPUT = "model.onnx", "test_data_set_0/input_0.pb", "test_data_set_0/output_0.pb"
# Read by onnx's own loader.
TOLERANCE = "data.json"

# The first in which both operators are what they are now; what is older than it does not matter any more.
_OPSET, _IR_VERSION = 11, 6
_DTYPES = ("float16", "float32", "float64")

_OPERATORS = {"conv2d": "Conv", "conv2d_backprop_input": "ConvTranspose", "conv2d_transpose": "ConvTranspose"}
_TO_NCHW, _TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
# Either operator has the channels that it takes or gives in groups second: those are OIHW to Conv, and the same array
# to ConvTranspose.
_TO_OIHW, _TO_HWIO = (3, 2, 0, 1), (2, 3, 1, 0)


def lack(operation: str, case: Case) -> str | None:
    """Why there is no model of the call, or None."""
    if operation not in _OPERATORS:
        return "ONNX has no operator for the gradient of the filters"
    if case.dtype not in _DTYPES:
        return f"in opset {_OPSET} ONNX's convolutions take no {case.dtype}"
    if 0 in (*case.input_sizes, *case.filter_sizes):
        return "ONNX does not say what comes of empty arrays"
    return None


def write(folder: Path, operation: str, arrays: Arrays, *, is_integer: bool) -> None:
    """The folder of a vector, of its arrays."""
    given = "out_backprop" if operation == "conv2d_backprop_input" else "input"
    images = {name: arrays[name].transpose(_TO_NCHW) for name in (given, "expected")}
    (folder / INPUT).parent.mkdir(parents=True)
    (folder / MODEL).write_bytes(_model(operation, images, arrays).SerializeToString(deterministic=True))
    for file, name in ((INPUT, given), (OUTPUT, "expected")):
        (folder / file).write_bytes(_tensor(images[name], name).SerializeToString(deterministic=True))
    # One number for all elements: that of the largest gauge, so that no right answer fails.
    tolerance = 0.0 if is_integer else THRESHOLD * float(np.finfo(arrays["expected"].dtype).eps * arrays["gauge"].max())
    (folder / TOLERANCE).write_text(json.dumps({"rtol": 0.0, "atol": tolerance}) + "\n", "utf-8", newline="\n")


def read(path: Path) -> Arrays:
    """The arguments in a vector's folder, or the `result` in a tensor's file. Raises ValueError if they are none."""
    onnx = needed()
    from google.protobuf.message import DecodeError

    try:
        if not path.is_dir():
            return {"result": _array(onnx.load_tensor(path), _TO_NHWC)}
        graph = onnx.load(path / MODEL).graph
        given = _array(onnx.load_tensor(path / INPUT), _TO_NHWC)
        return {graph.input[0].name: given, "filters": _array(graph.initializer[0], _TO_HWIO)}
    except (DecodeError, ValueError, TypeError, IndexError) as error:
        raise ValueError(f"must hold ONNX tensors of rank 4; {error}") from None


def _model(operation: str, images: Arrays, arrays: Arrays) -> Any:
    helper = needed().helper
    (given, _), filters = images, arrays["filters"]
    (top, bottom), (left, right) = arrays["pads"].tolist()
    attributes = {
        "kernel_shape": filters.shape[:2],
        "strides": arrays["strides"].tolist(),
        "dilations": arrays["dilations"].tolist(),
        "pads": [top, left, bottom, right],
        "group": int(arrays["groups"][0]),
    }
    if _OPERATORS[operation] == "ConvTranspose":
        attributes["output_padding"] = _output_padding(arrays[given].shape, arrays["expected"].shape, arrays)
    node = helper.make_node(_OPERATORS[operation], [given, "filters"], ["expected"], **attributes)
    described = {name: [_described(name, array)] for name, array in images.items()}
    weights = [_tensor(filters.transpose(_TO_OIHW), "filters")]
    graph = helper.make_graph([node], operation, described[given], described["expected"], weights)
    opsets = [helper.make_opsetid("", _OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="conv2d-reference-impl")


def _output_padding(given: tuple[int, ...], expected: tuple[int, ...], arrays: Arrays) -> list[int]:
    """By how much the answer is larger than the input that its windows just fill: padded positions that none reads."""
    kernel, strides, dilations = arrays["filters"].shape[:2], arrays["strides"], arrays["dilations"]
    filled = (np.array(given[1:3]) - 1) * strides + (np.array(kernel) - 1) * dilations + 1
    return (expected[1:3] + arrays["pads"].sum(axis=1) - filled).tolist()


def _described(name: str, array: np.ndarray) -> Any:
    helper = needed().helper
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def _tensor(array: np.ndarray, name: str) -> Any:
    return needed().numpy_helper.from_array(np.ascontiguousarray(array), name)


def _array(tensor: Any, axes: tuple[int, ...]) -> np.ndarray:
    return np.ascontiguousarray(needed().numpy_helper.to_array(tensor).transpose(axes))


def needed() -> Any:
    """The package onnx. Raises ImportError, with what to do, where it is not installed."""
    try:
        import onnx
    except ImportError:
        raise ImportError("the format onnx needs onnx: pip install 'conv2d-reference-impl[onnx]'") from None
    return onnx
