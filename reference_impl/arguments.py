"""Checks of arguments. Each public function makes them once, before any work."""

from __future__ import annotations

import operator
import reprlib
from collections.abc import Iterable, Mapping, MappingView, Set, Sized
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np

PADDING_WORDS = ("VALID", "SAME", "SAME_LOWER", "FULL")

AxisPadding = str | tuple[int, int]
Padding = str | tuple[tuple[int, int], tuple[int, int]]
Sizes = tuple[int, int, int, int]

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_NUMPY_CHARACTERS = "?bBhHiIlLqQefdO"  # of NumPy's own integers, of those floats, and of objects
# Iterables without an order that a caller chose, and bytes, which hold text more often than sizes.
_NO_SEQUENCES = (str, bytes, bytearray, memoryview, Set, Mapping, MappingView)

_short = reprlib.Repr()  # a message does not print a million values
_short.maxother = _short.maxstring = 200


def integer(value: Any, name: str, *, at_least: int) -> int:
    """Return `value` as a Python int.

    Raises TypeError for a bool, a masked number or a non-integer, and ValueError below `at_least` or from 2**63 on.
    """
    if type(value) is int and at_least <= value < 2**63:  # mostly; the rest is slower, and says why not
        return value
    try:
        if isinstance(value, (bool, np.bool_, np.ma.MaskedArray)):
            raise TypeError
        result = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {_short.repr(value)} of type {type(value).__name__}") from None
    if result.bit_length() > 63:  # Python refuses to print integers of thousands of digits
        raise ValueError(f"{name} must be an integer that int64 holds, not one of {result.bit_length()} bits")
    if result < at_least:
        raise ValueError(f"{name} must be >= {at_least}, not {result}")
    return result


def pair(value: Any, name: str, *, at_least: int = 1) -> tuple[int, int]:
    """Return (height, width). `value` is that pair, or one integer for both."""
    if type(value) is int and at_least <= value < 2**63:  # mostly; the rest is slower
        return value, value
    if not _is_sequence(value):
        if isinstance(value, _NO_SEQUENCES) and not isinstance(value, str):
            raise TypeError(
                f"{name} must be an integer or a (height, width) pair, in that order, not {_short.repr(value)} of type "
                f"{type(value).__name__}"
            )
        both = integer(value, name, at_least=at_least)
        return both, both
    items = _items(value, 2)
    if len(items) != 2:
        count = len(value) if isinstance(value, Sized) else "more than 2" if items[2:] else len(items)
        raise ValueError(
            f"{name} must be an integer or a (height, width) pair, not {count} values: {_short.repr(value)}"
        )
    return (
        integer(items[0], f"{name} along height", at_least=at_least),
        integer(items[1], f"{name} along width", at_least=at_least),
    )


def sizes(value: Any, name: str, letters: str) -> Sizes:
    """Return a shape, one integer for each of `letters`: kernel sizes are at least 1, all others at least 0."""
    axes = letters.split()
    items = _items(value, len(axes))
    if len(items) != len(axes):
        raise ValueError(f"{name} must be {len(axes)} integers ({', '.join(axes)}), not {_short.repr(value)}")
    least = [1 if axis in ("kh", "kw") else 0 for axis in axes]
    checked = [integer(n, f"{name}'s {axis}", at_least=m) for n, axis, m in zip(items, axes, least, strict=True)]
    return tuple(checked)  # type: ignore[return-value]


def axis_padding(padding: Any, name: str = "padding") -> AxisPadding:
    """Return the padding of one axis: a padding word, or (before, after)."""
    if isinstance(padding, str):
        if padding not in PADDING_WORDS:
            raise ValueError(
                f"padding must be one of {', '.join(PADDING_WORDS)}, or explicit; not {_short.repr(padding)}"
            )
        return padding
    items = _items(padding, 2)
    if len(items) != 2:
        raise ValueError(f"{name} must be (before, after), not {_short.repr(padding)}")
    return (
        integer(items[0], f"{name} before", at_least=0),
        integer(items[1], f"{name} after", at_least=0),
    )


def padding(value: Any) -> Padding:
    """Return the padding of both axes: a padding word, or ((top, bottom), (left, right))."""
    if isinstance(value, str):
        return axis_padding(value)  # type: ignore[return-value]
    items = _items(value, 2)
    if len(items) != 2 or not all(_is_sequence(item) for item in items):
        raise ValueError(
            f"padding must be one of {', '.join(PADDING_WORDS)}, or ((top, bottom), (left, right)); "
            f"not {_short.repr(value)}"
        )
    height, width = axis_padding(items[0], "padding along height"), axis_padding(items[1], "padding along width")
    return height, width  # type: ignore[return-value]


def array(value: Any, name: str, letters: str) -> np.ndarray:
    """Return `value` as an array of a supported dtype, one axis for each of `letters`. An array is not copied."""
    axes = letters.split()
    refuse_masks(value, name, depth=len(axes))
    try:
        result = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array ({letters}): {error}") from None
    if isinstance(value, (list, tuple)) and result.dtype.kind == "f":
        result = _without_rounding(value, result)
    if result.dtype.kind == "O" and result.size:
        _check_rational(result, name)
    elif result.dtype.char not in _NUMPY_CHARACTERS and result.dtype.name not in _FLOATS:
        raise TypeError(
            f"{name} must hold integers, bool, {', '.join(_FLOATS)}, or Python int and Fraction objects; "
            f"not dtype {result.dtype}"
        )
    if result.ndim != len(axes):
        raise ValueError(f"{name} must have {len(axes)} axes ({', '.join(axes)}), not shape {result.shape}")
    return result


def refuse_masks(value: Any, name: str, depth: int) -> None:
    """Raise TypeError for a masked array, and for nested lists that hold one in their first `depth` levels."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be a plain array, not a masked one: its mask would be ignored")
    if depth and isinstance(value, (list, tuple)):
        for item in value:
            refuse_masks(item, name, depth - 1)


def shape_must_be(actual: tuple, expected: tuple, name: str, why: str) -> None:
    """Raise ValueError unless the shapes are equal; `why` says whose shape is expected."""
    if actual != expected:
        raise ValueError(f"{name} must have shape {expected}, {why}; not {actual}")


def _check_rational(objects: np.ndarray, name: str) -> None:
    for index, value in np.ndenumerate(objects):
        if not isinstance(value, (int, Fraction)):
            raise TypeError(
                f"{name} of dtype object must hold Python int or Fraction; "
                f"at {index} it holds {value!r} of type {type(value).__name__}"
            )


def _without_rounding(nested: Any, floats: np.ndarray) -> np.ndarray:
    """Return the Python integers of `nested` if it holds nothing else: if only some pass int64, NumPy rounds all."""
    objects = np.asarray(nested, object)
    return objects if objects.size and all(isinstance(value, int) for value in objects.flat) else floats


def _items(value: Any, count: int) -> tuple:
    """Return the values of a sequence, at most `count` + 1 of them: an iterator may have no end. () for all else."""
    return tuple(islice(value, count + 1)) if _is_sequence(value) else ()


def _is_sequence(value: Any) -> bool:
    """True for an iterable of values in an order that the caller chose."""
    if type(value) in (tuple, list):  # mostly; to ask abstract classes is slow
        return True
    return isinstance(value, Iterable) and not isinstance(value, _NO_SEQUENCES) and getattr(value, "ndim", 1) > 0
