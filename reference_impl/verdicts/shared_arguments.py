"""Arguments that share memory: one array given twice, arrays that overlap, and elements repeated by a stride of 0."""

from __future__ import annotations

import zlib

import numpy as np

from .call import Call
from .integers import EXACT_INTEGERS
from .memory_layouts import Laid


def overlapping(call: Call, seed: int) -> Laid:
    """Put both arrays of `call` at the start of one memory. If they have one shape, they are one array.

    Both have signs only, most of them zero if a sum of signs would be too large. So every kernel has the same bits.
    """
    random = np.random.default_rng([seed, zlib.crc32(f"overlapping {call.case} {call.operation}".encode())])
    memory = np.sign(max(call.arrays.values(), key=np.size)).ravel()
    room = EXACT_INTEGERS[call.case.dtype] / max(call.case.convolution.terms(call.operation), 1)
    if room < 1:
        memory[random.random(memory.size) >= room / 2] = 0
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
