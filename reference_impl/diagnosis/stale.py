"""Recognise a stale answer: the right answer to an earlier call, from a cache whose keys leave something out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..cases.case import Case
from ..run.outcome import Record
from ..run.subject import Subject
from ..verdicts.call import Call, array_shapes, oracle
from ..verdicts.integers import integer_call
from ..verdicts.task import Task

_OPTIONS = ("strides", "padding", "dilations", "groups")


def stale(subject: Subject, record: Record) -> list[str]:
    """Say of which earlier call a fresh backend gives the answer; nothing if it does not, or is wrong without one."""
    call = integer_call(Case.parse(record.case), record.operation, record.seed)
    expected, told = oracle(call), list[str]()
    if not np.array_equal(_last_answer(subject, call), expected):
        return []
    for said, earlier in _earlier(call, record.seed):
        if said not in told:
            answer = _last_answer(subject, earlier, call)
            if not np.array_equal(answer, expected) and np.array_equal(answer, oracle(earlier)):
                told.append(said)
    if not told:
        return []
    return [f"a cache: it gives the answer of an earlier call with the same shapes and other {' or '.join(told)}"]


def _last_answer(subject: Subject, *calls: Call) -> Any:
    """Return what a fresh backend answers to the last of some calls; None if it cannot be made anew, or raises."""
    fresh, answer = subject.fresh(), None
    if fresh is None:
        return None
    try:
        for call in calls:
            answer = call.with_arrays(np.copy).run(fresh.backend)
    except Exception:  # a backend may raise anything, and a refusal is no stale answer
        return None
    return answer


def _earlier(call: Call, seed: int) -> Iterator[tuple[str, Call]]:
    """Yield calls on arrays of the same shapes, each with what is different in it."""
    case, operation = call.case, call.operation
    yield "numbers", integer_call(case, operation, seed + 1)
    for task in Task(case, operation, seed).neighbours:
        changed = [name for name in _OPTIONS if getattr(case, name) != getattr(task.case, name)]
        if array_shapes(task.case, operation) == array_shapes(case, operation) and case.dtype == task.case.dtype:
            yield " and ".join(changed), Call(operation, task.case, call.arrays)
