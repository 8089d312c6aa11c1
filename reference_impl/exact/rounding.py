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

from .formats import FORMATS, format_of
from .slices import scaled

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
    form = FORMATS[target.name]
    magnitude = np.abs(significand)
    if magnitude.size and magnitude.view(np.uint64).max() > 1 << _KEPT_BITS:
        raise ValueError(f"significand must be at most 2**{_KEPT_BITS} in magnitude")
    # Without its second bit a number has the same length, and cannot round up to the next one in float64.
    length = _length((magnitude & ~(magnitude >> 1)).astype(np.float64))
    # Beyond 62 all is lost: the number is at most half a unit, and 0 is even.
    dropped = np.clip(np.maximum(length - form.precision, form.least_exponent - exponent), 0, 62)
    below = (np.int64(1) << dropped) - 1
    magnitude += (below >> 1) + ((magnitude >> dropped) & below & 1)
    magnitude >>= dropped
    with np.errstate(over="ignore"):
        scale = np.clip(exponent + dropped, -4000, 4000).astype(np.intc)
        rounded = np.ldexp(magnitude.astype(np.float64), scale)
        return np.copysign(rounded, significand).astype(target)


def round_words(words: list[np.ndarray], bits: int, lowest: int, dtype: np.dtype) -> np.ndarray:
    """2**lowest * (`words` in base 2**bits, highest first), rounded once to `dtype`.

    The words are float64 arrays of integers up to 2**53. Most results are decided by an interval of float64 numbers.
    """
    if dtype in (np.float32, np.float64):
        result, decided = round_interval(words, bits, lowest, dtype)
    else:
        result, decided = np.empty(words[0].shape, dtype), np.zeros(words[0].shape, bool)
    undecided = np.flatnonzero(~decided)
    flat, words = result.reshape(-1), [word.reshape(-1) for word in words]
    for chunk in _chunks(undecided.size):
        where = undecided[chunk]
        significand, dropped = _leading_bits(*_digits([word[where] for word in words], bits))
        flat[where] = round_to(significand, dropped + lowest, dtype)
    return result


def round_interval(
    words: list[np.ndarray], bits: int, lowest: int, dtype: np.dtype, error: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """`round_words` to float32 or float64, and where it is right; words after the first need not be integers.

    The number may be off by `error`, in units of the second word. In these units, the number is high + low + rest:
    the first two words add up to high + low exactly (Knuth's two-sum), at most 2**(54 + bits), and the rest is at
    most 2**(54 - bits). So the float64 sums have errors below 2**(3 - bits) in all, and `reach` covers twice that.

    Rounding is monotonic: where both ends of the interval round to the same float64, so does the number. To float32
    they are rounded twice; a unit of high more puts the float64 ends strictly outside of the number even so, and then
    no halfway point lies between it and the result. Subnormals, which are scaled inexactly, and zeros, whose sign the
    ends do not tell, stay undecided.
    """
    result, decided = np.empty(words[0].shape, dtype), np.empty(words[0].shape, bool)
    flat = [array.reshape(-1) for array in (result, decided, *words)]
    for chunk in _chunks(result.size):
        rounded, sure, first, *others = (array[chunk] for array in flat)
        second, *lower = others or [np.zeros_like(first)]
        rest = np.zeros_like(first)
        for word in reversed(lower):
            rest += word
            rest *= 2.0**-bits
        first = first * 2.0**bits
        high = first + second
        shift = high - first
        rest += (first - (high - shift)) + (second - shift)
        reach = error + 2.0 ** (4 - bits) + (0 if dtype == np.float64 else np.abs(high) * 2.0**-51)
        exponent = lowest + bits * (len(words) - 2)
        rounded[...] = scaled(high + (rest - reach), exponent)
        sure[...] = rounded == scaled(high + (rest + reach), exponent).astype(dtype)
        sure &= np.abs(rounded) >= np.finfo(dtype).tiny
    return result, decided


def round_integers(integers: np.ndarray, exponent: int, dtype: Any) -> np.ndarray:
    """Python integers of any size, times 2**exponent, rounded once to `dtype`."""
    dropped = [max(abs(value).bit_length() - _KEPT_BITS, 0) for value in integers.flat]
    kept = [(value >> n) | (value & ((1 << n) - 1) != 0) for value, n in zip(integers.flat, dropped)]
    return round_to(np.array(kept, np.int64), np.array(dropped, np.int64) + exponent, dtype).reshape(integers.shape)


def _chunks(size: int) -> Iterator[slice]:
    for start in range(0, size, _CHUNK):
        yield slice(start, start + _CHUNK)


def _digits(words: list[np.ndarray], bits: int) -> tuple[np.ndarray, Iterator[tuple[np.ndarray, int]]]:
    """The same number as an int64 and digits >= 0, by carrying; two by two, as (int64 array, its bits)."""
    total = np.zeros(words[0].shape, np.int64)
    digits = []
    for word in words[:0:-1]:
        total += word.astype(np.int64)
        digits.append(total & ((1 << bits) - 1))
        total >>= bits
    digits.reverse()
    pairs = [((high << bits) | low, 2 * bits) for high, low in zip(digits[::2], digits[1::2])]
    return total + words[0].astype(np.int64), iter(pairs + [(digit, bits) for digit in digits[len(pairs) * 2 :]])


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
