"""Observation: a record of what a backend does with one call. Backends with the same mistake give alike ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..exact.formats import FORMATS
from ..mistakes import NoAnswer
from ..verdicts.agreement import rounding_room
from ..verdicts.call import Call, numpy_dtype
from .probes import Probe


class Raised(str):
    """The name of an error, in place of an answer."""


@dataclass(frozen=True, eq=False)
class Observation:
    """Outcome of a call that was made twice, after a call on other data."""

    answers: tuple[Any, Any]
    written_to: bool
    keeps_memory: bool

    @property
    def steady(self) -> bool:
        return same_answers(*self.answers, None)

    @property
    def answered(self) -> bool:
        """False if the mistake leads to a call without an answer: a kernel that makes it may then do anything."""
        first, _ = self.answers
        return not (isinstance(first, str) and first == NoAnswer.__name__)

    @property
    def refused(self) -> bool:
        return isinstance(self.answers[0], Raised)

    def alike(self, other: Observation, room: np.ndarray | None) -> bool:
        """True if both may come from the same mistake.

        Their answers are equal, to the bit or within `room`; if the two answers of a call differ, in either order.
        """
        if not other.answered:
            return True
        if (self.written_to, self.keeps_memory) != (other.written_to, other.keeps_memory):
            return False
        first, second = self.answers
        orders = [other.answers] if other.steady else [other.answers, other.answers[::-1]]
        return any(same_answers(first, one, room) and same_answers(second, two, room) for one, two in orders)


def observe(backend: Any, probe: Probe, dtype: str | None = None, *, pure: bool = False) -> Observation:
    """Observe what `backend` does with `probe`.

    With `dtype`, answers in the arguments' dtype are converted to it. A `pure` backend is called once, as it would do
    the same again.
    """
    if pure:
        answer, keeps_memory, written_to = _answer(backend, probe, probe.call(), dtype)
        return Observation((answer, answer), written_to, keeps_memory)
    _answer(backend, probe, probe.call(turn=1), dtype)
    call = probe.call()
    (first, keeps_memory, _), (second, _, written_to) = (_answer(backend, probe, call, dtype) for _ in range(2))
    return Observation((first, second), written_to, keeps_memory)


def room_of(probe: Probe, *, planewise: bool = False) -> np.ndarray | None:
    """Return how far two answers may differ if they round in different orders; None if neither should round."""
    if probe.case.dtype not in FORMATS or probe.kind == "special":
        return None
    return rounding_room(probe.call(), planewise=planewise)


def _answer(backend: Any, probe: Probe, call: Call, dtype: str | None) -> tuple[Any, bool, bool]:
    """Return the answer or the error's name, True if it lies in an argument's memory, True if one was written to."""
    given = call.with_arrays(lambda array: probe.present(np.copy(array)))
    try:
        with np.errstate(all="ignore"):
            answer = given.run(backend)
    except Exception as error:  # whatever a backend may raise
        return Raised(type(error).__name__), False, False
    written_to = any(given.arrays[name].tobytes() != array.tobytes() for name, array in call.arrays.items())
    if not isinstance(answer, np.ndarray):
        return type(answer).__name__, False, written_to
    keeps_memory = any(np.may_share_memory(answer, array) for array in given.arrays.values())
    taken = numpy_dtype(dtype) if dtype and answer.dtype == numpy_dtype(probe.case.dtype) else answer.dtype
    return answer.astype(taken), keeps_memory, written_to


def same_answers(one: Any, other: Any, room: np.ndarray | None) -> bool:
    """True if both are the same array, to the bit or within `room`, or the same error's name."""
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return isinstance(one, str) and isinstance(other, str) and one == other
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if room is None or room.shape != one.shape:
        return one.tobytes() == other.tobytes() or bool(((one == other) | ((one != one) & (other != other))).all())
    with np.errstate(all="ignore"):
        near = np.abs(one.astype(np.float64) - other.astype(np.float64)) <= room
    return bool((near | (one == other) | ((one != one) & (other != other))).all())
