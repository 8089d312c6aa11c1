"""OpenVINO on the CPU: each call is a model of one operation, compiled and run.

https://docs.openvino.ai/2026/documentation/openvino-ir-format/operation-sets/operation-specs/convolution/convolution-1.html
https://docs.openvino.ai/2026/documentation/openvino-ir-format/operation-sets/operation-specs/convolution/convolution-backprop-data-1.html
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import openvino as ov
from openvino import opset13 as opset

from .padding import ForwardSizes
from .protocol import Capabilities

_WORDS = {"VALID": "valid", "SAME": "same_upper", "SAME_LOWER": "same_lower"}
# Of the transposed operations the words say on which side of their result the odd zero is, not what is cropped of it.
_TRANSPOSED_WORDS = {"SAME": "same_lower", "SAME_LOWER": "same_upper"}


class Plain:
    """Convolution and ConvolutionBackpropData, or with groups GroupConvolution and GroupConvolutionBackpropData.

    Filters are constants, as in a model. Without the hint, the CPU rounds float32 to bfloat16 where it has the
    instructions for that, and computes in it (docs/findings/openvino.md).
    """

    name = "openvino"
    version = ov.__version__.partition("-")[0]
    capabilities = Capabilities(
        operations=("conv2d", "conv2d_backprop_input", "conv2d_transpose"),
        dtypes=("float16", "float32"),
        share=0.25,
    )
    # What is called; a test puts a wrong one in. With groups, their siblings are.
    convolution_function: ClassVar[Callable] = staticmethod(opset.convolution)
    backprop_data_function: ClassVar[Callable] = staticmethod(opset.convolution_backprop_data)

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        forward = ForwardSizes(tuple(input.shape[1:3]), tuple(filters.shape[:2]), **options)
        operation = self.convolution_function if forward.groups == 1 else opset.group_convolution
        word = _WORDS.get(forward.padding)
        begin, end = zip(*forward.pads, strict=True) if word is None else ((0, 0), (0, 0))
        return _answer(
            lambda images, kernel: operation(
                images, kernel, forward.strides, begin, end, forward.dilations, word or "explicit"
            ),
            input,
            filters,
            forward.groups,
        )

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        return self.conv2d_transpose(out_backprop, filters, input_sizes, **options)

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        forward = ForwardSizes(tuple(output_shape[1:3]), tuple(filters.shape[:2]), **options)
        forward.check_transposed(input.shape, filters.shape, output_shape)  # OpenVINO is told of the sizes alone
        grouped = forward.groups > 1
        operation = opset.group_convolution_backprop_data if grouped else self.backprop_data_function
        word = _TRANSPOSED_WORDS.get(forward.padding)
        how: dict[str, Any] = {"strides": forward.strides, "dilations": forward.dilations}
        if word is not None:
            how |= {"auto_pad": word, "output_shape": opset.constant(np.array(forward.sizes))}
        else:
            begin, end = zip(*forward.pads, strict=True)
            how |= {"pads_begin": begin, "pads_end": end, "output_padding": forward.windows[1]}
        return _answer(lambda images, kernel: operation(images, kernel, **how), input, filters, forward.groups)


def _answer(operation: Callable, input: np.ndarray, filters: np.ndarray, groups: int) -> np.ndarray:
    """What a model of `operation` on NCHW images and OIHW filters answers; with groups, these are the first axis."""
    images = np.ascontiguousarray(input.transpose(0, 3, 1, 2))
    kernel = np.ascontiguousarray(filters.transpose(3, 2, 0, 1))
    if groups != 1:
        kernel = kernel.reshape(groups, kernel.shape[0] // groups, *kernel.shape[1:])
    parameter = opset.parameter(images.shape, images.dtype)
    model = ov.Model([operation(parameter, opset.constant(kernel))], [parameter])
    compiled = _core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(images)[0].transpose(0, 2, 3, 1)


@functools.cache
def _core() -> ov.Core:
    """Made when it is needed: its threads would not live on in the processes that a worker forks."""
    return ov.Core()


ROUTES = {"": Plain}
