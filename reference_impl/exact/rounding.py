"""One correct rounding of exact numbers to float16, bfloat16, float32 or float64: nearest, ties to even.

A long number is first cut to its leading 61 bits, the last of which is set if any lower bit is ("round to odd"). To at
most 59 bits, the cut number rounds as the number itself does (Boldo, Melquiond). So the result is as if rounded once.

Exact zeros are +0.0. A nonzero number that rounds to zero keeps its sign. One that is too large becomes an infinity.

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

# The bits that are kept. Sums of two such numbers fit int64.
_KEPT_BITS = 61
# The elements that are rounded at a time. Their scratch memory stays in cache.
_CHUNK = 1 << 13


def round_to(significand: np.ndarray, exponent: np.ndarray | int, dtype: Any) -> np.ndarray:
    """Round significand * 2**exponent once to `dtype`: nearest, ties to even.

    Parameters
    ----------
    significand : int64 array, magnitudes at most 2**61
    exponent : int64 array of the same shape, or int
    dtype : "float16", "bfloat16", "float32" or "float64"

    Returns
    -------
    array of `dtype`
        Subnormals and infinities where they are due. 0 gives +0.0. A nonzero number that rounds to zero keeps its
        sign.

    Raises
    ------
    ValueError
        If a significand is larger than 2**61, or `dtype` is unknown.
    """
    target = format_of(dtype)
    form = FORMATS[target.name]
    smallest_unit = form.smallest_exponent - form.precision + 1  # exponent of the smallest subnormal
    magnitude = np.abs(significand)
    if magnitude.size and int(magnitude.view(np.uint64).max()) > 1 << _KEPT_BITS:  # NumPy 1 compares as float64
        raise ValueError(f"significand must be at most 2**{_KEPT_BITS} in magnitude")
    # Clearing every bit after a set bit keeps the length, and float64 cannot round such a number up to the next length.
    length = _length((magnitude & ~(magnitude >> 1)).astype(np.float64))
    # With more than 62 bits dropped nothing is left: the number is at most half a unit, and 0 is even.
    dropped = np.clip(np.maximum(length - form.precision, smallest_unit - exponent), 0, 62)
    below = (np.int64(1) << dropped) - 1
    magnitude += (below >> 1) + ((magnitude >> dropped) & below & 1)
    magnitude >>= dropped
    with np.errstate(over="ignore"):
        scale = np.clip(exponent + dropped, -4000, 4000).astype(np.intc)
        rounded = np.ldexp(magnitude.astype(np.float64), scale)
        return np.copysign(rounded, significand).astype(target)


def round_words(words: list[np.ndarray], bits: int, lowest: int, dtype: np.dtype) -> np.ndarray:
    """Round 2**lowest * (`words` in base 2**bits, highest first) once to `dtype`.

    The words are float64 arrays of integers up to 2**53. For most elements an interval of float64 numbers decides.
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
    """Return `round_words` to float32 or float64, and a mask of the elements that are certain.

    Words after the first need not be integers, and the number may be off by `error`, in units of the second word.

    Proof, in these units. The number is high + low + rest. The first two words add up to high + low exactly (Knuth's
    two-sum), at most 2**(54 + bits), and the rest is at most 2**(54 - bits). So the errors of the float64 sums are
    below 2**(3 - bits) in all. `reach` covers twice that, and `error`: the number lies between the two ends.

    Rounding is monotonic: where both ends round to the same float64, so does the number. To float32, the ends are
    rounded twice. Adding one unit of high to `reach` puts the float64 ends strictly outside of the number. Then no
    halfway point lies between the number and the result.

    Scaling rounds again what it makes subnormal, and may round it up to the smallest normal number. So results up to
    that number stay undecided. A larger result was scaled exactly. Zeros are undecided too: the ends do not tell their
    sign.
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
        sure &= np.abs(rounded) > FORMATS[dtype.name].smallest_normal
    return result, decided


def round_integers(integers: np.ndarray, exponent: int, dtype: Any) -> np.ndarray:
    """Round integers * 2**exponent once to `dtype`. The integers are Python's, of any size."""
    dropped = [max(abs(value).bit_length() - _KEPT_BITS, 0) for value in integers.flat]
    kept = [(value >> n) | (value & ((1 << n) - 1) != 0) for value, n in zip(integers.flat, dropped)]
    return round_to(np.array(kept, np.int64), np.array(dropped, np.int64) + exponent, dtype).reshape(integers.shape)


def _chunks(size: int) -> Iterator[slice]:
    for start in range(0, size, _CHUNK):
        yield slice(start, start + _CHUNK)


def _digits(words: list[np.ndarray], bits: int) -> tuple[np.ndarray, Iterator[tuple[np.ndarray, int]]]:
    """Carry until all words but the first are digits >= 0. Return the first, and the digits by twos with their bits."""
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
    """Round `number`, continued by the digits in `words`, to odd: return at most 61 bits, and the bits dropped."""
    dropped = np.zeros(number.shape, np.int64)
    lost = np.zeros(number.shape, np.int64)
    for word, width in words:
        # At times one too many, where float64 rounds up. Then 60 bits are kept.
        length = _length(np.abs(number.astype(np.float64)))
        spare = width - np.clip(_KEPT_BITS - length, 0, width)
        number = (number << (width - spare)) + (word >> spare)
        lost |= word & ((np.int64(1) << spare) - 1)
        dropped += spare
    return number | (lost != 0), dropped


def _length(integers: np.ndarray) -> np.ndarray:
    """Return the length in bits of integers >= 0, held as float64; below 0 for 0. Reads float64's exponent field.

    `np.frexp` does the same, but is slow.
    """
    return (integers.view(np.int64) >> 52) - 1022
