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
# In the transposed operations a word says on which side of the result the odd zero is, not what is cropped from it.
_TRANSPOSED_WORDS = {"SAME": "same_lower", "SAME_LOWER": "same_upper"}


class Plain:
    """Convolution and ConvolutionBackpropData, or with groups GroupConvolution and GroupConvolutionBackpropData.

    Filters are constants, as in a model. The precision hint keeps float32. Without it, CPUs that have the instructions
    round float32 to bfloat16 and compute in that (docs/findings/openvino.md).
    """

    name = "openvino"
    version = ov.__version__.partition("-")[0]
    capabilities = Capabilities(
        operations=("conv2d", "conv2d_backprop_input", "conv2d_transpose"),
        dtypes=("float16", "float32"),
        share=0.25,
    )
    # These are called where there are no groups; a test puts a wrong one in.
    convolution_function: ClassVar[Callable] = staticmethod(opset.convolution)
    backprop_data_function: ClassVar[Callable] = staticmethod(opset.convolution_backprop_data)

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        forward = ForwardSizes(input.shape, filters.shape, **options)
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
        forward = ForwardSizes(output_shape, filters.shape, **options)
        forward.check_transposed(input.shape)  # OpenVINO is told the output's height and width alone
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
    """Run a model of `operation` on NCHW images and OIHW filters. With groups, these are the filters' first axis."""
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
    """Make OpenVINO's core at the first call: its threads would not live on in the processes that a worker forks."""
    return ov.Core()


ROUTES = {"": Plain}
