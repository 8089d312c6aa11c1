"""Exact results for real data: the four operations on floats, rounded once to nearest, ties to even.

Every element of a result is the exact sum of its products, correctly rounded. The proof has four steps:

1. `slices` cuts each array into slices of small integers, without loss. The ordinary operation on two slices is exact
   in float64, in whatever order it adds: every partial sum is an integer that float64 holds.
2. The results of all pairs of slices are added exactly, again as integers that float64 holds.
3. `rounding` rounds their sum once.
4. `leading` saves work: it uses the first slices alone, and bounds the rest. It answers only where both ends of that
   interval round to the same number.

The proof uses three facts about a convolution: it is bilinear, its images are independent, and an element sums a known
number of products.

Exact zeros are +0.0. A nonzero sum that rounds to zero keeps its sign. A sum that is too large becomes an infinity. The
data must be finite: NaN and infinity are refused.

Where exponents spread far, an array needs more than `slices.MAX_SLICES` slices (of 20 bits: some 480 bits in all). Then
the ordinary operation multiplies Python integers, some thousand times slower. If that is too much work, the call is
refused, unless the leading slices suffice.

Scratch memory does not grow with the number of images, as only some are worked on at a time. Each element of these
images and of the filters takes 4 bytes a slice and up to 50 more. Each element of their result takes 16 bytes a slice
and up to 50 more.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import operations, problems
from ..arguments import Sizes
from ..geometry import Axis, Convolution
from . import leading, rounding, slices
from .formats import format_of
from .slices import Bilinear, Factors

# The most products of Python integers; each takes about half a microsecond.
MAX_OBJECT_PRODUCTS = 2**25
# The most elements that the images worked on at a time have, and their result; at least one image is.
BLOCK_ELEMENTS = 2**19


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
        As for `reference_impl.conv2d`. The arrays may mix float16, bfloat16, float32 and float64. They may also hold
        integers, up to 2**53 in magnitude.
    dtype : "float16", "bfloat16", "float32" or "float64"
        The dtype of the result. bfloat16 needs `ml_dtypes`.

    Returns
    -------
    array (N, H', W', O) of `dtype`
        The correctly rounded result: nearest, ties to even. It is infinite from half a unit above the largest number
        on. An exact zero is +0.0.

    Raises
    ------
    TypeError, ValueError
        As `reference_impl.conv2d`; also for objects, NaN, infinity, integers above 2**53, an unknown `dtype`, and
        exponents that spread too far for so large a convolution.
    """
    options = {"strides": strides, "padding": padding, "dilations": dilations, "groups": groups}
    convolution, input, filters = problems.conv2d(input, filters, **options)
    filters, input = _finite(filters, "filters"), _finite(input, "input")

    def operation(filters: np.ndarray, images: np.ndarray) -> np.ndarray:
        return operations.conv2d(images, filters, **options)

    return _by_images(operation, filters, input, convolution.output_shape, convolution.terms("conv2d"), dtype)


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
    options = {"strides": strides, "padding": padding, "dilations": dilations, "groups": groups}
    convolution, filters, out_backprop = problems.conv2d_backprop_input(input_sizes, filters, out_backprop, **options)
    return _backprop_input(convolution, filters, out_backprop, "out_backprop", options, dtype)


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
    options = {"strides": strides, "padding": padding, "dilations": dilations, "groups": groups}
    convolution, input, out_backprop = problems.conv2d_backprop_filter(input, filter_sizes, out_backprop, **options)
    input, out_backprop = _finite(input, "input"), _finite(out_backprop, "out_backprop")

    def operation(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return operations.conv2d_backprop_filter(left, convolution.filter_sizes, right, **options)

    factors = Factors(input, out_backprop, _blocks(input, out_backprop))
    terms, size = convolution.terms("conv2d_backprop_filter"), math.prod(convolution.filter_sizes)
    return _exact(operation, factors, terms, size, format_of(dtype))


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
    options = {"strides": strides, "padding": padding, "dilations": dilations, "groups": groups}
    convolution, filters, input = problems.conv2d_transpose(input, filters, output_shape, **options)
    return _backprop_input(convolution, filters, input, "input", options, dtype)


def _backprop_input(
    convolution: Convolution, filters: np.ndarray, cotangent: np.ndarray, name: str, options: dict[str, Any], dtype: Any
) -> np.ndarray:
    filters, cotangent = _finite(filters, "filters"), _finite(cotangent, name)

    batch, height, width, channels = convolution.input_sizes
    # Positions that no window reads are left out: they are zero, and `leading` does not decide zeros.
    rows, columns = map(_positions_read, convolution.axes)
    all_read = (len(rows), len(columns)) == (height, width)

    def operation(filters: np.ndarray, images: np.ndarray) -> np.ndarray:
        sizes = (len(images), height, width, channels)
        found = operations.conv2d_backprop_input(sizes, filters, images, **options)
        return found if all_read else found[:, rows][:, :, columns]

    terms, shape = convolution.terms("conv2d_backprop_input"), (batch, len(rows), len(columns), channels)
    found = _by_images(operation, filters, cotangent, shape, terms, dtype)
    if all_read:
        return found
    result = np.zeros(convolution.input_sizes, found.dtype)
    result[:, rows[:, np.newaxis], columns] = found
    return result


def _positions_read(axis: Axis) -> np.ndarray:
    """Return the input positions that a window reads, in order."""
    read = np.zeros(axis.input_size, bool)
    for tap in range(axis.kernel_size):
        read[axis.reads(tap, range(axis.output_size))[1]] = True
    return np.flatnonzero(read)


def _by_images(
    operation: Bilinear, filters: np.ndarray, images: np.ndarray, shape: Sizes, terms: int, dtype: Any
) -> np.ndarray:
    """Return `operation(filters, images)`, of `shape`, from as many images at a time as BLOCK_ELEMENTS allow."""
    result = np.empty(shape, format_of(dtype))
    for block in _blocks(images, result):
        result[block] = _exact(operation, Factors(filters, images[block]), terms, result.size, result.dtype)
    return result


def _blocks(*arrays: np.ndarray) -> list[slice]:
    """Return slices of images, each with at most BLOCK_ELEMENTS of every array. Without images, one empty slice."""
    count = len(arrays[0])
    step = max(BLOCK_ELEMENTS // max(array[:1].size or 1 for array in arrays), 1)
    return [slice(start, start + step) for start in range(0, max(count, 1), step)]


def _finite(array: np.ndarray, name: str) -> np.ndarray:
    """Return `array`. Raises if float64 does not hold its elements, or if one is not finite."""
    if array.dtype.kind == "O":
        raise TypeError(f"{name} must hold floats or integers, not objects, which the ordinary operations keep exact")
    if array.dtype.kind in "iu" and array.size and max(-int(array.min()), int(array.max())) > 2**53:
        raise ValueError(f"{name} must hold integers that float64 holds: magnitudes up to 2**53")
    with np.errstate(invalid="ignore"):
        finite = not array.size or (math.isfinite(array.min()) and math.isfinite(array.max()))
    if not finite:
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array.astype(np.float64)))[0])
        raise ValueError(f"{name} must be finite to have an exact result; at {index} it holds {array[index]}")
    return array


@np.errstate(all="ignore")
def _exact(operation: Bilinear, factors: Factors, terms: int, size: int, dtype: np.dtype) -> np.ndarray:
    """Return the exact result, rounded to `dtype`. It has `size` elements, each a sum of `terms` products."""
    if np.float64(2.0**-1022) / 2 == 0:
        raise RuntimeError("exact results need subnormal numbers, which this thread is set to flush to zero")
    result = leading.attempt(operation, factors, terms, size, dtype)
    if result is not None:
        return result
    words, bits = slices.words_of(operation, factors, terms)
    if words:
        lowest = factors.left_top + factors.right_top - bits * (len(words) + 1)
        return rounding.round_words(words, bits, lowest, dtype)
    if size * terms > MAX_OBJECT_PRODUCTS:
        raise ValueError(
            f"exponents must not spread so far in so large a convolution: an array needs more than {slices.MAX_SLICES} "
            f"slices of {bits} bits, and as Python integers {size} elements * {terms} terms > {MAX_OBJECT_PRODUCTS}"
        )
    return _through_objects(operation, factors.left, factors.right, dtype)


def _through_objects(operation: Bilinear, left: np.ndarray, right: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the exact result, rounded, by way of Python integers of any size."""
    (left, left_lowest), (right, right_lowest) = map(_integers, (left, right))
    return rounding.round_integers(operation(left, right), left_lowest + right_lowest, dtype)


def _integers(array: np.ndarray) -> tuple[np.ndarray, int]:
    """Return Python integers and an exponent: array = integers * 2**exponent."""
    fractions, exponents = np.frexp(array.astype(np.float64, copy=False))
    lowest = int(exponents.min(where=array != 0, initial=1024))
    integers = [int(f * 2**53) << max(int(e) - lowest, 0) for f, e in zip(fractions.flat, exponents.flat)]
    result = np.empty(array.size, object)
    result[:] = integers
    return result.reshape(array.shape), lowest - 53
