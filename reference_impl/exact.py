"""Exact results for real data: the four operations on floats, rounded once to nearest, ties to even.

The ordinary operations do the work, on slices of the arrays that float64 sums exactly (`slices`); their results are
added as integers and rounded (`rounding`). Nothing here knows more of a convolution than that it is bilinear, and
how many products it sums.

Exact zeros are +0.0. A nonzero sum that rounds to zero keeps its sign; one too large becomes an infinity. The data
must be finite: NaN and infinity are refused.

Arrays whose exponents spread so far that they need more than `slices.MAX_SLICES` slices (of 20 bits: some 480 bits)
go through the ordinary operation as Python integers, some thousand times slower, or are refused if that is too much
work. Scratch memory, per element: 4 bytes a slice and 16 more of the arguments; 24 bytes and some 16 a slice of the
result.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from . import arguments, operations, rounding, slices
from .geometry import Convolution
from .slices import Bilinear

# Multiplied as Python integers; about half a microsecond each.
MAX_OBJECT_PRODUCTS = 2**25


def conv2d(
    input: Any,
    filters: Any,
    *,
    strides: Any = 1,
    padding: Any = "VALID",
    dilations: Any = 1,
    groups: int = 1,
    dtype: Any = "float32",
) -> np.ndarray:
    """`reference_impl.conv2d`, exact and rounded once to `dtype`.

    Parameters
    ----------
    input, filters, strides, padding, dilations, groups
        As for `reference_impl.conv2d`. float16, bfloat16, float32, float64 in any mix; also integers that float64
        holds.
    dtype : "float16", "bfloat16", "float32" or "float64"
        Of the result. bfloat16 needs `ml_dtypes`.

    Returns
    -------
    array (N, H', W', O) of `dtype`
        The correctly rounded result: nearest, ties to even; infinite from half a unit above the largest number on;
        an exact zero is +0.0.

    Raises
    ------
    TypeError, ValueError
        As `reference_impl.conv2d`; also for objects, NaN, infinity, integers that float64 does not hold, an unknown
        `dtype`, and exponents that spread too far for so large a problem.
    """
    input = _floats(arguments.array(input, "input", "N H W I"), "input")
    filters = _floats(arguments.array(filters, "filters", "kh kw I O"), "filters")
    options = {"strides": strides, "padding": padding, "dilations": dilations, "groups": groups}
    problem = Convolution.checked(input.shape, filters.shape, **options)
    operation = partial(operations.conv2d, **options)
    return _exact(operation, input, filters, problem.terms("conv2d"), math.prod(problem.output_shape), dtype)


def conv2d_backprop_input(
    input_sizes: Any,
    filters: Any,
    out_backprop: Any,
    *,
    strides: Any = 1,
    padding: Any = "VALID",
    dilations: Any = 1,
    groups: int = 1,
    dtype: Any = "float32",
) -> np.ndarray:
    """`reference_impl.conv2d_backprop_input`, exact and rounded once to `dtype`; see `conv2d`."""
    filters = _floats(arguments.array(filters, "filters", "kh kw I O"), "filters")
    input_sizes = arguments.sizes(input_sizes, "input_sizes", "N H W I")
    out_backprop = _floats(arguments.array(out_backprop, "out_backprop", "N H W O"), "out_backprop")
    options = {"strides": strides, "padding": padding, "dilations": dilations, "groups": groups}
    problem = Convolution.checked(input_sizes, filters.shape, **options, names=("input_sizes", "filters"))
    operation = partial(operations.conv2d_backprop_input, input_sizes, **options)
    terms = problem.terms("conv2d_backprop_input")
    return _exact(operation, filters, out_backprop, terms, math.prod(input_sizes), dtype)


def conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    *,
    strides: Any = 1,
    padding: Any = "VALID",
    dilations: Any = 1,
    groups: int = 1,
    dtype: Any = "float32",
) -> np.ndarray:
    """`reference_impl.conv2d_backprop_filter`, exact and rounded once to `dtype`; see `conv2d`."""
    input = _floats(arguments.array(input, "input", "N H W I"), "input")
    filter_sizes = arguments.sizes(filter_sizes, "filter_sizes", "kh kw I O")
    out_backprop = _floats(arguments.array(out_backprop, "out_backprop", "N H W O"), "out_backprop")
    options = {"strides": strides, "padding": padding, "dilations": dilations, "groups": groups}
    problem = Convolution.checked(input.shape, filter_sizes, **options, names=("input", "filter_sizes"))

    def operation(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return operations.conv2d_backprop_filter(left, filter_sizes, right, **options)

    terms = problem.terms("conv2d_backprop_filter")
    return _exact(operation, input, out_backprop, terms, math.prod(filter_sizes), dtype)


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    *,
    strides: Any = 1,
    padding: Any = "VALID",
    dilations: Any = 1,
    groups: int = 1,
    dtype: Any = "float32",
) -> np.ndarray:
    """`reference_impl.conv2d_transpose`, exact and rounded once to `dtype`; see `conv2d`."""
    input = _floats(arguments.array(input, "input", "N H W O"), "input")
    filters = _floats(arguments.array(filters, "filters", "kh kw I O"), "filters")
    output_shape = arguments.sizes(output_shape, "output_shape", "N H W I")
    options = {"strides": strides, "padding": padding, "dilations": dilations, "groups": groups}
    problem = Convolution.checked(output_shape, filters.shape, **options, names=("output_shape", "filters"))
    operation = partial(operations.conv2d_transpose, output_shape=output_shape, **options)
    terms = problem.terms("conv2d_transpose")
    return _exact(operation, input, filters, terms, math.prod(output_shape), dtype)


def _floats(array: np.ndarray, name: str) -> np.ndarray:
    """`array` as float64, if that is exact and finite."""
    if array.dtype.kind == "O":
        raise TypeError(f"{name} must hold floats or integers, not objects, which the ordinary operations keep exact")
    if array.dtype.kind in "iu" and array.size and max(-int(array.min()), int(array.max())) > 2**53:
        raise ValueError(f"{name} must hold integers that float64 holds: magnitudes up to 2**53")
    with np.errstate(invalid="ignore"):
        floats = array.astype(np.float64, copy=False)
    wrong = ~np.isfinite(floats)
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(f"{name} must be finite to have an exact result; at {index} it holds {floats[index]}")
    return floats


@np.errstate(all="ignore")
def _exact(operation: Bilinear, left: np.ndarray, right: np.ndarray, terms: int, size: int, dtype: Any) -> np.ndarray:
    """`operation(left, right)`, of `size` elements that sum `terms` products each, rounded to `dtype`."""
    target = rounding.format_of(dtype)
    if np.float64(2.0**-1022) / 2 == 0:
        raise RuntimeError("exact results need subnormal numbers, which this thread is set to flush to zero")
    bits = slices.bits_for(terms)
    left_slices, left_top = slices.cut(left, bits)
    right_slices, right_top = slices.cut(right, bits)
    if max(len(left_slices), len(right_slices)) <= slices.MAX_SLICES:
        first, digits = slices.multiply(operation, left_slices, right_slices, bits)
        lowest = left_top + right_top - bits * (len(left_slices) + len(right_slices))
        return rounding.round_digits(first, digits, bits, lowest, target)
    if size * terms > MAX_OBJECT_PRODUCTS:
        raise ValueError(
            f"exponents must not spread so far in so large a problem: an array needs more than {slices.MAX_SLICES} "
            f"slices of {bits} bits, and as Python integers {size} elements * {terms} terms > {MAX_OBJECT_PRODUCTS}"
        )
    return _through_objects(operation, left, right, target)


def _through_objects(operation: Bilinear, left: np.ndarray, right: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The same by way of Python integers, of any size."""
    (left, left_lowest), (right, right_lowest) = map(_integers, (left, right))
    return rounding.round_integers(operation(left, right), left_lowest + right_lowest, dtype)


def _integers(array: np.ndarray) -> tuple[np.ndarray, int]:
    """Python integers, and the exponent of 2 by which to multiply them to get `array`."""
    fractions, exponents = np.frexp(array)
    lowest = int(exponents.min(where=array != 0, initial=1024))
    integers = [int(f * 2**53) << max(int(e) - lowest, 0) for f, e in zip(fractions.flat, exponents.flat)]
    result = np.empty(array.size, object)
    result[:] = integers
    return result.reshape(array.shape), lowest - 53
