"""The textbook definition as a backend. It is exact on integers, and so slow that it takes small cases only."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from .. import __version__, definition
from .protocol import Capabilities, Lack
from .reference import FLOATS, INTEGERS

_MOST_PRODUCTS = 200_000


def _is_large(operation: str, case: Any) -> bool:
    return math.prod(case.output_shape) * math.prod(case.filter_sizes[:3]) > _MOST_PRODUCTS


class Definition:
    name = "definition"
    version = __version__
    capabilities = Capabilities(
        dtypes=INTEGERS + FLOATS,
        result_dtypes={**dict.fromkeys(INTEGERS, "int64"), **dict.fromkeys(FLOATS, "float64")},
        unclaimed={
            "special_values": "computes with integers and fractions, which know no NaN",
            "dirty_memory": "computes with integers and fractions, which know no NaN",
            "refuses_invalid_calls": "checks no arguments",
        },
        lacks=(Lack(f"needs more than {_MOST_PRODUCTS} products: too many for plain Python", _is_large),),
    )

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        shape = definition.output_shape(input.shape, filters.shape, **options)
        result = definition.conv2d(_exact(input), _exact(filters), input.shape, filters.shape, **options)
        return _array(result, shape, input.dtype)

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        result = definition.conv2d_backprop_input(
            _exact(filters), _exact(out_backprop), input_sizes, filters.shape, **options
        )
        return _array(result, input_sizes, filters.dtype)

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        result = definition.conv2d_backprop_filter(
            _exact(input), _exact(out_backprop), input.shape, filter_sizes, **options
        )
        return _array(result, filter_sizes, input.dtype)

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        return self.conv2d_backprop_input(output_shape, filters, input, **options)


def _exact(array: np.ndarray) -> list:
    """Return nested lists of Python integers, with a Fraction where an element is not an integer."""
    numbers = [Fraction(float(value)) if array.dtype.kind not in "biu" else int(value) for value in array.ravel()]
    exact = np.empty(array.size, object)
    exact[:] = [int(number) if number == int(number) else number for number in numbers]
    return exact.reshape(array.shape).tolist()


def _array(nested: list, shape: tuple, dtype: np.dtype) -> np.ndarray:
    """Return the nested lists as an array. Its shape is given, as empty lists do not show it."""
    result = np.int64 if dtype.kind in "biu" else np.float64
    return np.array(nested, object).reshape(shape).astype(result)


ROUTES = {"": Definition}
