"""Invalid calls: a backend must raise an error for each, not answer, hang or die.

Public reports of frameworks that died of such a call, or answered it:
https://github.com/pytorch/pytorch/issues/71080 https://github.com/pytorch/pytorch/issues/73193
https://github.com/tensorflow/tensorflow/issues/42208 https://github.com/tensorflow/tensorflow/issues/46540
https://github.com/PaddlePaddle/Paddle/issues/76955
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..cases.case import Case
from ..operations import OPERATIONS
from .integers import integer_call

# A valid case in float32. Where it matters, no two sizes are alike.
CASE = Case.parse("n2_h7w6c4_k3x2o6_s2x1")

# The names of the argument that gives the size of the result, and of the cotangent.
_SIZES = {
    "conv2d_backprop_input": "input_sizes",
    "conv2d_backprop_filter": "filter_sizes",
    "conv2d_transpose": "output_shape",
}
_COTANGENT = {
    "conv2d_backprop_input": "out_backprop",
    "conv2d_backprop_filter": "out_backprop",
    "conv2d_transpose": "input",
}
_POSITIONAL = {
    "conv2d": ("input", "filters"),
    "conv2d_backprop_input": ("input_sizes", "filters", "out_backprop"),
    "conv2d_backprop_filter": ("input", "filter_sizes", "out_backprop"),
    "conv2d_transpose": ("input", "filters", "output_shape"),
}

Arguments = dict[str, Any]


@dataclass(frozen=True)
class InvalidCall:
    """One way to make a valid call invalid.

    Parameters
    ----------
    must : the condition that the call violates
    change : changes the arguments of an operation
    operations : the operations that have such a call
    near : a valid case with the option that is made invalid
        Who declares to lack that is not asked.
    """

    name: str
    must: str
    change: Callable[[str, Arguments], None]
    operations: tuple[str, ...] = OPERATIONS
    near: Case | None = None


_GROUPED = replace(CASE, groups=2)
_STRIDED = CASE
_DILATED = replace(CASE, strides=(1, 1), dilations=(2, 1))
_PADDED = replace(CASE, strides=(1, 1), padding=((1, 1), (0, 0)))


def _option(name: str, value: Any) -> Callable[[str, Arguments], None]:
    def change(operation: str, arguments: Arguments) -> None:
        arguments[name] = value

    return change


def _array(which: int, shape: tuple[int, ...]) -> Callable[[str, Arguments], None]:
    """Replace the first or second array of the call by ones of this shape."""

    def change(operation: str, arguments: Arguments) -> None:
        names = [name for name, value in arguments.items() if isinstance(value, np.ndarray)]
        arguments[names[which]] = np.ones(shape, np.float32)

    return change


def _sizes(value: Any) -> Callable[[str, Arguments], None]:
    def change(operation: str, arguments: Arguments) -> None:
        arguments[_SIZES[operation]] = value

    return change


def _longer(axis: int) -> Callable[[str, Arguments], None]:
    """Make the cotangent one longer along an axis."""

    def change(operation: str, arguments: Arguments) -> None:
        array = arguments[_COTANGENT[operation]]
        shape = list(array.shape)
        shape[axis] += 1
        arguments[_COTANGENT[operation]] = np.ones(shape, array.dtype)

    return change


def _more_channels(operation: str, arguments: Arguments) -> None:
    """Give the input one channel more than the filters take."""
    if operation in ("conv2d", "conv2d_backprop_filter"):
        *sizes, channels = arguments["input"].shape
        arguments["input"] = np.ones((*sizes, channels + 1), np.float32)
    else:
        *sizes, channels = arguments[_SIZES[operation]]
        arguments[_SIZES[operation]] = (*sizes, channels + 1)


def _kernel_too_large(operation: str, arguments: Arguments) -> None:
    if operation == "conv2d_backprop_filter":
        arguments["filter_sizes"] = (9, 2, 4, 6)
    else:
        arguments["filters"] = np.ones((9, 2, 4, 6), np.float32)


_GRADIENTS = tuple(_SIZES)

INVALID_CALLS = (
    InvalidCall("groups-zero", "groups must be at least 1", _option("groups", 0), near=_GROUPED),
    InvalidCall("groups-negative", "groups must be at least 1", _option("groups", -1), near=_GROUPED),
    InvalidCall("groups-no-divisor", "groups must divide the channels", _option("groups", 3), near=_GROUPED),
    InvalidCall("stride-zero", "strides must be at least 1", _option("strides", (0, 1)), near=_STRIDED),
    InvalidCall("stride-negative", "strides must be at least 1", _option("strides", (-1, 1)), near=_STRIDED),
    InvalidCall("dilation-zero", "dilations must be at least 1", _option("dilations", (0, 1)), near=_DILATED),
    InvalidCall("dilation-negative", "dilations must be at least 1", _option("dilations", (-1, 1)), near=_DILATED),
    InvalidCall("padding-negative", "padding must be at least 0", _option("padding", ((-1, -1), (0, 0))), near=_PADDED),
    InvalidCall("padding-word", "padding must be one of the known words", _option("padding", "SOME")),
    InvalidCall(
        "dilation-2**31", "the kernel must fit in the padded input", _option("dilations", (2**31, 1)), near=_DILATED
    ),
    InvalidCall("kernel-too-large", "the kernel must fit in the padded input", _kernel_too_large),
    InvalidCall("channels-differ", "the channels must be the filters' times groups", _more_channels),
    InvalidCall("first-array-of-rank-1", "arrays must have 4 axes", _array(0, (4,))),
    InvalidCall("first-array-of-rank-3", "arrays must have 4 axes", _array(0, (7, 6, 4))),
    # tf.nn.conv2d takes further batch axes of its input: https://www.tensorflow.org/api_docs/python/tf/nn/conv2d
    InvalidCall("first-array-of-rank-5", "arrays must have 4 axes", _array(0, (1, 2, 7, 6, 4)), _GRADIENTS),
    InvalidCall("second-array-of-rank-1", "arrays must have 4 axes", _array(1, (4,))),
    InvalidCall("second-array-of-rank-3", "arrays must have 4 axes", _array(1, (3, 5, 6))),
    InvalidCall("second-array-of-rank-5", "arrays must have 4 axes", _array(1, (1, 2, 3, 5, 6))),
    InvalidCall("cotangent-of-another-batch", "the cotangent must have the output's shape", _longer(0), _GRADIENTS),
    InvalidCall("cotangent-too-high", "the cotangent must have the output's shape", _longer(1), _GRADIENTS),
    InvalidCall("cotangent-too-wide", "the cotangent must have the output's shape", _longer(2), _GRADIENTS),
    InvalidCall("cotangent-of-more-channels", "the cotangent must have the output's shape", _longer(3), _GRADIENTS),
    InvalidCall("sizes-scalar", "sizes must be 4 integers", _sizes(7), _GRADIENTS),
    InvalidCall("sizes-of-3", "sizes must be 4 integers", _sizes((7, 6, 4)), _GRADIENTS),
    InvalidCall("sizes-negative", "sizes must be at least 0", _sizes((2, -7, 6, 4)), _GRADIENTS),
    InvalidCall("sizes-of-floats", "sizes must be integers", _sizes((2.5, 7.5, 6.5, 4.5)), _GRADIENTS),
)

BY_NAME = {call.name: call for call in INVALID_CALLS}


def arguments_of(name: str, operation: str) -> tuple[list[Any], Arguments]:
    """The positional and keyword arguments of an invalid call."""
    call = integer_call(CASE, operation, 0)
    arguments: Arguments = dict(zip(_POSITIONAL[operation], call.positional())) | CASE.options
    BY_NAME[name].change(operation, arguments)
    return [arguments.pop(name) for name in _POSITIONAL[operation]], arguments


def answer_to(backend: Any, name: str, operation: str) -> tuple[bool, str]:
    """Make an invalid call. Return whether the backend passes, and a description of what it did.

    The death of its process is raised.
    """
    positional, options = arguments_of(name, operation)
    try:
        answer = getattr(backend, operation)(*positional, **options)
    except Exception as error:  # any error will do: it did not answer
        if getattr(error, "is_death", False):
            raise
        kind = "" if hasattr(error, "kind") else f"{type(error).__name__}: "
        return True, f"{kind}{error}"
    return False, f"{BY_NAME[name].must}; it answered, with shape {np.shape(answer)}"
