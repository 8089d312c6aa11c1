"""Models of one ONNX operator, Conv, ConvTranspose or ConvInteger, for whatever runs them.

https://onnx.ai/onnx/operators/onnx__Conv.html, https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ..padding import Pads, explicit, windows
from ..protocol import Capabilities

# Of the operators; not so new that a runtime does not know it yet.
_OPSET = 22
_WORDS = {"VALID": "VALID", "SAME": "SAME_UPPER", "SAME_LOWER": "SAME_LOWER"}


def composed(operation: str, case: Any) -> str | None:
    """ONNX has no operator for the gradient of filters."""
    return "Conv over the batch, cropped" if operation == "conv2d_backprop_filter" else None


# Of what answers by ConvInteger.
INTEGERS = Capabilities(
    operations=("conv2d", "conv2d_backprop_filter"),
    dtypes=("int8", "uint8"),
    result_dtypes={"int8": "int32", "uint8": "int32"},
    composed=composed,
)


class Operators:
    """The four operations, each as a model that `run` gives the answer of; NCHW and OIHW inside."""

    conv: ClassVar[str] = "Conv"
    result: ClassVar[str | None] = None  # the dtype of results where that is not the arguments'
    constant_filters: ClassVar[bool] = True

    def conv2d(self, input: Any, filters: Any, *, padding: Any, **options: Any) -> np.ndarray:
        how = _padding(padding, input.shape, filters.shape, **options)
        answer = self._answer(self.conv, _nchw(input), _oihw(filters), {**how, **_attributes(**options)})
        return answer.transpose(0, 2, 3, 1)

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        return self.conv2d_transpose(out_backprop, filters, input_sizes, **options)

    def conv2d_transpose(
        self, input: Any, filters: Any, output_shape: Any, *, padding: Any, **options: Any
    ) -> np.ndarray:
        how = _transposed_padding(padding, output_shape, filters.shape, **options)
        answer = self._answer("ConvTranspose", _nchw(input), _oihw(filters), {**how, **_attributes(**options)})
        output = answer.transpose(0, 2, 3, 1)
        _check("output_shape", output_shape, output.shape)
        return output

    def conv2d_backprop_filter(
        self,
        input: Any,
        filter_sizes: Any,
        out_backprop: Any,
        *,
        strides: Any,
        padding: Any,
        dilations: Any,
        groups: int,
    ) -> np.ndarray:
        """A Conv that sums over the batch as if over input channels, and has an image for each of these: the cotangent
        is its filters, whose taps are `strides` apart, and move by `dilations`."""
        axes = input.shape[1:3], filter_sizes[:2], strides, dilations
        pads = explicit(padding, *axes)
        _check("out_backprop's height and width", out_backprop.shape[1:3], windows(pads, *axes)[0])
        batch, height, width, channels = input.shape
        by_group = input.reshape(batch, height, width, groups, channels // groups)
        images = by_group.transpose(4, 3, 0, 1, 2).reshape(channels // groups, groups * batch, height, width)
        attributes = {"pads": _before_first(pads), **_attributes(strides=dilations, dilations=strides, groups=groups)}
        answer = self._answer(self.conv, images, out_backprop.transpose(3, 0, 1, 2), attributes)
        # Where the image ends with positions that no window reads, there may be room for further taps.
        taps = answer.transpose(2, 3, 0, 1)[: filter_sizes[0], : filter_sizes[1]]
        _check("filter_sizes", filter_sizes, taps.shape)
        return taps

    def run(self, model: onnx.ModelProto, arrays: dict[str, np.ndarray]) -> np.ndarray:
        raise NotImplementedError

    def _answer(self, operator: str, images: Any, filters: Any, attributes: dict[str, Any]) -> np.ndarray:
        """What the operator gives, asked for an answer of 4 axes of any size."""
        arrays = {"images": np.ascontiguousarray(images), "filters": np.ascontiguousarray(filters)}
        constants = [numpy_helper.from_array(arrays.pop("filters"), "filters")] if self.constant_filters else []
        dtype = np.dtype(self.result or images.dtype)
        graph = helper.make_graph(
            [helper.make_node(operator, ["images", "filters"], ["answer"], **attributes)],
            operator,
            [_declared(name, array.dtype, array.shape) for name, array in arrays.items()],
            [_declared("answer", dtype, [None] * 4)],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=10)
        return self.run(model, arrays)


class ConvInteger(Operators):
    """As quantised models have it."""

    conv = "ConvInteger"
    result = "int32"


def _attributes(*, strides: Any, dilations: Any, groups: int) -> dict[str, Any]:
    return {"strides": strides, "dilations": dilations, "group": groups}


def _padding(
    padding: Any, input_sizes: Any, filter_sizes: Any, *, strides: Any, dilations: Any, groups: int
) -> dict[str, Any]:
    if padding in _WORDS:
        return {"auto_pad": _WORDS[padding]}
    return {"pads": _before_first(explicit(padding, input_sizes[1:3], filter_sizes[:2], strides, dilations))}


def _transposed_padding(
    padding: Any, output_shape: Any, filter_sizes: Any, *, strides: Any, dilations: Any, groups: int
) -> dict[str, Any]:
    """With SAME, the output is as large as the stride times the input, or as `output_shape` says. `output_padding`
    adds positions at the end that no window of the forward convolution reads."""
    axes = output_shape[1:3], filter_sizes[:2], strides, dilations
    pads = explicit(padding, *axes)
    number, unread = windows(pads, *axes)
    if padding in ("SAME", "SAME_LOWER") and not any(unread):
        if all(size == count * stride for size, count, stride in zip(output_shape[1:3], number, strides, strict=True)):
            return {"auto_pad": _WORDS[padding]}
        return {"auto_pad": _WORDS[padding], "output_shape": output_shape[1:3]}
    how = {"auto_pad": "VALID"} if padding == "VALID" else {"pads": _before_first(pads)}
    return {**how, "output_padding": unread}


def _before_first(pads: Pads) -> list[int]:
    """ONNX has the sides before of all axes first."""
    (top, bottom), (left, right) = pads
    return [top, left, bottom, right]


def _check(name: str, given: Any, needed: Any) -> None:
    """Raise ValueError where an argument that ONNX is not told of is not what the others come to."""
    if tuple(given) != tuple(needed):
        raise ValueError(f"{name} must be what the other arguments come to: {tuple(given)} is not {tuple(needed)}")


def _declared(name: str, dtype: np.dtype, shape: Any) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), shape)


def _nchw(array: np.ndarray) -> np.ndarray:
    return array.transpose(0, 3, 1, 2)


def _oihw(array: np.ndarray) -> np.ndarray:
    return array.transpose(3, 2, 0, 1)
