"""NumPy's own memory during a call: with guard zones around every array that the call makes, and filled with NaN.

A kernel in C or Numba writes to an answer that its wrapper made with `np.empty`. A write beyond that answer then shows,
and so does an element that nothing was written to.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

import numpy as np

GUARD = 256  # bytes on both sides; a multiple of 64, so that arrays are aligned as malloc aligns them
_UNWRITTEN = 0xFF  # NaN in every float; the guard zones hold it too
_UNTOUCHED = bytes([_UNWRITTEN]) * GUARD
# The places of PyDataMem_SetHandler in NumPy's table of functions, which never change.
_SET_HANDLER = 304

_pointer, _size = ctypes.c_void_p, ctypes.c_size_t
_Malloc = ctypes.CFUNCTYPE(_pointer, _pointer, _size)
_Calloc = ctypes.CFUNCTYPE(_pointer, _pointer, _size, _size)
_Realloc = ctypes.CFUNCTYPE(_pointer, _pointer, _pointer, _size)
_Free = ctypes.CFUNCTYPE(None, _pointer, _pointer, _size)


class _Handler(ctypes.Structure):
    """A PyDataMem_Handler."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("ctx", _pointer),
        ("malloc", _Malloc),
        ("calloc", _Calloc),
        ("realloc", _Realloc),
        ("free", _Free),
    )


class GuardedArrays:
    """Memory for NumPy's arrays. It lives as long as the process, as arrays may."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None)
        self._malloc, self._free = libc.malloc, libc.free
        self._malloc.restype, self._malloc.argtypes = _pointer, [_size]
        self._free.restype, self._free.argtypes = None, [_pointer]
        self._sizes: dict[int, int] = {}
        self._made: set[int] = set()
        self._damaged: list[str] = []
        self._handler = _Handler(
            b"reference_impl",
            1,
            None,
            _Malloc(self._new),
            _Calloc(self._cleared),
            _Realloc(self._moved),
            _Free(lambda ctx, at, size: self._freed(at)),
        )
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [_pointer, ctypes.c_char_p, _pointer]
        self._capsule = new(ctypes.addressof(self._handler), b"mem_handler", None)
        set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)
        self._set_handler = set_handler(int(_api()[_SET_HANDLER] or 0))

    @contextlib.contextmanager
    def watch(self, guarded: bool = True) -> Iterator[list[str]]:
        """Watch the arrays that are made meanwhile. The list then has a line for each that was written beyond.

        Without `guarded` nothing is watched.
        """
        self._made, self._damaged = set(), []
        if not guarded:
            yield []
            return
        former = self._set_handler(self._capsule)
        try:
            yield self._damaged
        finally:
            self._set_handler(former)
            for at in self._made:
                self._look_at(at)

    def _new(self, ctx: int | None, size: int) -> int | None:
        block = self._malloc(size + 2 * GUARD)
        if not block:
            return None
        _memset(block, _UNWRITTEN, size + 2 * GUARD)
        at = int(block) + GUARD
        self._sizes[at] = size
        self._made.add(at)
        return at

    def _cleared(self, ctx: int | None, count: int, size: int) -> int | None:
        at = self._new(ctx, count * size)
        if at:
            _memset(at, 0, count * size)
        return at

    def _moved(self, ctx: int | None, at: int | None, size: int) -> int | None:
        new = self._new(ctx, size)
        if at and new:
            _memmove(new, at, min(size, self._sizes[at]))
            self._freed(at)
        return new

    def _freed(self, at: int | None) -> None:
        if at:
            self._look_at(at)
            self._made.discard(at)
            del self._sizes[at]
            self._free(at - GUARD)

    def _look_at(self, at: int) -> None:
        size = self._sizes[at]
        for side, zone in (("before", _string_at(at - GUARD, GUARD)), ("behind", _string_at(at + size, GUARD))):
            if zone != _UNTOUCHED:
                written = GUARD - zone.count(_UNWRITTEN)
                self._damaged.append(f"{written} bytes {side} an array of {size} bytes that it made were written to")


# As they are before a backend can replace them.
_memset, _memmove, _string_at = ctypes.memset, ctypes.memmove, ctypes.string_at


def _api() -> ctypes.Array[ctypes.c_void_p]:
    """NumPy's table of C functions."""
    module = getattr(np, "_core", None) or np.core
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = _pointer, [ctypes.py_object, ctypes.c_char_p]
    return (_pointer * (_SET_HANDLER + 1)).from_address(pointer(module._multiarray_umath._ARRAY_API, None))
