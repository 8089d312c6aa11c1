"""NumPy's own memory during a call: with guard zones around every array that the call makes, and filled with NaN.

A kernel in C or Numba writes to an answer that its wrapper made with `np.empty`. A write beyond that answer then shows.
So does an element that nothing was written to. glibc's checks of memory do not replace this: they look at one byte
behind a block, and only when it is freed.

NumPy asks a function of ours, in Python, for the memory of an array. That is safe: making an array is a call of
Python's C interface that can fail, and no such call may be made while an error is pending. Arrays do die while an error
is pending: the error leaves a function, and the function's arrays go. Python code that ran then would lose the error,
and so could end the process. So no Python code runs when an array dies. Instead, C's `bcopy(from, to, size)` does,
which takes the arguments of NumPy's `free(context, array, size)`: it copies a mark over the array. We free marked
arrays later.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from collections.abc import Iterator

import numpy as np

GUARD = 256  # bytes on both sides; a multiple of 64, so that arrays are aligned as malloc aligns them
_UNWRITTEN = 0xFF  # NaN in every float; the guard zones hold it too
_UNTOUCHED = bytes([_UNWRITTEN]) * GUARD
# A dead array begins with it. Read as a float16, float32 or float64 it is a NaN that no arithmetic gives.
_MARK = bytes.fromhex("577db37f6d7ef17f577db37f6d7ef17f")
# A live array may by chance hold the first bytes of the mark, if they are fewer. So smaller ones are never freed. Those
# that hold them are watched no more: nearly all are dead, and a kernel can make a million.
_SMALLEST = 4
# The zones of an array of so many bytes are read together with it, in one call.
_READ_AT_ONCE = 1024
# Larger arrays are refused. The mark is copied from a mapping of this size, which has zeros behind it.
_LARGEST = 1 << 33
# Dead arrays are freed when so many bytes, or so many arrays, were made.
_MOST_BYTES, _MOST_MADE = 1 << 23, 4096
# The place of PyDataMem_SetHandler in NumPy's table of functions, which never changes.
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
        self._unwatched: dict[int, int] = {}
        self._made = self._bytes = 0
        self._marks = _marks()
        self._handler = _Handler(
            b"reference_impl",
            1,
            ctypes.addressof(ctypes.c_char.from_buffer(self._marks)),
            _Malloc(self._new),
            _Calloc(self._cleared),
            _Realloc(self._moved),
            ctypes.cast(libc.bcopy, _Free),
        )
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [_pointer, ctypes.c_char_p, _pointer]
        self._capsule = new(ctypes.addressof(self._handler), b"mem_handler", None)
        set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)
        self._set_handler = set_handler(int(_api()[_SET_HANDLER] or 0))
        self._damaged: list[str] = []

    @contextlib.contextmanager
    def watch(self, guarded: bool = True) -> Iterator[list[str]]:
        """Watch the arrays that are made meanwhile. The list then has a line for each that was written beyond.

        Without `guarded` nothing is watched.
        """
        self._damaged = []
        if not guarded:
            yield []
            return
        former = self._set_handler(self._capsule)
        try:
            yield self._damaged
        finally:
            self._set_handler(former)
            self._free_dead()
            for at, size in self._sizes.items():  # those of earlier calls too
                self._look_at(at, size)

    def _new(self, ctx: int | None, size: int) -> int | None:
        self._made, self._bytes = self._made + 1, self._bytes + size
        if self._made > _MOST_MADE or self._bytes > _MOST_BYTES:
            self._free_dead()
        block = self._malloc(size + 2 * GUARD) if size <= _LARGEST else None
        if not block:
            return None
        _memset(block, _UNWRITTEN, size + 2 * GUARD)
        at = int(block) + GUARD
        self._sizes[at] = size
        return at

    def _cleared(self, ctx: int | None, count: int, size: int) -> int | None:
        at = self._new(ctx, count * size)
        if at:
            _memset(at, 0, count * size)
        return at

    def _moved(self, ctx: int | None, at: int | None, size: int) -> int | None:
        new = self._new(ctx, size)
        if at and new:
            _memmove(new, at, min(size, self._sizes.get(at, self._unwatched.get(at, 0))))
            self._freed(at)
        return new

    def _free_dead(self) -> None:
        self._made = self._bytes = 0
        string_at, mark = _string_at, _MARK
        for at, size in list(self._sizes.items()):  # other threads may make arrays meanwhile
            if string_at(at, min(size, len(mark))) == mark[:size]:
                self._freed(at)

    def _freed(self, at: int) -> None:
        size = self._sizes.pop(at, None)
        if size is None:
            return
        self._look_at(at, size)
        if size >= _SMALLEST:
            self._free(at - GUARD)
        else:
            self._unwatched[at] = size

    def _look_at(self, at: int, size: int) -> None:
        """Tell of damage to the guard zones of an array, and mend them, so that it is told once."""
        if size <= _READ_AT_ONCE:
            all_bytes = _string_at(at - GUARD, size + 2 * GUARD)
            if all_bytes.startswith(_UNTOUCHED) and all_bytes.endswith(_UNTOUCHED):
                return
        for side, zone in (("before", at - GUARD), ("behind", at + size)):
            found = _string_at(zone, GUARD)
            if found != _UNTOUCHED:
                written = GUARD - found.count(_UNWRITTEN)
                self._damaged.append(f"{written} bytes {side} an array of {size} bytes that it made were written to")
                _memset(zone, _UNWRITTEN, GUARD)


def _marks() -> mmap.mmap:
    """Memory that begins with the mark and goes on with zeros. It is mapped, not held."""
    marks = mmap.mmap(-1, _LARGEST, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0))
    marks[: len(_MARK)] = _MARK
    return marks


# As they are before a backend can replace them.
_memset, _memmove, _string_at = ctypes.memset, ctypes.memmove, ctypes.string_at


def _api() -> ctypes.Array[ctypes.c_void_p]:
    """NumPy's table of C functions."""
    module = getattr(np, "_core", None) or np.core
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = _pointer, [ctypes.py_object, ctypes.c_char_p]
    return (_pointer * (_SET_HANDLER + 1)).from_address(pointer(module._multiarray_umath._ARRAY_API, None))
