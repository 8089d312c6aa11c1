"""ONNX's own reference of Conv and ConvTranspose, in models of one operator, in NCHW and OIHW.

https://onnx.ai/onnx/operators/onnx__Conv.html, https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from reference_impl.backends.padding import explicit
from reference_impl.backends.protocol import Capabilities

_WORDS = {"VALID": "VALID", "SAME": "SAME_UPPER", "SAME_LOWER": "SAME_LOWER"}


class Reference:
    name = "onnx"
    version = onnx.__version__
    capabilities = Capabilities(operations=("conv2d", "conv2d_transpose"), dtypes=("float32",))

    def conv2d(self, input: Any, filters: Any, *, padding: Any, groups: int, **steps: Any) -> np.ndarray:
        if padding in _WORDS:
            attributes = {"auto_pad": _WORDS[padding]}
        else:
            pads = explicit(padding, input.shape[1:3], filters.shape[:2], **steps)
            attributes = {"pads": [side for sides in zip(*pads, strict=True) for side in sides]}
        return self._answer("Conv", input, filters, {**attributes, **steps, "group": groups})

    def conv2d_transpose(
        self, input: Any, filters: Any, output_shape: Any, *, padding: Any, groups: int, **steps: Any
    ) -> np.ndarray:
        sizes, kernel = output_shape[1:3], filters.shape[:2]
        pads = explicit(padding, sizes, kernel, **steps)
        axes = zip(sizes, kernel, steps["strides"], steps["dilations"], *zip(*pads, strict=True), strict=True)
        before, after, longer = zip(*(_cropped(*axis) for axis in axes), strict=True)
        attributes = {"pads": [*before, *after], "output_padding": longer, **steps, "group": groups}
        return self._answer("ConvTranspose", input, filters, attributes)

    def run(self, model: onnx.ModelProto, arrays: dict[str, np.ndarray]) -> np.ndarray:
        from onnx.reference import ReferenceEvaluator  # an old onnx, as an old runtime needs, has no evaluator

        return ReferenceEvaluator(model).run(None, arrays)[0]

    def _answer(self, operator: str, input: Any, filters: Any, attributes: dict[str, Any]) -> np.ndarray:
        arrays = {
            "images": np.ascontiguousarray(input.transpose(0, 3, 1, 2)),
            "filters": np.ascontiguousarray(filters.transpose(3, 2, 0, 1)),
        }
        inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape) for name, array in arrays.items()]
        answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, [None] * 4)
        node = helper.make_node(operator, list(arrays), ["answer"], kernel_shape=filters.shape[:2], **attributes)
        graph = helper.make_graph([node], operator, inputs, [answer])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
        return self.run(model, arrays).transpose(0, 2, 3, 1)


def _cropped(size: int, taps: int, stride: int, dilation: int, before: int, after: int) -> tuple[int, int, int]:
    """Return the pads and the output_padding of one axis. Both pads are equal, as PyTorch exports them, if possible."""
    unread = (size + before + after - (taps - 1) * dilation - 1) % stride
    longer = unread + before - after
    return (before, before, longer) if 0 <= longer < max(stride, dilation) else (before, after, unread)
