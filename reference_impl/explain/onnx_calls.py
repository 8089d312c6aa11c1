"""The case as ONNX nodes, Conv and ConvTranspose, run by ONNX Runtime.

https://onnx.ai/onnx/operators/onnx__Conv.html, https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
"""

from __future__ import annotations

from ..cases.case import Case
from . import filters_gradient
from .snippet import NO_PADS, TRANSPOSE, TRANSPOSE_TITLE, Snippet, call, size_remark

Pair = tuple[int, int]

_TYPES = {"float16": "FLOAT16", "float32": "FLOAT", "float64": "DOUBLE"}
_WEIGHTS = "weights = filters.transpose(3, 2, 0, 1)  # HWIO to OIHW"


def lack(case: Case) -> str:
    if case.dtype == "float64":
        return "ONNX Runtime has neither Conv nor ConvTranspose of float64 on CPUs."
    if 0 in (case.height, case.width):
        return "ONNX Runtime's ConvTranspose gives no image of height or width 0."
    if 0 in (case.batch, case.input_channels):
        return "ONNX Runtime's Conv leaves its output unwritten, or never ends, where there is nothing to sum."
    return ""


def snippets(case: Case) -> list[Snippet]:
    remark = size_remark(case)
    no_gradients = filters_gradient.REMARK.format("ONNX")
    return [
        Snippet("conv2d", ("conv2d",), _convolution(case), remark),
        Snippet(TRANSPOSE_TITLE, TRANSPOSE, _transpose(case), remark),
        Snippet("filters' gradient", ("conv2d_backprop_filter",), _filters(case), no_gradients),
    ]


def _convolution(case: Case) -> str:
    images = "images = input.transpose(0, 3, 1, 2)  # NHWC to NCHW"
    node = _node("Conv", case, case.strides, case.dilations)
    return f"{_run(case, images, _WEIGHTS, node)}\noutput = result.transpose(0, 2, 3, 1)  # NCHW to NHWC"


def _transpose(case: Case) -> str:
    images = "images = out_backprop.transpose(0, 3, 1, 2)  # NHWC to NCHW"
    leftover = case.convolution.height.leftover, case.convolution.width.leftover
    node = _node("ConvTranspose", case, case.strides, case.dilations, leftover)
    last = "input_backprop = transposed = result.transpose(0, 2, 3, 1)  # NCHW to NHWC"
    return f"{_run(case, images, _WEIGHTS, node)}\n{last}"


def _filters(case: Case) -> str:
    weights = "weights = out_backprop.transpose(3, 0, 1, 2)  # NHWC to CNHW"
    node = _node("Conv", case, case.dilations, case.strides)
    last = "filters_backprop = result.transpose(2, 3, 0, 1)  # IOHW to HWIO"
    cropped = filters_gradient.crop(case)
    if cropped:
        last += f"\nfilters_backprop = filters_backprop{cropped}"
    return f"{_run(case, filters_gradient.images(case, 'NCHW'), weights, node)}\n{last}"


def _node(operator: str, case: Case, strides: Pair, dilations: Pair, output_padding: Pair = (0, 0)) -> str:
    (top, bottom), (left, right) = case.convolution.padding
    return call(
        "node = helper.make_node",
        f'"{operator}"',
        '["images", "weights"]',
        '["result"]',
        strides=None if strides == (1, 1) else list(strides),
        pads=None if case.convolution.padding == NO_PADS else [top, left, bottom, right],
        output_padding=None if output_padding == (0, 0) else list(output_padding),
        dilations=None if dilations == (1, 1) else list(dilations),
        group=case.groups if case.groups > 1 else None,
    )


def _run(case: Case, images: str, weights: str, node: str) -> str:
    return f"""\
import onnxruntime
from onnx import TensorProto, helper

{images}
{weights}
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
