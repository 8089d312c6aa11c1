"""Describe wrong answers that no known mistake gives, by what they resemble."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

_MOST_SHIFTED = 2
IN_FLOAT16 = "the right one with the errors of float16: it overflows beyond 65504, or has about three digits"
WHERE_ZERO = " where that is 0"
ZEROS = "all zeros"
# Errors of float16, as a part of the largest element: above those of float32, and as large as those of a long sum.
_EXACT = 2.0**11  # float16 holds smaller integers
# Between a quarter of the error of rounding, which few numbers may not reach, and that of cutting bits off.
_FORMATS = {"bfloat16": (2.0**-10, 2.0**-7), "TF32": (2.0**-13, 2.0**-10)}
_LEAST_NARROW, _MOST_NARROW = 2.0**-14, 2.0**-6


def resemblance(actual: np.ndarray, expected: np.ndarray, is_filter: bool) -> str | None:
    """Describe the answer by the right one, as in "the right one times 2"; None if nothing fits."""
    if actual.shape != expected.shape:
        return _of_another_shape(actual, expected)
    dtype, actual, expected = actual.dtype, actual.astype(np.float64), expected.astype(np.float64)
    if np.array_equal(actual, expected):
        return None
    if said := _one_for_zeros(actual, expected):
        return said
    if not np.any(expected):
        return None
    if not np.any(actual):
        return ZEROS
    for said, changed in _changes(expected, (0, 1) if is_filter else (1, 2)):
        if changed.shape == actual.shape and np.array_equal(changed, actual):
            return said
    shifted = _shifted(actual, expected, (0, 1) if is_filter else (1, 2))
    return _multiple(actual, expected, dtype) or shifted or _narrow(actual, expected)


def rounded_arguments(errors: Sequence[float]) -> str | None:
    """Name the format in which arguments have such errors; None if no format that kernels use has.

    The errors are the largest of some wrong answers, as a part of the sum of the products' sizes. Rounding two
    arguments to p bits makes one of 2**-p, and cutting them off one of twice that.
    """
    if not errors:
        return None
    worst = max(errors)
    return next((name for name, (least, most) in _FORMATS.items() if least < worst <= most), None)


def _of_another_shape(actual: np.ndarray, expected: np.ndarray) -> str | None:
    if actual.size == expected.size and np.array_equal(actual.ravel(), expected.ravel()):
        return "the right elements, in order, in another shape"
    for axes in ((0, 3, 1, 2), (0, 2, 1, 3), (3, 2, 0, 1), (2, 3, 0, 1), (3, 0, 1, 2)):
        if expected.ndim == 4 and np.array_equal(actual, expected.transpose(axes)):
            return f"the right one with its axes in the order {axes}"
    if actual.ndim == expected.ndim == 4:
        both = tuple(slice(min(one, other)) for one, other in zip(actual.shape, expected.shape, strict=True))
        if actual[both].size and np.array_equal(actual[both], expected[both]):
            return "the right one as far as both reach, but of the wrong size"
    return None


def _changes(expected: np.ndarray, spatial: tuple[int, int]) -> Iterator[tuple[str, np.ndarray]]:
    rows, columns = spatial
    yield "the right one rotated by 180 degrees", np.flip(expected, spatial)
    yield "the right one upside down", np.flip(expected, rows)
    yield "the right one mirrored, left for right", np.flip(expected, columns)
    yield "the right one with height and width exchanged", np.swapaxes(expected, rows, columns)
    yield "the right one with its last axis reversed", np.flip(expected, -1)
    for axes in ((0, 3, 1, 2), (3, 0, 1, 2), (3, 2, 0, 1), (0, 2, 1, 3), (0, 1, 3, 2)):
        stored = expected.transpose(axes).reshape(expected.shape)
        yield f"the right one stored with its axes in the order {axes}", stored


def _one_for_zeros(actual: np.ndarray, expected: np.ndarray) -> str | None:
    """Say so if the answer is the right one, except that it has one number wherever that is 0."""
    zero = expected == 0
    numbers = np.unique(actual[zero])
    if len(numbers) == 1 and np.array_equal(actual[~zero], expected[~zero]):
        return f"the right one, but {numbers[0]:g}{WHERE_ZERO}"
    return None


def _multiple(actual: np.ndarray, expected: np.ndarray, dtype: np.dtype) -> str | None:
    """Say so if the answer is the right one times a simple fraction, rounded to `dtype`."""
    place = np.unravel_index(np.abs(expected).argmax(), expected.shape)
    if not np.isfinite(actual[place]):
        return None
    factor = Fraction(float(actual[place] / expected[place])).limit_denominator(10_000)
    scaled = (expected * factor.numerator / factor.denominator).astype(dtype)
    return f"the right one times {factor}" if np.array_equal(scaled, actual) else None


def _shifted(actual: np.ndarray, expected: np.ndarray, spatial: tuple[int, int]) -> str | None:
    """Say so if the answer is the right one moved by some rows and columns, whatever came in at the sides."""
    reach = range(-_MOST_SHIFTED, _MOST_SHIFTED + 1)
    for down, right in sorted(((d, r) for d in reach for r in reach if d or r), key=lambda by: abs(by[0]) + abs(by[1])):
        here, there = [slice(None)] * actual.ndim, [slice(None)] * actual.ndim
        for axis, by in zip(spatial, (down, right), strict=True):
            here[axis], there[axis] = (
                slice(max(by, 0), by or None if by < 0 else None),
                slice(max(-by, 0), -by or None if by > 0 else None),
            )
        moved, source = actual[tuple(here)], expected[tuple(there)]
        # A small overlap, or one of zeros only, proves nothing.
        if moved.size * 3 >= actual.size and np.any(source) and np.array_equal(moved, source):
            return f"the right one shifted by ({down}, {right})"
    return None


def _narrow(actual: np.ndarray, expected: np.ndarray) -> str | None:
    """Say so if the errors are those of sums in float16."""
    finite = np.isfinite(actual)
    large = np.abs(expected) > np.finfo(np.float16).max
    # A part of a sum may be too large for float16, where the whole sum is not; and parts may be added in a wider type.
    if not finite.all() and not large.any():
        return None
    if finite.all() and (np.abs(actual) > np.finfo(np.float16).max).any():
        return None
    if not finite.any():
        return IN_FLOAT16 if large.any() else None
    error, most = np.abs(actual - expected)[finite].max(), np.abs(expected[finite]).max()
    near = error <= _MOST_NARROW * most and most > _EXACT
    return IN_FLOAT16 if near and (not finite.all() or error >= _LEAST_NARROW * most) else None
