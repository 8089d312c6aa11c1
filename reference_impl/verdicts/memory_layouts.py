"""Arrays laid out in memory as users have them: transposed, strided, reversed, offset, read-only, parts of others."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from .call import Call

Layout = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Laid:
    """A call whose arrays are laid out in other ways; `how` describes them."""

    call: Call
    how: str


def laid_out(call: Call, seed: int, layouts: Mapping[str, Layout] | None = None) -> Laid:
    """Copy the arrays of `call`, each to another of `layouts`, by default LAYOUTS. The seed and the case choose."""
    random = np.random.default_rng([seed, zlib.crc32(f"layout {call.case} {call.operation}".encode())])
    names = random.permutation(list(LAYOUTS if layouts is None else layouts))
    chosen = dict(zip(call.arrays, names.tolist()))
    arrays = {name: (LAYOUTS | PARTS)[layout](call.arrays[name]) for name, layout in chosen.items()}
    how = ", ".join(f"{name} {layout}" for name, layout in chosen.items())
    return Laid(Call(call.operation, call.case, arrays), how)


def _transposed(array: np.ndarray) -> np.ndarray:
    """Put the last axis before the others in memory, as NHWC that is kept as NCHW."""
    return np.moveaxis(np.moveaxis(array, -1, 1).copy(), 1, -1)


def _fortran(array: np.ndarray) -> np.ndarray:
    return array.copy(order="F")


def _reversed(array: np.ndarray) -> np.ndarray:
    """Give all axes negative strides."""
    return np.flip(np.flip(array).copy())


def _strided(array: np.ndarray) -> np.ndarray:
    """Take every second element of a larger array along each axis, with other numbers between."""
    larger = np.full([2 * size for size in array.shape], 77, array.dtype)
    view = larger[::2, ::2, ::2, ::2]
    view[...] = array
    return view


def _offset(array: np.ndarray) -> np.ndarray:
    """Start one element into a buffer, so that only elements are aligned; other numbers lie on both sides."""
    buffer = np.full(array.size + 2, 77, array.dtype)
    buffer[1:-1] = array.ravel()
    return buffer[1:-1].reshape(array.shape)


def _read_only(array: np.ndarray) -> np.ndarray:
    copied = array.copy()
    copied.flags.writeable = False
    return copied


LAYOUTS: dict[str, Layout] = {
    "transposed in memory": _transposed,
    "in Fortran order": _fortran,
    "with negative strides": _reversed,
    "with gaps between the elements": _strided,
    "at an offset of one element": _offset,
    "read-only": _read_only,
}


def _every_second(array: np.ndarray) -> np.ndarray:
    """Take every second part of a larger array along the first axis, with other numbers between."""
    larger = np.full((2 * array.shape[0], *array.shape[1:]), 77, array.dtype)
    view = larger[::2]
    view[...] = array
    return view


def _cut(axis: int) -> Layout:
    """Cut the array out of one that is larger along an axis, with other numbers before and behind."""

    def cut(array: np.ndarray) -> np.ndarray:
        shape = [size + 3 * (place == axis) for place, size in enumerate(array.shape)]
        larger = np.full(shape, 77, array.dtype)
        view = larger[(slice(None),) * axis + (slice(1, 1 + array.shape[axis]),)]
        view[...] = array
        return view

    return cut


# Their inner axes are contiguous, and the outer ones are not.
PARTS: dict[str, Layout] = {
    "every second one of a larger array": _every_second,
    "cut out of a larger array along axis 1": _cut(1),
    "cut out of a larger array along axis 2": _cut(2),
    "cut out of a larger array along axis 3": _cut(3),
}
