"""The oracle itself as a backend. It is given read-only arrays, so that a write to an argument is an error."""

from __future__ import annotations

from typing import Any

import numpy as np

import reference_impl

from .protocol import Capabilities

INTEGERS = ("int8", "int16", "int32", "int64", "uint8")
FLOATS = ("float16", "bfloat16", "float32", "float64")


class Reference:
    name = "reference"
    version = reference_impl.__version__
    capabilities = Capabilities(
        dtypes=INTEGERS + FLOATS,
        result_dtypes={**dict.fromkeys(INTEGERS, "int64"), **dict.fromkeys(FLOATS, "float64")},
    )

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        return reference_impl.conv2d(_read_only(input), _read_only(filters), **options)

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        return reference_impl.conv2d_backprop_input(
            input_sizes, _read_only(filters), _read_only(out_backprop), **options
        )

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        return reference_impl.conv2d_backprop_filter(
            _read_only(input), filter_sizes, _read_only(out_backprop), **options
        )

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        return reference_impl.conv2d_transpose(_read_only(input), _read_only(filters), output_shape, **options)


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


ROUTES = {"": Reference}
