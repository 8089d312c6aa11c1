"""Call: one operation on one case with given arrays; its exact answer on integers, and the gauge of its error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import operations
from ..cases.case import Case
from ..exact.formats import FORMATS

_ARRAYS = {
    "conv2d": ("input", "filters"),
    "conv2d_backprop_input": ("filters", "out_backprop"),
    "conv2d_backprop_filter": ("input", "out_backprop"),
    "conv2d_transpose": ("input", "filters"),
}


@dataclass(frozen=True)
class Call:
    """One operation on one case with given arrays, by argument name."""

    operation: str
    case: Case
    arrays: dict[str, np.ndarray]

    def positional(self) -> tuple[Any, ...]:
        """The arguments before the options, in the operation's order."""
        arrays, case = self.arrays, self.case
        if self.operation == "conv2d":
            return arrays["input"], arrays["filters"]
        if self.operation == "conv2d_backprop_input":
            return case.input_sizes, arrays["filters"], arrays["out_backprop"]
        if self.operation == "conv2d_backprop_filter":
            return arrays["input"], case.filter_sizes, arrays["out_backprop"]
        return arrays["input"], arrays["filters"], case.input_sizes

    def run(self, backend: Any) -> Any:
        """Ask `backend`, or the oracle (`reference_impl.operations`)."""
        return getattr(backend, self.operation)(*self.positional(), **self.case.options)

    def with_arrays(self, convert: Any) -> Call:
        return Call(self.operation, self.case, {name: convert(array) for name, array in self.arrays.items()})


def array_shapes(case: Case, operation: str) -> dict[str, tuple[int, ...]]:
    """The shape of each array that `operation` takes on `case`."""
    input_shape = case.output_shape if operation == "conv2d_transpose" else case.input_sizes
    shapes = {"input": input_shape, "filters": case.filter_sizes, "out_backprop": case.output_shape}
    return {name: shapes[name] for name in _ARRAYS[operation]}


def oracle(call: Call) -> np.ndarray:
    """The exact answer to a call on integers, as int64."""
    return call.with_arrays(lambda array: array.astype(np.int64)).run(operations)


def sums_that_fit(call: Call) -> np.ndarray:
    """The exact answer to a call on integers, as int64, if the case's dtype holds every partial sum.

    Then float64 holds the partial sums of integers in floats, and adds them faster.
    """
    if call.case.dtype in FORMATS:
        return call.with_arrays(lambda array: array.astype(np.float64)).run(operations).astype(np.int64)
    return oracle(call)


def gauge(call: Call) -> np.ndarray:
    """The same operation on absolute values, as float64."""
    return call.with_arrays(lambda array: np.abs(array.astype(np.float64))).run(operations)


def plane_gauge(call: Call) -> np.ndarray:
    """The same operation on the 2-norms of planes, as float64. It broadcasts to the gauge, and is nowhere below it.

    A plane is one channel of an image, or one input channel of a filter. So the operation has one pixel and one tap. It
    sums over channels, or images, as before.
    """
    case = call.case
    pixel = Case(case.batch, 1, 1, case.input_channels, (1, 1), case.output_channels, groups=case.groups)
    norms = {name: _norms(array, (0, 1) if name == "filters" else (1, 2)) for name, array in call.arrays.items()}
    return Call(call.operation, pixel, norms).run(operations)


def numpy_dtype(name: str) -> np.dtype:
    """The NumPy dtype of this name. For bfloat16 it is that of `ml_dtypes`."""
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def _norms(array: np.ndarray, axes: tuple[int, int]) -> np.ndarray:
    """2-norms over `axes`, as float64, of numbers scaled so that no square overflows or underflows."""
    values = np.abs(array.astype(np.float64))
    largest = values.max(axis=axes, keepdims=True)
    scaled = values / np.where(largest > 0, largest, 1.0)
    return largest * np.sqrt(np.square(scaled).sum(axis=axes, keepdims=True))
