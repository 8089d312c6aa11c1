"""Backends from functions that keep their arrays in another layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .protocol import OPERATIONS, Capabilities


class _FromNCHW:
    def __init__(self, functions: dict[str, Callable], name: str, version: str, capabilities: Capabilities) -> None:
        self.name, self.version, self.capabilities = name, version, capabilities
        for operation, function in functions.items():
            setattr(self, operation, _IN_NHWC[operation](function))


def from_nchw(
    *, name: str = "", version: str = "unversioned", capabilities: Capabilities | None = None, **functions: Callable
) -> _FromNCHW:
    """A backend of functions that take and give NCHW images and OIHW filters, as NumPy arrays.

    Parameters
    ----------
    functions : some of the four operations by name, with the signatures of `reference_impl` but for the layout, also
        of `input_sizes`, `filter_sizes` and `output_shape`
    name, version : shown in reports; by default the name of the first function
    capabilities : what they lack; by default nothing, in float32 and float64

    Raises
    ------
    ValueError
        If a function is not named after one of the four operations, or there is none.
    """
    unknown = set(functions) - set(OPERATIONS)
    if unknown or not functions:
        raise ValueError(f"functions must be some of {', '.join(OPERATIONS)}; got {', '.join(functions) or 'none'}")
    operations = tuple(operation for operation in OPERATIONS if operation in functions)
    name = name or getattr(functions[operations[0]], "__name__", "from_nchw")
    return _FromNCHW(functions, name, version, capabilities or Capabilities(operations=operations))


def _conv2d(function: Callable) -> Callable:
    def conv2d(input: np.ndarray, filters: np.ndarray, **options: Any) -> np.ndarray:
        return _to_nhwc(function(_to_nchw(input), _to_oihw(filters), **options))

    return conv2d


def _backprop_input(function: Callable) -> Callable:
    def conv2d_backprop_input(input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        return _to_nhwc(function(_nchw(input_sizes), _to_oihw(filters), _to_nchw(out_backprop), **options))

    return conv2d_backprop_input


def _backprop_filter(function: Callable) -> Callable:
    def conv2d_backprop_filter(input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        sizes = tuple(filter_sizes[axis] for axis in (3, 2, 0, 1))
        return _moved(function(_to_nchw(input), sizes, _to_nchw(out_backprop), **options), (2, 3, 1, 0))

    return conv2d_backprop_filter


def _transpose(function: Callable) -> Callable:
    def conv2d_transpose(input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        return _to_nhwc(function(_to_nchw(input), _to_oihw(filters), _nchw(output_shape), **options))

    return conv2d_transpose


_IN_NHWC = dict(zip(OPERATIONS, (_conv2d, _backprop_input, _backprop_filter, _transpose)))


def _nchw(sizes: Any) -> tuple[int, ...]:
    return tuple(sizes[axis] for axis in (0, 3, 1, 2))


def _to_nchw(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2))


def _to_oihw(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(3, 2, 0, 1))


def _to_nhwc(answer: Any) -> Any:
    return _moved(answer, (0, 2, 3, 1))


def _moved(answer: Any, axes: tuple[int, ...]) -> Any:
    """What is no such array is left to the checks, which say what is wrong with it."""
    return answer.transpose(axes) if isinstance(answer, np.ndarray) and answer.ndim == 4 else answer
