"""The case in ONNX: the nodes Conv and ConvTranspose, run by ONNX Runtime.

https://onnx.ai/onnx/operators/onnx__Conv.html, https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
"""

from __future__ import annotations

from typing import Any

from ..cases.case import Case
from .snippet import FILTER, FILTER_TITLE, NO_PADS, TRANSPOSE, TRANSPOSE_TITLE, Snippet, call, size_remark

_TYPES = {"float16": "FLOAT16", "float32": "FLOAT", "float64": "DOUBLE"}
_NO_FILTER_GRADIENT = "ONNX has no operator for the filter gradient: see the torch or TensorFlow code."


def lack(case: Case) -> str:
    if case.dtype == "float64":
        return "ONNX Runtime has no Conv and no ConvTranspose for float64 on CPUs."
    if 0 in (case.height, case.width):
        return "ONNX Runtime's ConvTranspose returns no image of height or width 0."
    if 0 in (case.batch, case.input_channels):
        return "Where there is nothing to sum, ONNX Runtime's Conv leaves its output unwritten, or never ends."
    return ""


def snippets(case: Case) -> list[Snippet]:
    remark = size_remark(case)
    return [
        Snippet("conv2d", ("conv2d",), _convolution(case), remark),
        Snippet(TRANSPOSE_TITLE, TRANSPOSE, _transpose(case), remark),
        Snippet(FILTER_TITLE, FILTER, lack=_NO_FILTER_GRADIENT),
    ]


def _convolution(case: Case) -> str:
    images = "images = input.transpose(0, 3, 1, 2)  # NHWC to NCHW"
    return f"{_run(case, images, _node('Conv', case))}\noutput = result.transpose(0, 2, 3, 1)  # NCHW to NHWC"


def _transpose(case: Case) -> str:
    images = "images = out_backprop.transpose(0, 3, 1, 2)  # NHWC to NCHW"
    leftover = [axis.leftover for axis in case.convolution.axes]
    node = _node("ConvTranspose", case, output_padding=leftover if any(leftover) else None)
    last = "input_backprop = transposed = result.transpose(0, 2, 3, 1)  # NCHW to NHWC"
    return f"{_run(case, images, node)}\n{last}"


def _node(operator: str, case: Case, **options: Any) -> str:
    (top, bottom), (left, right) = case.convolution.padding
    return call(
        "node = helper.make_node",
        f'"{operator}"',
        '["images", "weights"]',
        '["result"]',
        strides=None if case.strides == (1, 1) else list(case.strides),
        pads=None if case.convolution.padding == NO_PADS else [top, left, bottom, right],
        **options,
        dilations=None if case.dilations == (1, 1) else list(case.dilations),
        group=case.groups if case.groups > 1 else None,
    )


def _run(case: Case, images: str, node: str) -> str:
    return f"""\
import onnxruntime
from onnx import TensorProto, helper

{images}
weights = filters.transpose(3, 2, 0, 1)  # HWIO to OIHW
{node}
declared = [
    helper.make_tensor_value_info(name, TensorProto.{_TYPES[case.dtype]}, None)
    for name in ("images", "weights", "result")
]
graph = helper.make_graph([node], "convolution", declared[:2], declared[2:])
opset = helper.make_opsetid("", 22)
model = helper.make_model(graph, ir_version=10, opset_imports=[opset])
session = onnxruntime.InferenceSession(model.SerializeToString())
(result,) = session.run(None, {{"images": images, "weights": weights}})"""
