"""A TFLite model with one convolution, run by its interpreter."""

from __future__ import annotations

import importlib
import importlib.metadata
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from .model import CannotRun, Model

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
# The modules that have the interpreter, those of its own first, and the packages that they are of.
_INTERPRETERS = {
    "ai_edge_litert.interpreter": "ai-edge-litert",
    "tflite_runtime.interpreter": "tflite-runtime",
    "tensorflow.lite.python.interpreter": "tensorflow",
}
# The filters' order of axes in a file, as the HWIO of the forward convolution.
_TO_HWIO = {"CONV_2D": (1, 2, 3, 0), "DEPTHWISE_CONV_2D": (1, 2, 0, 3), "TRANSPOSE_CONV": (1, 2, 0, 3)}


def load(path: Path) -> Model:
    """Return the model of a file.

    Raises
    ------
    ValueError
        If it is no TFLite model, is quantised, or does not hold one convolution.
    ImportError
        If no interpreter is installed.
    """
    interpreter, by = _interpreter(path)
    found = [one for one in interpreter._get_ops_details() if one["op_name"] in _CONVOLUTIONS]
    if len(found) != 1:
        held = ", ".join(one["op_name"] for one in found) or "none"
        raise ValueError(f"{path} must hold one of {', '.join(_CONVOLUTIONS)}; it holds {held}: export the layer alone")
    (one,), (given,) = found, interpreter.get_input_details()
    if given["dtype"] not in (np.float32, np.float16):
        raise ValueError(f"{path} must take floats, as a quantised model rounds its weights; it takes {given['dtype']}")
    kind = one["op_name"]
    index = one["inputs"][1]  # of the second input: the filters
    try:
        weights = interpreter.get_tensor(index)
    except ValueError:
        raise ValueError(f"{path}: the weights of its {kind} must be constants of the model") from None
    if weights.dtype.kind != "f":
        raise ValueError(f"{path} must hold floats, as a quantised model rounds its weights; it holds {weights.dtype}")
    return Model(
        name=path.name,
        is_transposed=kind == "TRANSPOSE_CONV",
        shape=tuple(int(size) if size > 0 else None for size in given["shape_signature"]),
        dtype=np.dtype(given["dtype"]).name,
        answer=lambda images: _answer(interpreter, images),
        weights=weights.transpose(_TO_HWIO[kind]),
        says=_says(path, kind),
        by=by,
    )


def _interpreter(path: Path) -> tuple[Any, str]:
    data = path.read_bytes()
    for module, package in _INTERPRETERS.items():
        try:
            made = importlib.import_module(module).Interpreter
        except ImportError:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # TensorFlow's says that it is to move to ai-edge-litert
                interpreter = made(model_content=data)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"{path} must be a TFLite model; {error}") from None
        return interpreter, f"{package} {importlib.metadata.version(package)}"
    raise ImportError(f"a TFLite model needs its interpreter: pip install one of {', '.join(_INTERPRETERS.values())}")


def _answer(interpreter: Any, images: np.ndarray) -> np.ndarray:
    (given,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
    try:
        if tuple(given["shape"]) != images.shape:
            interpreter.resize_tensor_input(given["index"], images.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], images)
        interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        raise CannotRun(f"the model must take images of shape {images.shape}; {error}") from None
    return interpreter.get_tensor(out["index"])


def _says(path: Path, kind: str) -> dict[str, Any]:
    """Return the options of the convolution, where TensorFlow's reader of the file is installed."""
    for module in ("ai_edge_litert.schema_py_generated", "tensorflow.lite.python.schema_py_generated"):
        try:
            schema = importlib.import_module(module)
            break
        except ImportError:
            continue
    else:
        return {}
    names = {"CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions"}
    made = getattr(schema, names.get(kind, "TransposeConvOptions"))()
    code = getattr(schema.BuiltinOperator, kind)
    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        if model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode() == code:
            table = operator.BuiltinOptions()
            made.Init(table.Bytes, table.Pos)
    said = {
        "strides": [made.StrideH(), made.StrideW()],
        "padding": "SAME" if made.Padding() == schema.Padding.SAME else "VALID",
    }
    if kind != "TRANSPOSE_CONV":
        said["dilations"] = [made.DilationHFactor(), made.DilationWFactor()]
    return said
