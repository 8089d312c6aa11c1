"""Mistakes in numbers: rounded, narrowed, clipped, replaced or flushed to zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import right
from .altered_call import AlteredCall, Change
from .mistake import FILTER_GRADIENT, FORWARD, INPUT_GRADIENTS, Family

FAMILY = Family("values")
mistake = FAMILY.mistake

_GRADIENTS = FILTER_GRADIENT + INPUT_GRADIENTS
_INT16 = np.iinfo(np.int16)


def _significant(bits: int) -> Change:
    """Return a change that rounds floats to that many bits of significand, counting the leading one."""

    def rounded(array: np.ndarray) -> np.ndarray:
        fractions, exponents = np.frexp(array)
        return np.ldexp(np.round(np.ldexp(fractions, bits)), exponents - bits)

    return rounded


def _of_arguments(q: AlteredCall, change: Change) -> np.ndarray:
    """Return the answer to changed arguments if they are floats, and the right answer if not."""
    if q.dtype.kind in "biu":
        return q.answer()
    for role in q.arrays:
        q = q.with_arrays(**{role: change(q.arrays[role])})
    return q.answer()


@mistake("The cotangent is ignored, and ones are used in its place.", right.COTANGENT, _GRADIENTS)
def cotangent_of_ones(q: AlteredCall) -> np.ndarray:
    return q.through("output", np.ones_like)


@mistake("The cotangent of the first position is used for all positions.", right.COTANGENT, _GRADIENTS)
def cotangent_of_the_first_position(q: AlteredCall) -> np.ndarray:
    return q.through("output", lambda array: np.broadcast_to(array[:, :1, :1], array.shape))


@mistake("Only the signs of the cotangent are used.", right.COTANGENT, _GRADIENTS)
def cotangent_signs_only(q: AlteredCall) -> np.ndarray:
    return q.through("output", np.sign)


@mistake("The gradient has the opposite sign.", "The gradient of TensorFlow and this oracle points uphill.", _GRADIENTS)
def gradient_negated(q: AlteredCall) -> np.ndarray:
    return -q.answer()


@mistake("Floats are rounded to bfloat16 before they are multiplied.", right.ALL_BITS)
def arguments_rounded_to_bfloat16(q: AlteredCall) -> np.ndarray:
    return _of_arguments(q, _significant(8))


@mistake("Floats are rounded to TF32, 11 bits, before they are multiplied.", right.ALL_BITS)
def arguments_rounded_to_tf32(q: AlteredCall) -> np.ndarray:
    return _of_arguments(q, _significant(11))


@mistake("The filters alone are rounded to bfloat16.", right.ALL_BITS, FORWARD + INPUT_GRADIENTS)
def filters_rounded_to_bfloat16(q: AlteredCall) -> np.ndarray:
    return q.through("filters", _significant(8)) if q.dtype.kind not in "biu" else q.answer()


@mistake("Arguments in float64 are computed with as float32.", right.ALL_BITS)
def float64_computed_as_float32(q: AlteredCall) -> np.ndarray:
    return _of_arguments(q, _significant(24)) if q.dtype == np.float64 else q.answer()


@mistake("Integers are summed as float32, which is exact only up to 2**24.", right.INTEGER_SUMS)
def integers_summed_in_float32(q: AlteredCall) -> np.ndarray:
    return _accumulated(q, lambda sums: sums.astype(np.float32)) if q.dtype.kind in "biu" else q.answer()


@mistake("Floats are accumulated in float16.", right.WIDE_SUMS)
def float16_accumulation(q: AlteredCall) -> np.ndarray:
    return _accumulated(q, lambda sums: sums.astype(np.float16)) if q.dtype.kind not in "biu" else q.answer()


@mistake("Integer sums stop at 32767, as in a 16-bit accumulator.", right.INTEGER_SUMS)
def sums_saturate_at_16_bits(q: AlteredCall) -> np.ndarray:
    return _accumulated(q, lambda sums: np.clip(sums, _INT16.min, _INT16.max)) if q.dtype.kind in "biu" else q.answer()


@mistake("Integer sums wrap around at 32767, as in a 16-bit accumulator.", right.INTEGER_SUMS)
def sums_wrap_at_16_bits(q: AlteredCall) -> np.ndarray:
    return q.answer().astype(np.int16) if q.dtype.kind in "biu" else q.answer()


@mistake(
    "Integers of 64 bits are multiplied and summed as float64, which is exact only up to 2**53.",
    right.INTEGER_SUMS,
    dtypes=("int64",),
)
def int64_summed_in_float64(q: AlteredCall) -> np.ndarray:
    if q.dtype != np.int64:
        return q.answer()
    floats = {role: array.astype(np.float64) for role, array in q.arrays.items()}
    sums = q.with_arrays(**floats).answer()
    return np.clip(sums, -(2.0**62), 2.0**62).astype(np.int64)


@mistake(
    "Halves, float16 and bfloat16, are added in their own type, product after product.",
    right.WIDE_SUMS,
    dtypes=("float16", "bfloat16"),
)
def halves_summed_as_halves(q: AlteredCall) -> np.ndarray:
    finite = all(np.isfinite(array).all() for array in q.arrays.values())
    if q.dtype.kind in "biu" or q.dtype.itemsize != 2 or not finite:
        return q.answer()
    role, axes = {"output": ("filters", (0, 1, 2)), "input": ("filters", (0, 1, 3)), "filters": ("output", (0, 1, 2))}[
        q.asked
    ]
    terms = [q.shape(role)[axis] for axis in axes]
    if np.prod(terms) > 1000:  # that takes too long, and other cases show it
        return q.answer()
    total = np.zeros(q.shape(q.asked))
    for place in np.ndindex(*terms):
        one: list[Any] = [slice(None)] * 4
        for axis, position in zip(axes, place, strict=True):
            one[axis] = position
        alone = np.zeros(q.shape(role))
        alone[tuple(one)] = q.arrays[role][tuple(one)]
        total = q.cast(total + q.with_arrays(**{role: alone}).answer()).astype(np.float64)
    return total


def _accumulated(q: AlteredCall, narrow: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the answer summed in four parts; `narrow` is applied to the running sum after each."""
    summed = {"output": ("filters", 2), "input": ("output", 3), "filters": ("output", 0)}[q.asked]
    role, axis = summed
    total = np.zeros(q.shape(q.asked))
    for part in range(4):
        kept = np.arange(q.arrays[role].shape[axis]) % 4 == part
        if kept.any():
            mask = kept.reshape([-1 if position == axis else 1 for position in range(4)])
            with np.errstate(all="ignore"):
                total = narrow(total + q.without(role, np.broadcast_to(~mask, q.shape(role)))).astype(np.float64)
    return total


@mistake(
    "The result is rounded to float16.", "The result of TensorFlow and this oracle has the precision of its dtype."
)
def result_rounded_to_float16(q: AlteredCall) -> np.ndarray:
    with np.errstate(all="ignore"):
        return q.answer().astype(np.float16) if q.dtype.kind not in "biu" else q.answer()


@mistake("The result is 0.1 % too large.", right.AS_SUMMED)
def scaled_by_a_thousandth(q: AlteredCall) -> np.ndarray:
    return q.answer() * 1.001


@mistake("Negative results are clipped to 0, as by a fused activation that nobody asked for.", right.AS_SUMMED)
def negative_results_clipped(q: AlteredCall) -> np.ndarray:
    return np.maximum(q.answer(), 0)


@mistake("Subnormal results are flushed to zero.", "This oracle keeps them; a backend may declare that it does not.")
def subnormals_flushed(q: AlteredCall) -> np.ndarray:
    answer = q.answer()
    if q.dtype.kind in "biu":
        return answer
    smallest = 2.0**-14 if q.dtype == np.float16 else 2.0**-1022 if q.dtype == np.float64 else 2.0**-126
    return np.where(np.abs(answer) < smallest, 0, answer)


@mistake("Arguments below 1e-8 count as zero.", "TensorFlow and this oracle multiply them like any others.")
def small_values_dropped(q: AlteredCall) -> np.ndarray:
    return _of_arguments(q, lambda array: np.where(np.abs(array) < 1e-8, 0, array))


@mistake(
    "NaN in an argument counts as zero.", right.NOT_FINITE, links=("https://github.com/pytorch/pytorch/issues/12484",)
)
def nan_swallowed(q: AlteredCall) -> np.ndarray:
    return _of_arguments(q, lambda array: np.where(np.isnan(array), 0, array))


@mistake("Infinity in an argument counts as the largest finite number.", right.NOT_FINITE)
def infinity_saturates(q: AlteredCall) -> np.ndarray:
    largest = 65504.0 if q.dtype == np.float16 else float(np.finfo(np.float32).max)
    return _of_arguments(q, lambda array: np.where(np.isinf(array), np.copysign(largest, array), array))


@mistake("Products with a zero in the filters are skipped.", right.NOT_FINITE, FORWARD + INPUT_GRADIENTS)
def zero_filters_skipped(q: AlteredCall) -> np.ndarray:
    other = "input" if q.asked == "output" else "output"
    filters, array = q.arrays["filters"], q.arrays[other]
    if q.dtype.kind in "biu" or np.isfinite(array).all() or not np.isfinite(filters).all():
        return q.answer()

    def count(signs: np.ndarray, marks: np.ndarray) -> np.ndarray:
        return q.with_arrays(filters=signs, **{other: marks.astype(np.float64)}).answer()

    signs, infinite = np.sign(filters), np.isinf(array)
    answer = count(filters, np.where(np.isfinite(array), array, 0))
    infinities, balance = count(abs(signs), infinite), count(signs, np.where(infinite, np.sign(array), 0))
    # Infinities of both signs, or a NaN, make NaN.
    one_sign = np.where(abs(balance) == infinities, np.copysign(np.inf, balance), np.nan)
    answer = np.where(infinities > 0, one_sign, answer)
    return np.where(count(abs(signs), np.isnan(array)) > 0, np.nan, answer)
