"""Golden vectors as ONNX models with their test data, in folders that ONNX's runtimes can replay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..cases.case import Case
from ..verdicts.agreement import THRESHOLD
from ..verdicts.call import Call

Arrays = dict[str, np.ndarray]

# The suffix of a result's file. It holds a tensor in N C H W, as the files of the test data do.
RESULT_SUFFIX = ".pb"
MODEL, INPUT, OUTPUT = "model.onnx", "test_data_set_0/input_0.pb", "test_data_set_0/output_0.pb"
# onnx's own loader reads the tolerance here.
TOLERANCE = "data.json"

# The oldest opset in which both operators have today's attributes, so that old runtimes can read the models too.
_OPSET, _IR_VERSION = 11, 6
# Both operators take these dtypes in that opset.
_DTYPES = ("float16", "float32", "float64")

_OPERATORS = {"conv2d": "Conv", "conv2d_backprop_input": "ConvTranspose", "conv2d_transpose": "ConvTranspose"}
_TO_NCHW, _TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
# Conv takes filters as OIHW. To ConvTranspose, whose input has conv2d's output channels, the same array is IOHW.
_TO_OIHW, _TO_HWIO = (3, 2, 0, 1), (2, 3, 1, 0)


def lack(operation: str, case: Case) -> str | None:
    """Return the reason why ONNX cannot express the call, or None if it can."""
    if operation not in _OPERATORS:
        return "ONNX has no operator for the filter gradient"
    if case.dtype not in _DTYPES:
        return f"ONNX's convolutions take no {case.dtype} in opset {_OPSET}"
    if 0 in (*case.input_sizes, *case.filter_sizes):
        return "ONNX does not define convolutions of empty arrays"
    return None


def write(folder: Path, call: Call, arrays: Arrays, *, is_integer: bool) -> None:
    """Write a vector's folder: the model of the call, its test data, and the tolerance."""
    given = "out_backprop" if call.operation == "conv2d_backprop_input" else "input"
    images = {name: arrays[name].transpose(_TO_NCHW) for name in (given, "expected")}
    (folder / INPUT).parent.mkdir(parents=True)
    (folder / MODEL).write_bytes(_model(call, images).SerializeToString(deterministic=True))
    for file, name in ((INPUT, given), (OUTPUT, "expected")):
        (folder / file).write_bytes(_tensor(images[name], name).SerializeToString(deterministic=True))
    # The loader takes one number for all elements: the largest gauge decides it, so that no right answer fails.
    tolerance = 0.0 if is_integer else THRESHOLD * float(np.finfo(arrays["expected"].dtype).eps * arrays["gauge"].max())
    (folder / TOLERANCE).write_text(json.dumps({"rtol": 0.0, "atol": tolerance}) + "\n", "utf-8", newline="\n")


def read(path: Path) -> Arrays:
    """Return the arguments in a vector's folder, or the `result` in a tensor's file.

    Raises
    ------
    ValueError
        If they are no ONNX tensors of rank 4.
    """
    onnx = needed()
    from google.protobuf.message import DecodeError

    try:
        if not path.is_dir():
            return {"result": _array(onnx.load_tensor(path), _TO_NHWC)}
        graph = onnx.load(path / MODEL, load_external_data=False).graph
        given = _array(onnx.load_tensor(path / INPUT), _TO_NHWC)
        return {graph.input[0].name: given, "filters": _array(graph.initializer[0], _TO_HWIO)}
    except (DecodeError, ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
        raise ValueError(f"must hold ONNX tensors of rank 4; {error}") from None


def _model(call: Call, images: Arrays) -> Any:
    helper, case, operator = needed().helper, call.case, _OPERATORS[call.operation]
    given, _ = images
    (top, bottom), (left, right) = case.convolution.padding
    attributes = {
        "kernel_shape": case.kernel_size,
        "strides": case.strides,
        "dilations": case.dilations,
        "pads": [top, left, bottom, right],
        "group": case.groups,
    }
    if operator == "ConvTranspose":
        attributes["output_padding"] = [axis.leftover for axis in case.convolution.axes]
    node = helper.make_node(operator, [given, "filters"], ["expected"], **attributes)
    described = {name: [_described(name, array)] for name, array in images.items()}
    weights = [_tensor(call.arrays["filters"].transpose(_TO_OIHW), "filters")]
    graph = helper.make_graph([node], call.operation, described[given], described["expected"], weights)
    opsets = [helper.make_opsetid("", _OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="conv2d-reference-impl")


def _described(name: str, array: np.ndarray) -> Any:
    helper = needed().helper
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)


def _tensor(array: np.ndarray, name: str) -> Any:
    return needed().numpy_helper.from_array(np.ascontiguousarray(array), name)


def _array(tensor: Any, axes: tuple[int, ...]) -> np.ndarray:
    if tensor.external_data:
        raise ValueError(f"the numbers of {tensor.name} must be in the file, and not in another one")
    return np.ascontiguousarray(needed().numpy_helper.to_array(tensor).transpose(axes))


def needed() -> Any:
    """Import and return the package onnx. Raises ImportError, which says what to install, where it is missing."""
    try:
        import onnx
    except ImportError:
        raise ImportError("the format onnx needs the package onnx: pip install 'conv2d-reference-impl[onnx]'") from None
    return onnx
