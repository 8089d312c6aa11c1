"""Compare the bits of arrays."""

from __future__ import annotations

import ctypes

import numpy as np

# From so many bytes on, a comparison in place is quicker than one of copies.
_LARGE = 1 << 14
_compare = ctypes.CDLL(None).memcmp
_compare.argtypes, _compare.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t], ctypes.c_int


def same_bytes(one: np.ndarray, other: np.ndarray) -> bool:
    """Return True if the elements of two arrays, in order, have the same bytes. Shapes and dtypes may differ."""
    if one.nbytes != other.nbytes:
        return False
    if one.nbytes < _LARGE or not (one.flags.c_contiguous and other.flags.c_contiguous):
        return one.tobytes() == other.tobytes()
    return _compare(one.ctypes.data, other.ctypes.data, one.nbytes) == 0
