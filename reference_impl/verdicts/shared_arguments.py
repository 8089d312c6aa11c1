"""Arguments that share memory: one array given twice, arrays that overlap, and elements repeated by a stride of 0."""

from __future__ import annotations

import zlib

import numpy as np

from .call import Call
from .memory_layouts import Laid


def overlapping(call: Call) -> Laid:
    """Put both arrays of `call` at the start of one memory. If they have one shape, they are one array.

    Both then have the smaller integers of the two, so that every kernel still has the same bits.
    """
    source = min(call.arrays.values(), key=lambda array: np.abs(array.astype(np.float64)).max(initial=0))
    size = max(array.size for array in call.arrays.values())
    memory = np.resize(source, size) if source.size else np.zeros(size, source.dtype)
    views: dict[tuple[int, ...], np.ndarray] = {}
    for array in call.arrays.values():
        views.setdefault(array.shape, memory[: array.size].reshape(array.shape))
    arrays = {name: views[array.shape] for name, array in call.arrays.items()}
    how = "one array as both arguments" if len(views) == 1 else "arguments that begin in the same memory"
    return Laid(Call(call.operation, call.case, arrays), how)


def repeated(call: Call, seed: int) -> Laid:
    """Repeat the elements of one array of `call` along an axis, by a stride of 0, as `np.broadcast_to` does."""
    random = np.random.default_rng([seed, zlib.crc32(f"repeated {call.case} {call.operation}".encode())])
    name = str(random.choice(list(call.arrays)))
    array = call.arrays[name]
    axes = [axis for axis, size in enumerate(array.shape) if size > 1] or [0]
    axis = int(random.choice(axes))
    one = np.copy(array[tuple(slice(1 if place == axis else None) for place in range(array.ndim))])
    arrays = {
        **{other: np.copy(given) for other, given in call.arrays.items()},
        name: np.broadcast_to(one, array.shape),
    }
    return Laid(Call(call.operation, call.case, arrays), f"{name} with a stride of 0 along axis {axis}")
