"""One correct rounding of exact numbers to float16, bfloat16, float32 or float64: nearest, ties to even.

A long number is first cut to its leading 61 bits, the last of which is set if any lower bit is ("round to odd"). That
decides every rounding to at most 59 bits as the number itself would, so that the result is rounded once in effect.

Exact zeros are +0.0. A nonzero number that rounds to zero keeps its sign; one too large becomes an infinity.

References
----------
Boldo, Melquiond (2008), Emulation of FMA and correctly rounded sums, https://doi.org/10.1109/TC.2007.70819
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

# Name -> (bits of the significand, exponent of the least positive number).
FORMATS = {"float16": (11, -24), "bfloat16": (8, -133), "float32": (24, -149), "float64": (53, -1074)}

# Bits that are kept: sums of two such numbers fit int64.
_KEPT_BITS = 61
# Elements that are rounded at a time: their scratch stays in cache.
_CHUNK = 1 << 13


def round_to(significand: np.ndarray, exponent: np.ndarray | int, dtype: Any) -> np.ndarray:
    """significand * 2**exponent, rounded once to `dtype`: nearest, ties to even.

    Parameters
    ----------
    significand : int64 array, magnitudes at most 2**61
    exponent : int64 array of the same shape, or int
    dtype : "float16", "bfloat16", "float32" or "float64"

    Returns
    -------
    array of `dtype`
        Subnormals and infinities where they are due. 0 gives +0.0; what rounds to zero keeps its sign.
    """
    target = format_of(dtype)
    precision, least = FORMATS[target.name]
    magnitude = np.abs(significand)
    if magnitude.size and magnitude.view(np.uint64).max() > 1 << _KEPT_BITS:
        raise ValueError(f"significand must be at most 2**{_KEPT_BITS} in magnitude")
    # Without its second bit a number has the same length, and cannot round up to the next one in float64.
    length = _length((magnitude & ~(magnitude >> 1)).astype(np.float64))
    # Beyond 62 all is lost: the number is at most half a unit, and 0 is even.
    dropped = np.clip(np.maximum(length - precision, least - exponent), 0, 62)
    below = (np.int64(1) << dropped) - 1
    magnitude += (below >> 1) + ((magnitude >> dropped) & below & 1)
    magnitude >>= dropped
    with np.errstate(over="ignore"):
        scale = np.clip(exponent + dropped, -4000, 4000).astype(np.intc)
        rounded = np.ldexp(magnitude.astype(np.float64), scale)
        return np.copysign(rounded, significand).astype(target)


def round_digits(top: np.ndarray, digits: list[np.ndarray], bits: int, lowest: int, dtype: np.dtype) -> np.ndarray:
    """2**lowest * (`top` and `digits` in base 2**bits), rounded once to `dtype`."""
    result = np.empty(top.shape, dtype)
    flat = [array.reshape(-1) for array in (result, top, *digits)]
    for start in range(0, top.size, _CHUNK):
        rounded, first, *rest = (array[start : start + _CHUNK] for array in flat)
        significand, dropped = _leading_bits(first, _pairs(rest, bits))
        rounded[...] = round_to(significand, dropped + lowest, dtype)
    return result


def round_integers(integers: np.ndarray, exponent: int, dtype: Any) -> np.ndarray:
    """Python integers of any size, times 2**exponent, rounded once to `dtype`."""
    dropped = [max(abs(value).bit_length() - _KEPT_BITS, 0) for value in integers.flat]
    kept = [(value >> n) | (value & ((1 << n) - 1) != 0) for value, n in zip(integers.flat, dropped)]
    return round_to(np.array(kept, np.int64), np.array(dropped, np.int64) + exponent, dtype).reshape(integers.shape)


def format_of(dtype: Any) -> np.dtype:
    """The dtype, one of FORMATS; `ml_dtypes` is imported for bfloat16 only."""
    name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    if name not in FORMATS:
        raise ValueError(f"dtype must be one of {', '.join(FORMATS)}; not {name!r}")
    if name == "bfloat16":
        from ml_dtypes import bfloat16

        return np.dtype(bfloat16)
    return np.dtype(name)


def _pairs(digits: list[np.ndarray], bits: int) -> Iterator[tuple[np.ndarray, int]]:
    """Digits in base 2**bits two by two, as (int64 array, its bits): half as many steps of `_leading_bits`."""
    for high, low in zip(digits[::2], digits[1::2]):
        yield (high.astype(np.int64) << bits) | low, 2 * bits
    if len(digits) % 2:
        yield digits[-1].astype(np.int64), bits


def _leading_bits(number: np.ndarray, words: Iterator[tuple[np.ndarray, int]]) -> tuple[np.ndarray, np.ndarray]:
    """`number` followed by more bits, rounded to odd to at most 61 bits, and how many bits are dropped."""
    dropped = np.zeros(number.shape, np.int64)
    lost = np.zeros(number.shape, np.int64)
    for word, width in words:
        # One too long at times, where float64 rounds up: that leaves 60 bits.
        length = _length(np.abs(number.astype(np.float64)))
        spare = width - np.clip(_KEPT_BITS - length, 0, width)
        number = (number << (width - spare)) + (word >> spare)
        lost |= word & ((np.int64(1) << spare) - 1)
        dropped += spare
    return number | (lost != 0), dropped


def _length(integers: np.ndarray) -> np.ndarray:
    """Bits of integers >= 0 that are held as float64, from its exponent field (`np.frexp` is slow); below 0 for 0."""
    return (integers.view(np.int64) >> 52) - 1022
