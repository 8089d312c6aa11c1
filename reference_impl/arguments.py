"""Checks of arguments. Each public function makes them once, before any work."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np

PADDING_WORDS = ("VALID", "SAME", "SAME_LOWER", "FULL")

AxisPadding = str | tuple[int, int]
Padding = str | tuple[tuple[int, int], tuple[int, int]]
Sizes = tuple[int, int, int, int]


def integer(value: Any, name: str, *, at_least: int) -> int:
    """Return `value` as a Python int. Raises TypeError for a bool or non-integer, ValueError below `at_least`."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        result = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {value!r} of type {type(value).__name__}") from None
    if result < at_least:
        raise ValueError(f"{name} must be >= {at_least}, not {result}")
    return result


def pair(value: Any, name: str, *, at_least: int = 1) -> tuple[int, int]:
    """Return (height, width). `value` is that pair, or one integer for both."""
    if not _is_sequence(value):
        both = integer(value, name, at_least=at_least)
        return both, both
    items = tuple(value)
    if len(items) != 2:
        raise ValueError(f"{name} must be an integer or a (height, width) pair, not {len(items)} values: {value!r}")
    return (
        integer(items[0], f"{name} along height", at_least=at_least),
        integer(items[1], f"{name} along width", at_least=at_least),
    )


def sizes(value: Any, name: str, letters: str) -> Sizes:
    """Return a shape, one integer for each of `letters`: kernel sizes are at least 1, all others at least 0."""
    items = tuple(value) if _is_sequence(value) else None
    axes = letters.split()
    if items is None or len(items) != len(axes):
        raise ValueError(f"{name} must be {len(axes)} integers ({', '.join(axes)}), not {value!r}")
    least = [1 if axis in ("kh", "kw") else 0 for axis in axes]
    checked = [integer(n, f"{name}'s {axis}", at_least=m) for n, axis, m in zip(items, axes, least, strict=True)]
    return tuple(checked)  # type: ignore[return-value]


def axis_padding(padding: Any, name: str = "padding") -> AxisPadding:
    """Return the padding of one axis: a padding word, or (before, after)."""
    if isinstance(padding, str):
        if padding not in PADDING_WORDS:
            raise ValueError(f"padding must be one of {', '.join(PADDING_WORDS)}, or explicit; not {padding!r}")
        return padding
    items = tuple(padding) if _is_sequence(padding) else ()
    if len(items) != 2:
        raise ValueError(f"{name} must be (before, after), not {padding!r}")
    return (
        integer(items[0], f"{name} before", at_least=0),
        integer(items[1], f"{name} after", at_least=0),
    )


def padding(value: Any) -> Padding:
    """Return the padding of both axes: a padding word, or ((top, bottom), (left, right))."""
    if isinstance(value, str):
        return axis_padding(value)  # type: ignore[return-value]
    items = tuple(value) if _is_sequence(value) else ()
    if len(items) != 2 or not all(_is_sequence(item) for item in items):
        raise ValueError(
            f"padding must be one of {', '.join(PADDING_WORDS)}, or ((top, bottom), (left, right)); not {value!r}"
        )
    height, width = axis_padding(items[0], "padding along height"), axis_padding(items[1], "padding along width")
    return height, width  # type: ignore[return-value]


def array(value: Any, name: str, letters: str) -> np.ndarray:
    """Return `value` as an array of a supported dtype, one axis for each of `letters`. An array is not copied."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be a plain array, not a masked one: its mask would be ignored")
    try:
        result = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array ({letters}): {error}") from None
    if isinstance(value, (list, tuple)) and result.dtype.kind == "f":
        result = _without_rounding(value, result)
    axes = letters.split()
    if result.dtype.kind == "O" and result.size:
        _check_rational(result, name)
    elif result.dtype.kind not in "biuO" and not _is_float(result.dtype):
        raise TypeError(
            f"{name} must hold integers, bool, float16, bfloat16, float32, float64, or Python int and Fraction "
            f"objects; not dtype {result.dtype}"
        )
    if result.ndim != len(axes):
        raise ValueError(f"{name} must have {len(axes)} axes ({', '.join(axes)}), not shape {result.shape}")
    return result


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


def _is_float(dtype: np.dtype) -> bool:
    return (dtype.kind == "f" and dtype.itemsize <= 8) or (dtype.kind == "V" and dtype.name == "bfloat16")


def _is_sequence(value: Any) -> bool:
    if isinstance(value, (int, str, bytes)):
        return False
    return isinstance(value, Iterable) and getattr(value, "ndim", 1) > 0
