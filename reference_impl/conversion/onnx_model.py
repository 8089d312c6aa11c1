"""An ONNX model with one convolution, computed as ONNX defines it, by the oracle.

https://onnx.ai/onnx/operators/onnx__Conv.html, https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import operations
from ..geometry import padding_of
from . import onnx_file
from .model import CannotRun, Model
from .onnx_file import Graph, Node

_NHWC, _NCHW = (0, 2, 3, 1), (0, 3, 1, 2)
_WORDS = {"SAME_UPPER": "SAME", "SAME_LOWER": "SAME_LOWER", "VALID": "VALID"}


def load(path: Path, node: str | None = None) -> Model:
    """Return the model of a file; or one convolution of it, by the name of its node.

    Raises
    ------
    ValueError, OSError
        If it is no ONNX model, or does not have one float convolution that can be told from the others.
    """
    graph = onnx_file.read(path)
    found = graph.convolutions
    if node is not None:
        found = [one for one in found if node in (one.name, *one.outputs)]
    names = ", ".join(map(str, graph.convolutions)) or "none"
    if not graph.convolutions:
        others = ", ".join(sorted({one.kind for one in graph.nodes if one.kind in onnx_file.OTHERS}))
        hint = f"; {others} cannot be checked" if others else ""
        raise ValueError(f"{path} must hold a Conv or ConvTranspose; it holds none{hint}")
    if len(found) != 1:
        raise ValueError(f"give --node with the name of one convolution of {path}: {names}")
    (convolution,) = found
    if node is not None:  # it alone, with its own weights
        graph = Graph([convolution], graph.constants, {convolution.inputs[0]: None}, convolution.outputs[:1])
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ValueError(f"{path} must take one array and give one; its inputs are {', '.join(graph.inputs) or 'none'}")
    weights = graph.constants.get(convolution.inputs[1])
    if weights is None:
        raise ValueError(f"{path}: the weights of {convolution} must be constants of the model; they are computed")
    if weights.ndim != 4:
        raise ValueError(f"{path}: the weights of {convolution} must have 4 axes; they have shape {weights.shape}")
    ((name, shape),) = graph.inputs.items()
    return Model(
        name=path.name,
        is_transposed=convolution.kind == "ConvTranspose",
        shape=shape,
        dtype=graph.dtypes.get(name) or weights.dtype.name,
        answer=lambda images: _answer(graph, images),
        weights=weights.transpose(2, 3, 1, 0),
        says=_says(convolution),
        by="ONNX's definition",
    )


def in_runtime(path: Path) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    """Return a function that runs the model in ONNX Runtime, and the runtime's name. Raise ImportError without it."""
    try:
        import onnxruntime
    except ImportError:
        raise ImportError("--runtime needs ONNX Runtime: pip install 'conv2d-reference-impl[onnxruntime]'") from None
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})[0], f"ONNX Runtime {onnxruntime.__version__}"


def _says(node: Node) -> dict[str, Any]:
    """Return the options of a node as ONNX's words have them, with the defaults that hold where one is left out."""
    told = node.attributes
    said: dict[str, Any] = {"strides": told.get("strides", [1, 1]), "dilations": told.get("dilations", [1, 1])}
    word = told.get("auto_pad", "NOTSET")
    said["pads (top, left, bottom, right)"] = told.get("pads", [0] * 4) if word in ("", "NOTSET") else word
    said["group"] = told.get("group", 1)
    if node.kind == "ConvTranspose":
        said["output_padding"] = told.get("output_padding", [0, 0])
    return said


def _answer(graph: Graph, images: np.ndarray) -> np.ndarray:
    values: dict[str, np.ndarray] = dict(graph.constants)
    values[next(iter(graph.inputs))] = images
    for node in graph.nodes:
        if node.kind not in _NODES:
            raise CannotRun(
                f"the model must hold no other nodes than {', '.join(_NODES)} around its convolution, unless --runtime "
                f"runs it; it holds {node}"
            )
        arrays = [values.get(name) for name in node.inputs]
        try:
            values[node.outputs[0]] = _NODES[node.kind](node.attributes, *arrays)
        except (ValueError, TypeError, IndexError) as error:
            raise CannotRun(f"{node} cannot be computed: {error}") from None
    return values[graph.outputs[0]].astype(images.dtype)


def _pads(told: dict[str, Any], sizes: Any, kernel: Any, strides: Any, dilations: Any) -> Any:
    word = told.get("auto_pad", "NOTSET")
    if word in ("", "NOTSET"):
        top, left, bottom, right = told.get("pads", [0] * 4)
        return (top, bottom), (left, right)
    axes = zip(sizes, kernel, strides, dilations, strict=True)
    return tuple(padding_of(_WORDS[word], size, (taps - 1) * step + 1, skip) for size, taps, skip, step in axes)


def _conv(told: dict[str, Any], images: Any, weights: Any, bias: Any = None) -> np.ndarray:
    strides, dilations = told.get("strides", [1, 1]), told.get("dilations", [1, 1])
    pads = _pads(told, images.shape[2:], weights.shape[2:], strides, dilations)
    options = {"strides": strides, "dilations": dilations, "groups": told.get("group", 1)}
    found = operations.conv2d(images.transpose(_NHWC), weights.transpose(2, 3, 1, 0), padding=pads, **options)
    return (found if bias is None else found + bias.astype(found.dtype)).transpose(_NCHW)


def _conv_transpose(told: dict[str, Any], images: Any, weights: Any, bias: Any = None) -> np.ndarray:
    """The sizes follow from output_padding and pads; or, if it is given, from output_shape or auto_pad."""
    strides, dilations = told.get("strides", [1, 1]), told.get("dilations", [1, 1])
    groups, longer = told.get("group", 1), told.get("output_padding", [0, 0])
    axes = list(zip(images.shape[2:], weights.shape[2:], strides, dilations, longer, strict=True))
    uncut = [(size - 1) * skip + (taps - 1) * step + 1 + more for size, taps, skip, step, more in axes]
    word = told.get("auto_pad", "NOTSET")
    wanted = told.get("output_shape")
    if wanted is None and word in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [size * skip for size, _, skip, _, _ in axes]
    if wanted is None:
        pads = _pads({"pads": told.get("pads", [0] * 4)}, (), (), (), ())
    else:
        totals = [max(whole - size, 0) for whole, size in zip(uncut, wanted[-2:], strict=True)]
        pads = tuple(
            (total // 2, total - total // 2) if word == "SAME_UPPER" else (total - total // 2, total // 2)
            for total in totals
        )
    sizes = [whole - before - after for whole, (before, after) in zip(uncut, pads, strict=True)]
    channels = weights.shape[1] * groups
    # The uncut answer is the transpose of a VALID convolution. What lies beyond its windows is zero.
    whole = (images.shape[0], *(size - more for size, more in zip(uncut, longer, strict=True)), channels)
    options = {"strides": strides, "dilations": dilations, "groups": groups}
    found = operations.conv2d_transpose(images.transpose(_NHWC), weights.transpose(2, 3, 1, 0), whole, **options)
    found = np.pad(found, [(0, 0), (0, longer[0]), (0, longer[1]), (0, 0)])
    (top, _), (left, _) = pads
    found = found[:, top : top + sizes[0], left : left + sizes[1]]
    return (found if bias is None else found + bias.astype(found.dtype)).transpose(_NCHW)


def _pad(told: dict[str, Any], array: Any, pads: Any = None, value: Any = None, axes: Any = None) -> np.ndarray:
    if told.get("mode", "constant") != "constant":
        raise ValueError(f"it must pad with a constant; its mode is {told['mode']}")
    numbers = [int(one) for one in (told["pads"] if pads is None else pads)]
    places = range(array.ndim) if axes is None else [int(axis) % array.ndim for axis in axes]
    widths = [(0, 0)] * array.ndim
    for number, axis in enumerate(places):
        widths[axis] = numbers[number], numbers[len(numbers) // 2 + number]
    if min(map(min, widths)) < 0:
        raise ValueError(f"its pads must be at least 0; they are {numbers}")
    return np.pad(array, widths, constant_values=float(told.get("value", 0.0) if value is None else value))


# The nodes that exporters put around a convolution.
_NODES: dict[str, Callable[..., np.ndarray]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Add": lambda told, one, other: one + other,
    "Identity": lambda told, array: array,
    "Pad": _pad,
    "Reshape": lambda told, array, shape: array.reshape(shape),
    "Transpose": lambda told, array: array.transpose(told.get("perm", range(array.ndim)[::-1])),
}
