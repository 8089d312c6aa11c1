"""ONNX models of one operator, Conv, ConvTranspose or ConvInteger, for anything that can run them.

https://onnx.ai/onnx/operators/onnx__Conv.html, https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ..padding import ForwardSizes, Pads
from ..protocol import Capabilities

# The version of the operators: old enough that every runtime knows it.
_OPSET = 22
_WORDS = {"VALID": "VALID", "SAME": "SAME_UPPER", "SAME_LOWER": "SAME_LOWER"}


def composed(operation: str, case: Any) -> str | None:
    """Return how the gradient of filters is composed: ONNX has no operator for it."""
    return "Conv over the batch, cropped" if operation == "conv2d_backprop_filter" else None


class Operators:
    """The four operations, each as a model on NCHW and OIHW. A subclass says how to `run` it."""

    conv: ClassVar[str] = "Conv"
    result: ClassVar[str | None] = None  # the dtype of results where that is not the arguments'
    constant_filters: ClassVar[bool] = True

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        forward = ForwardSizes(input.shape, filters.shape, **options)
        answer = self._answer(self.conv, _nchw(input), _oihw(filters), {**_padding(forward), **_attributes(**options)})
        return answer.transpose(0, 2, 3, 1)

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        return self.conv2d_transpose(out_backprop, filters, input_sizes, **options)

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        how = _transposed_padding(ForwardSizes(output_shape, filters.shape, **options))
        answer = self._answer("ConvTranspose", _nchw(input), _oihw(filters), {**how, **_attributes(**options)})
        output = answer.transpose(0, 2, 3, 1)
        _check("output_shape", output_shape, output.shape)
        return output

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        """Ask for a Conv that sums over the batch: batch and channels are exchanged, and the cotangent is the filters.

        Strides and dilations are exchanged too.
        """
        forward = ForwardSizes(input.shape, filter_sizes, **options)
        _check("out_backprop's height and width", out_backprop.shape[1:3], forward.windows[0])
        batch, height, width, channels = input.shape
        groups = forward.groups
        by_group = input.reshape(batch, height, width, groups, channels // groups)
        images = by_group.transpose(4, 3, 0, 1, 2).reshape(channels // groups, groups * batch, height, width)
        exchanged = _attributes(strides=forward.dilations, dilations=forward.strides, groups=groups)
        attributes = {"pads": _before_first(forward.pads), **exchanged}
        answer = self._answer(self.conv, images, out_backprop.transpose(3, 0, 1, 2), attributes)
        # Positions at the end that no window reads may leave room for further taps.
        taps = answer.transpose(2, 3, 0, 1)[: filter_sizes[0], : filter_sizes[1]]
        _check("filter_sizes", filter_sizes, taps.shape)
        return taps

    def run(self, model: onnx.ModelProto, arrays: dict[str, np.ndarray]) -> np.ndarray:
        raise NotImplementedError

    def _answer(self, operator: str, images: Any, filters: Any, attributes: dict[str, Any]) -> np.ndarray:
        """Run a model of the operator. The model declares that the answer has 4 axes, of any size."""
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
    """ConvInteger, the operator of quantised models. What runs it adds a name and lacks."""

    conv = "ConvInteger"
    result = "int32"
    capabilities = Capabilities(
        operations=("conv2d", "conv2d_backprop_filter"),
        dtypes=("int8", "uint8"),
        result_dtypes={"int8": "int32", "uint8": "int32"},
        composed=composed,
    )


def _attributes(*, strides: Any, dilations: Any, groups: int, **_: Any) -> dict[str, Any]:
    return {"strides": strides, "dilations": dilations, "group": groups}


def _padding(forward: ForwardSizes) -> dict[str, Any]:
    word = _WORDS.get(forward.padding)
    return {"auto_pad": word} if word else {"pads": _before_first(forward.pads)}


def _transposed_padding(forward: ForwardSizes) -> dict[str, Any]:
    """Return the padding for ConvTranspose, and the output's size where it would choose another.

    With SAME it chooses the stride times the input's size; `output_shape` asks for another. `output_padding` adds the
    positions at the end that no window of the forward convolution reads.
    """
    number, unread = forward.windows
    if forward.padding in ("SAME", "SAME_LOWER") and not any(unread):
        word = {"auto_pad": _WORDS[forward.padding]}
        chosen = tuple(count * stride for count, stride in zip(number, forward.strides, strict=True))
        return word if forward.sizes == chosen else {**word, "output_shape": forward.sizes}
    how = {"auto_pad": "VALID"} if forward.padding == "VALID" else {"pads": _before_first(forward.pads)}
    return {**how, "output_padding": unread}


def _before_first(pads: Pads) -> list[int]:
    """Return the pads in ONNX's order: the sides before, of all axes, come first."""
    (top, bottom), (left, right) = pads
    return [top, left, bottom, right]


def _check(name: str, given: Any, needed: Any) -> None:
    """Raise ValueError if an argument that ONNX is not given does not fit the others."""
    if tuple(given) != tuple(needed):
        raise ValueError(f"{name} must fit the other arguments: {tuple(given)} is not {tuple(needed)}")


def _declared(name: str, dtype: np.dtype, shape: Any) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), shape)


def _nchw(array: np.ndarray) -> np.ndarray:
    return array.transpose(0, 3, 1, 2)


def _oihw(array: np.ndarray) -> np.ndarray:
    return array.transpose(3, 2, 0, 1)
