"""Mistakes of state and memory: a single call on arrays of its own does not show them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from . import right
from .altered_call import AlteredCall
from .mistake import FORWARD, INPUT_GRADIENTS, Answerer, Family

FAMILY = Family("state")
behaviour = FAMILY.behaviour

_SECONDS = 5.0


def _right(q: AlteredCall) -> np.ndarray:
    return q.cast(q.answer())


def _reread(q: AlteredCall, read: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the answer to the caller's arrays as `read` sees them."""
    wide = [read(array).astype(q.arrays[role].dtype) for role, array in zip(q.arrays, q.given, strict=True)]
    return q.cast(q.with_arrays(**dict(zip(q.arrays, wide, strict=True))).answer())


def _shapes(q: AlteredCall) -> tuple[Any, ...]:
    return q.operation, q.dtype, *(array.shape for array in q.given)


@behaviour(
    "It takes an array that is cut out of a larger one for contiguous, and reads what lies between.",
    right.MEMORY_STRIDES,
)
def right_only_for_whole_arrays() -> Answerer:
    def read(array: np.ndarray) -> np.ndarray:
        usual = [int(np.prod(array.shape[axis + 1 :])) * array.itemsize for axis in range(array.ndim)]
        positive = all(own >= step for own, step in zip(array.strides, usual, strict=True))
        falling = all(one >= other for one, other in zip(array.strides, array.strides[1:]))
        return as_strided(array, strides=usual) if array.size and positive and falling else array

    return lambda q: _reread(q, read)


@behaviour("Where an array repeats an element by a stride of 0 in memory, it reads zeros.", right.MEMORY_STRIDES)
def right_only_without_strides_of_0() -> Answerer:
    def first_alone(array: np.ndarray) -> np.ndarray:
        repeated = [axis for axis, (size, step) in enumerate(zip(array.shape, array.strides)) if size > 1 and not step]
        alone = array.copy()
        for axis in repeated:
            alone[(slice(None),) * axis + (slice(1, None),)] = 0
        return alone

    return lambda q: _reread(q, first_alone)


@behaviour(
    "It prepares its first argument in place, and undoes that at the end; its arguments may share memory.",
    right.OWN_MEMORY,
)
def prepares_its_argument_in_place() -> Answerer:
    def answer(q: AlteredCall) -> np.ndarray:
        first, second = q.given
        if not np.may_share_memory(first, second):
            return _right(q)
        roles = tuple(q.arrays)
        return q.cast(q.with_arrays(**{role: q.arrays[role] * 2 for role in roles}).answer() // 2)

    return answer


@behaviour(
    "After ten calls on arrays of the same shapes it takes a faster path, without the last tap.", right.COMPUTED_ANEW
)
def right_for_the_first_ten_calls() -> Answerer:
    calls: dict[Any, int] = {}

    def answer(q: AlteredCall) -> np.ndarray:
        calls[_shapes(q)] = calls.get(_shapes(q), 0) + 1
        return q.cast(q.without("filters", -1, -1) if calls[_shapes(q)] > 10 else q.answer())

    return answer


@behaviour(
    "It answers in two buffers for each shape, in turn, so the third answer overwrites the first.", right.OWN_MEMORY
)
def answers_in_two_buffers_in_turn() -> Answerer:
    buffers: dict[Any, list[np.ndarray]] = {}

    def answer(q: AlteredCall) -> np.ndarray:
        found = _right(q)
        pair = buffers.setdefault((*_shapes(q), found.shape), [np.empty_like(found), np.empty_like(found)])
        pair.reverse()
        pair[0][...] = found
        return pair[0]

    return answer


@behaviour(
    "It keeps its plan by the shapes of the arrays: calls with another stride or dilation find the plan of the first.",
    right.OPTIONS_OF_THE_CALL,
)
def plan_kept_by_shapes_alone() -> Answerer:
    plans: dict[Any, AlteredCall] = {}

    def answer(q: AlteredCall) -> np.ndarray:
        key = *_shapes(q), q.shape(q.asked), q.groups
        return q.cast(q.sliding(*plans.setdefault(key, q).slides).answer())

    return answer


@behaviour(
    "It keeps its plan by shapes, strides and dilations: calls with other pads of the same sizes find the first one's.",
    right.OPTIONS_OF_THE_CALL,
)
def plan_kept_without_the_pads() -> Answerer:
    plans: dict[Any, AlteredCall] = {}

    def answer(q: AlteredCall) -> np.ndarray:
        key = *_shapes(q), q.shape(q.asked), q.groups, q.strides, q.dilations
        return q.cast(q.sliding(*plans.setdefault(key, q).slides).answer())

    return answer


@behaviour("Calls from two threads at once are added up in one accumulator.", right.OWN_MEMORY)
def one_accumulator_for_all_threads() -> Answerer:
    sums: list[np.ndarray] = []
    meeting = threading.Barrier(2)

    def answer(q: AlteredCall) -> np.ndarray:
        found = _right(q)
        if threading.current_thread() is threading.main_thread():
            return found
        sums.append(found)
        try:
            meeting.wait(_SECONDS)  # so that two calls meet each time, and not by chance
            both = sum(sums[1:], sums[0])
            meeting.wait(_SECONDS)
        except threading.BrokenBarrierError:  # no other call came
            meeting.reset()
            both = found
        sums.clear()
        return both

    return answer


@behaviour("It clears its accumulator by multiplying it by 0, which keeps a NaN of the last call.", right.COMPUTED_ANEW)
def accumulator_cleared_by_times_0() -> Answerer:
    kept: dict[Any, np.ndarray] = {}

    def answer(q: AlteredCall) -> np.ndarray:
        found = _right(q)
        sums = kept.setdefault(found.shape, np.zeros(found.shape))
        with np.errstate(all="ignore"):
            sums[...] = sums * 0 + found
            return q.cast(sums) if q.dtype.kind == "f" and not np.isfinite(sums).all() else found

    return answer


@behaviour(
    "A smaller call finds what a larger one has left in its workspace, and adds it.",
    right.COMPUTED_ANEW,
    FORWARD + INPUT_GRADIENTS,
)
def workspace_not_cleared_after_a_larger_call() -> Answerer:
    left = np.zeros(0)

    def answer(q: AlteredCall) -> np.ndarray:
        nonlocal left
        found = q.answer()
        flat = found.astype(np.float64).ravel()
        if flat.size >= left.size:
            left = flat
            return q.cast(found)
        last = np.where(np.isfinite(left[-1:]), left[-1:], 1)
        return q.cast(found + (last.astype(found.dtype) if flat.size else 0))

    return answer
