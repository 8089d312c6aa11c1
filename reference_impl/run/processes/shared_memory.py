"""Arrays in memory that two processes share: laid out as they were, with guard zones around each."""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ...verdicts.bits import same_bytes
from ...verdicts.call import numpy_dtype

# Bytes on both sides of an array. A kernel that writes beyond its arguments is likely to hit them.
GUARD = 256
_PATTERN = 0xA5
_ALIGNMENT = 64
_FIRST_SIZE = 1 << 20
_PATTERNS = bytes([_PATTERN]) * (2 * GUARD + 2 * _ALIGNMENT)


class SharedMemory:
    """A file without a name, mapped by both processes. The judge makes it grow; the backend's process follows."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor, self.size = descriptor, size
        self.map = mmap.mmap(descriptor, size)

    @classmethod
    def make(cls) -> SharedMemory:
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("reference_impl")
        else:
            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        os.ftruncate(descriptor, _FIRST_SIZE)
        return cls(descriptor, _FIRST_SIZE)

    def grow(self, size: int) -> None:
        """Make room for `size` bytes."""
        if size > self.size:
            size = max(size, 2 * self.size)
            os.ftruncate(self.descriptor, size)
            self.follow(size)

    def follow(self, size: int) -> None:
        """Map the file anew after it has grown. Arrays in the former mapping stay valid."""
        if size != self.size:
            self.map, self.size = mmap.mmap(self.descriptor, size), size

    def close(self) -> None:
        os.close(self.descriptor)


@dataclass(eq=False)  # a frozen one takes three times as long to make
class Place:
    """The place of an array in shared memory; `low` is its first byte, `start` its first element."""

    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    low: int
    start: int
    size: int
    writeable: bool

    def view(self, memory: SharedMemory) -> np.ndarray:
        """The array."""
        array = np.ndarray(self.shape, numpy_dtype(self.dtype), memory.map, self.start, self.strides)
        array.flags.writeable = self.writeable
        return array


class Sent:
    """An array that was put into shared memory, to be looked at again after the call."""

    def __init__(self, array: np.ndarray, memory: SharedMemory, offset: int) -> None:
        low, _ = self._bounds = _bounds(array)
        self.array = array
        at = self._at = aligned(offset + GUARD) + low % _ALIGNMENT
        self.place = self.place_of(array)
        self._begin, self.end = offset, at + self.place.size + GUARD
        memory.grow(self.end)
        self._fill(self._whole(memory))

    def holds(self, array: np.ndarray) -> bool:
        """True if the memory of `array` is a part of this one's."""
        (low, high), (first, end) = self._bounds, _bounds(array)
        return low <= first < end <= high

    def place_of(self, array: np.ndarray) -> Place:
        """The place of this array, or of one in its memory."""
        low, high = _bounds(array)
        at = self._at + low - self._bounds[0]
        first = array.__array_interface__["data"][0]
        return Place(
            _name(array.dtype), array.shape, array.strides, at, at + first - low, high - low, array.flags.writeable
        )

    def received(self, memory: SharedMemory) -> str | None:
        """Copy changed elements back into the array. Describe writes outside its elements, or to a read-only array."""
        whole = self._whole(memory)
        if self._is_as_sent(whole):
            return None
        sent = np.empty_like(whole)
        self._fill(sent)
        elements = np.zeros(whole.size, bool)
        start, strides = self.place.start - self._begin, self.place.strides
        if self.array.size:
            marks = np.ndarray((*self.array.shape, self.array.dtype.itemsize), bool, elements, start, (*strides, 1))
            marks[...] = True
        changed = whole != sent
        outside = int((changed & ~elements).sum())
        if outside:
            return f"{outside} bytes before, behind or between its elements were written to"
        if not self.array.flags.writeable:
            return f"it is read-only, and {int(changed.sum())} of its bytes were written to"
        self.array[...] = np.ndarray(self.array.shape, self.array.dtype, whole, start, strides)
        return None

    def _fill(self, whole: np.ndarray) -> None:
        """Put the array into its place, and the pattern before and behind it."""
        begin, end = self._at - self._begin, self._at - self._begin + self.place.size
        low, high = self._bounds
        whole[:begin] = _PATTERN
        whole[begin:end] = _raw(self.array, low, high - low)
        whole[end:] = _PATTERN

    def _is_as_sent(self, whole: np.ndarray) -> bool:
        begin, end = self._at - self._begin, self._at - self._begin + self.place.size
        low, high = self._bounds
        zones = whole[:begin], whole[end:]
        untouched = all(zone.tobytes() == _PATTERNS[: zone.size] for zone in zones)
        return untouched and same_bytes(whole[begin:end], _raw(self.array, low, high - low))

    def _whole(self, memory: SharedMemory) -> np.ndarray:
        return np.frombuffer(memory.map, np.uint8, self.end - self._begin, self._begin)


def answer_in(memory: SharedMemory, answer: dict[str, Any], offset: int) -> np.ndarray:
    """Copy an answer out of shared memory."""
    shape, dtype = tuple(answer["shape"]), _dtype(answer["dtype"])
    size = math.prod(shape) * dtype.itemsize
    if not answer["bytes"]:
        return np.empty(shape, dtype) if not size else np.full(shape, np.nan if dtype.kind == "f" else 0, dtype)
    return np.frombuffer(memory.map, np.uint8, size, offset).copy().view(dtype).reshape(shape)


@cache
def _name(dtype: np.dtype) -> str:
    return dtype.name


@cache
def _dtype(name: str) -> np.dtype:
    try:
        return numpy_dtype(name)
    except TypeError:
        return np.dtype(np.void)


def span(array: np.ndarray) -> int:
    """Bytes from the first one of an array to its last."""
    low, high = _bounds(array)
    return high - low


def aligned(offset: int) -> int:
    """The next offset at which a cache line starts."""
    return -(-offset // _ALIGNMENT) * _ALIGNMENT


def _bounds(array: np.ndarray) -> tuple[int, int]:
    """Addresses of the first byte of an array, and of the byte after its last."""
    first = array.__array_interface__["data"][0]
    if array.flags.c_contiguous:  # nearly all are, also those with no elements
        return first, first + array.nbytes
    if not array.size:
        return first, first
    spans = [(size - 1) * stride for size, stride in zip(array.shape, array.strides, strict=True)]
    low = first + sum(span for span in spans if span < 0)
    return low, first + sum(span for span in spans if span > 0) + array.itemsize


def _raw(array: np.ndarray, address: int, size: int) -> np.ndarray:
    """The bytes that an array spans, those between its elements too."""
    if array.flags.c_contiguous:
        return array.reshape(-1).view(np.uint8)
    return np.ctypeslib.as_array((ctypes.c_ubyte * size).from_address(address))
