"""`compare --model`: say if an exported model still is the layer that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..cases.case import Case
from ..console import PlainConsole, plain_name, plain_text
from ..verdicts.agreement import THRESHOLD
from . import layer as layers
from . import onnx_model, tflite_model
from .judging import Judged, judge
from .layer import Layer
from .model import CannotRun, Model
from .naming import findings


def load_model(path: Path, node: str | None, *, runtime: bool) -> Model:
    """Return the model of a file, by the file's suffix.

    Raises
    ------
    ValueError, OSError, ImportError
        If it is no such model, or its interpreter is not installed.
    """
    if path.suffix == ".tflite":
        if node is not None or runtime:
            raise ValueError("--node and --runtime are for ONNX models; a TFLite model is always run")
        return tflite_model.load(path)
    if path.suffix != ".onnx":
        raise ValueError(f"the model must be a .onnx or .tflite file; not {path.name!r}")
    model = onnx_model.load(path, node)
    if not runtime:
        return model
    if node is not None:
        raise ValueError("--runtime runs a whole model, and --node computes one node of it: give one of them")
    answer, by = onnx_model.in_runtime(path)
    return replace(model, answer=answer, by=by)


def load_layer(name: str | None, spec: str | None, filters: Path | None, bias: Path | None, operation: str) -> Layer:
    """Return the layer of the options --layer, or --case with --filters and --bias.

    Raises
    ------
    ValueError, OSError, ImportError
        If the options do not go together, or what they name cannot be read.
    """
    if (name is None) == (spec is None):
        raise ValueError("give one of --layer and --case, the layer that the model came from")
    if name is not None:
        if filters is not None or bias is not None:
            raise ValueError("--filters and --bias belong to --case; a layer holds its own weights")
        return layers.load(name)
    if filters is None:
        raise ValueError("--case needs --filters, a .npy file of its HWIO filters")
    given = None if bias is None else _array(bias)
    return layers.from_case(
        Case.parse(spec or ""), _array(filters), given, is_transposed=operation == "conv2d_transpose"
    )


def _array(path: Path) -> np.ndarray:
    try:
        found = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{path} must be a .npy file of numbers; {error}") from None
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu":
        raise ValueError(f"{path} must be a .npy file of numbers")
    return found


def say(console: PlainConsole, layer: Layer, model: Model, size: tuple[int, int] | None, layout: str | None) -> int:
    """Judge the model, and print the verdict. Return the exit status: 0 if the model is the layer, 1 if it is not."""
    try:
        judged = judge(layer, model, size, layout)
    except CannotRun as error:
        console.verdict(f"WRONG  {model.name} is not {plain_name(layer.name)}")
        console.print(f"    {plain_text(str(error))}", soft_wrap=True)
        _print_differences(console, layer, model, _case(layer, size))
        return 1
    if judged.passed:
        console.verdict(_right(judged))
        return 0
    console.verdict(f"WRONG  {model.name} is not {plain_name(layer.name)}")
    console.print(f"    {_wrong(judged)}", soft_wrap=True)
    for one in findings(judged):
        console.print(f"    *{one.name}*: {one.does}", soft_wrap=True)
    _print_differences(console, layer, model, judged.case)
    console.print(f"    computed by {model.by}, on images of {_sizes(judged)}", soft_wrap=True)
    return 1


def _right(judged: Judged) -> str:
    elements = f"{judged.actual.size:,} elements of {len(judged.images)} integer images of {_sizes(judged)}"
    bits = "equal to the bit where one product is summed, and " if judged.to_the_bit else ""
    bias = "no bias" if judged.layer.bias is None else "bias"
    return (
        f"RIGHT  {judged.model.name} is {plain_name(judged.layer.name)}\n"
        f"    {elements}: {bits}within {judged.ratios.max(initial=0.0):.2g} eps * gauge (of {THRESHOLD}) elsewhere\n"
        f"    read as {judged.layout}, filters and {bias} included; computed by {judged.model.by}"
    )


def _wrong(judged: Judged) -> str:
    if not judged.has_right_shape:
        return f"the output must be N H W C = {judged.expected.shape}; it is {judged.actual.shape}"
    bad = ~(judged.ratios < THRESHOLD)
    index = tuple(int(place) for place in np.unravel_index(int(np.argmax(judged.ratios)), bad.shape))
    where = ", ".join(
        f"{axis} {place}" for axis, place in zip(("image", "row", "column", "channel"), index, strict=True)
    )
    return (
        f"{int(bad.sum()):,} of {bad.size:,} elements are wrong; at {where} it is {judged.actual[index]:.9g}, "
        f"and must be {judged.expected[index]:.9g}"
    )


def _sizes(judged: Judged) -> str:
    return " x ".join(map(str, judged.images.shape[1:3]))


def _case(layer: Layer, size: tuple[int, int] | None) -> Case | None:
    try:
        return layer.case_on(size or layer.smallest_image)
    except ValueError:
        return None


def _print_differences(console: PlainConsole, layer: Layer, model: Model, case: Case | None) -> None:
    if case is None:
        return
    for word, own, needed in differences(layer, model, case):
        console.print(f"    {word}: the model says {own}, and the layer needs {needed}", soft_wrap=True)


def differences(layer: Layer, model: Model, case: Case) -> Iterator[tuple[str, Any, Any]]:
    """Yield the options in which the model differs from the layer: its word, the model's value, the layer's."""
    (top, bottom), (left, right) = case.convolution.padding
    needed: dict[str, Any] = {
        "filters (H W I O)": list(layer.filters.shape),
        "strides": list(case.strides),
        "dilations": list(case.dilations),
        "pads (top, left, bottom, right)": [top, left, bottom, right],
        "group": case.groups,
        "output_padding": [axis.leftover for axis in case.convolution.axes],
        "padding": case.padding,
    }
    told = {"filters (H W I O)": list(model.weights.shape), **model.says}
    for word, own in told.items():
        if own != needed[word] and word in needed:
            yield word, own, needed[word]
