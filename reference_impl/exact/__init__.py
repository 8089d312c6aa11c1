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

Scratch memory stays under 64 MiB at every size, as long as the dilated kernel spans at most 90 x 90 positions.
`parts` cuts the problem. A part has at most BLOCK_ELEMENTS = 2**16 elements in its result, and four times as many in
both factors together. For at most FEW_SLICES slices, its memory is the sum of three:

- An element of a factor takes at most 60 bytes: 20 for its slices, 16 for two parts in float64, 8 for sums of two
  slices, 16 for copies that do not last. In all, 15 MiB.
- An element of the result takes at most 220 bytes: two lists of nine words, five products that are used twice, and
  four more arrays, 8 bytes each. In all, 14 MiB.
- The ordinary operation takes at most 31 MiB: windows of 18 MiB (`windows.WIDE_BLOCK_BYTES`), their product with one
  kernel row, 9 MiB, and copies of the factors, 4 MiB.

More slices, up to MAX_SLICES, take up to 5 times as many bytes an element, and have an eighth of the elements. Python
integers take up to 600 bytes each, and have an eighth of the elements and of the products.
"""

from __future__ import annotations

import math
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from .. import problems
from ..geometry import Convolution
from . import leading, rounding, slices
from .formats import format_of
from .parts import Part, bounded
from .slices import Product, Sum

# The most products of Python integers; each takes about half a microsecond.
MAX_OBJECT_PRODUCTS = 2**25
# The most elements of the result that are worked on at a time. The factors together have up to four times as many.
BLOCK_ELEMENTS = 2**16
# Parts with more slices are smaller.
FEW_SLICES = 5


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
    return _exact("conv2d", convolution, input, filters, None, dtype)


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
    return _backprop_input(convolution, filters, out_backprop, "out_backprop", dtype)


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
    return _exact("conv2d_backprop_filter", convolution, input, None, out_backprop, dtype)


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
    return _backprop_input(convolution, filters, input, "input", dtype)


def _backprop_input(
    convolution: Convolution, filters: np.ndarray, cotangent: np.ndarray, name: str, dtype: Any
) -> np.ndarray:
    filters, cotangent = _finite(filters, "filters"), _finite(cotangent, name)
    return _exact("conv2d_backprop_input", convolution, None, filters, cotangent, dtype)


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
def _exact(
    operation: str,
    convolution: Convolution,
    input: np.ndarray | None,
    filters: np.ndarray | None,
    output: np.ndarray | None,
    dtype: Any,
) -> np.ndarray:
    """Return the exact result, rounded to `dtype`: the one of the three arrays that is None."""
    if np.float64(2.0**-1022) / 2 == 0:
        raise RuntimeError("exact results need subnormal numbers, which this thread is set to flush to zero")
    shapes = convolution.input_sizes, convolution.filter_sizes, convolution.output_shape
    arrays = [
        np.zeros(shape, format_of(dtype)) if array is None else array
        for shape, array in zip(shapes, (input, filters, output), strict=True)
    ]
    whole = Part(operation, convolution, *arrays)
    if all(array.size for array in arrays):
        for part, added in bounded(whole, BLOCK_ELEMENTS):
            _write(part, added, whole.result.size)
    return whole.result


def _write(part: Part, added: list[Part], size: int) -> None:
    """Write the exact result of a part, which is the sum of `added`. The whole result has `size` elements."""
    dtype, place, terms = part.result.dtype, part.reached, part.convolution.terms(part.operation)
    total = _sum(added)
    found = leading.attempt(total, terms, size, dtype)
    if found is None:
        found = _by_all_slices(total, terms, dtype, min(FEW_SLICES, slices.MAX_SLICES))
    if found is not None:
        part.result[place] = found
        return
    few = max(BLOCK_ELEMENTS // 8, 1)
    for smaller, added in bounded(part, few):
        found = _by_all_slices(_sum(added), terms, dtype, slices.MAX_SLICES)
        if found is not None:
            smaller.result[smaller.reached] = found
            continue
        if size * terms > MAX_OBJECT_PRODUCTS:
            raise ValueError(
                f"exponents must not spread so far in so large a convolution: an array needs more than "
                f"{slices.MAX_SLICES} slices of {slices.bits_for(terms)} bits, and as Python integers {size} elements "
                f"* {terms} terms > {MAX_OBJECT_PRODUCTS}"
            )
        for smallest, added in bounded(smaller, few, products=few):
            smallest.result[smallest.reached] = _through_objects(added, dtype)


def _sum(parts: list[Part]) -> Sum:
    return Sum([Product(part.run, *part.factors) for part in parts])


def _by_all_slices(total: Sum, terms: int, dtype: np.dtype, most: int) -> np.ndarray | None:
    """Return the exact result, rounded; None if an array needs more than so many slices."""
    words, bits = slices.words_of(total, terms, most)
    if not words:
        return None
    return rounding.round_words(words, bits, total.left_top + total.right_top - bits * (len(words) + 1), dtype)


def _through_objects(added: list[Part], dtype: np.dtype) -> np.ndarray:
    """Return the exact result, rounded, by way of Python integers of any size."""
    lowest = [min(_lowest(part.factors[side]) for part in added) for side in (0, 1)]
    integers = reduce(add, (part.run(*map(_integers, part.factors, lowest)) for part in added))
    return rounding.round_integers(integers, sum(lowest), dtype)


def _lowest(array: np.ndarray) -> int:
    """Return an exponent of which all elements of the array are multiples."""
    return int(np.frexp(array.astype(np.float64))[1].min(where=array != 0, initial=1024)) - 53


def _integers(array: np.ndarray, lowest: int) -> np.ndarray:
    """Return array / 2**lowest as Python integers."""
    fractions, exponents = np.frexp(array.astype(np.float64, copy=False))
    result = np.empty(array.size, object)
    result[:] = [int(f * 2**53) << max(int(e) - 53 - lowest, 0) for f, e in zip(fractions.flat, exponents.flat)]
    return result.reshape(array.shape)
