"""The textbook definition as a backend. It is exact on integers, and so slow that it takes small cases only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import __version__, definition
from .protocol import Capabilities, Lack
from .reference import FLOATS, INTEGERS

_MOST_PRODUCTS = 200_000
_MOST_WHOLE = 2.0**62  # as int64


def _is_large(operation: str, case: Any) -> bool:
    return math.prod(case.output_shape) * math.prod(case.filter_sizes[:3]) > _MOST_PRODUCTS


class Definition:
    name = "definition"
    version = __version__
    capabilities = Capabilities(
        dtypes=INTEGERS + FLOATS,
        result_dtypes={**dict.fromkeys(INTEGERS, "int64"), **dict.fromkeys(FLOATS, "float64")},
        unclaimed={
            "special_values": "computes with integers, which know no NaN",
            "dirty_memory": "computes with integers, which know no NaN",
            "refuses_invalid_calls": "checks no arguments",
        },
        lacks=(Lack(f"needs more than {_MOST_PRODUCTS} products: too many for plain Python", _is_large),),
    )

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        (first, scale), (second, other) = _integers(input), _integers(filters)
        shape = definition.output_shape(input.shape, filters.shape, **options)
        result = definition.conv2d(first, second, input.shape, filters.shape, **options)
        return _array(result, shape, input.dtype, scale * other)

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        (first, scale), (second, other) = _integers(filters), _integers(out_backprop)
        result = definition.conv2d_backprop_input(first, second, input_sizes, filters.shape, **options)
        return _array(result, input_sizes, filters.dtype, scale * other)

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        (first, scale), (second, other) = _integers(input), _integers(out_backprop)
        result = definition.conv2d_backprop_filter(first, second, input.shape, filter_sizes, **options)
        return _array(result, filter_sizes, input.dtype, scale * other)

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        return self.conv2d_backprop_input(output_shape, filters, input, **options)


def _integers(array: np.ndarray) -> tuple[list, int]:
    """Return nested lists of Python integers, and the power of two by which they are too large.

    Sums of integers are eight times as fast as sums of Fractions.
    """
    if array.dtype.kind in "biu":
        return array.astype(np.int64).tolist(), 1
    exact = array.astype(np.float64)
    if np.all(np.abs(exact) < _MOST_WHOLE) and np.all(exact == np.rint(exact)):
        return exact.astype(np.int64).tolist(), 1
    ratios = [number.as_integer_ratio() for number in exact.ravel().tolist()]
    scale = max((below for _, below in ratios), default=1)
    integers = np.empty(array.size, object)
    integers[:] = [above * (scale // below) for above, below in ratios]
    return integers.reshape(array.shape).tolist(), scale


def _array(nested: list, shape: tuple, dtype: np.dtype, scale: int) -> np.ndarray:
    """Return the nested lists, divided by `scale`, as an array. Its shape is given, as empty lists do not show it."""
    totals = np.array(nested, object).reshape(shape)
    if dtype.kind in "biu":
        return totals.astype(np.int64)
    return (totals / scale).astype(np.float64)  # Python rounds a quotient of integers once


ROUTES = {"": Definition}
