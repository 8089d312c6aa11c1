"""Known mistakes that give the answer that was given: what a diagnosis can tell from one call."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exact.formats import FORMATS
from ..mistakes import MISTAKES, Mistake
from ..verdicts.agreement import THRESHOLD
from ..verdicts.call import Call
from .part import part
from .problem import Problem

if TYPE_CHECKING:
    from .judgement import Right

SECONDS = 5.0
_MOST_NAMED = 3
# A mistake is tried on a problem of this many products at most; of a larger one, on a part.
_MOST_TRIED = 2**22


def fits(
    actual: np.ndarray, problem: Problem, right: Right | None = None, worst: tuple[int, ...] | None = None
) -> list[str]:
    """Return lines that name the mistakes that give `actual`; none if no mistake does, or there is no time to tell.

    `worst` is a wrong element. Without it the shape is wrong.
    """
    whole = problem
    expected = None if right is None else right.expected
    if problem.call.case.multiply_adds > _MOST_TRIED:
        if worst is None or expected is None:
            return []
        problem, place = part(problem, worst, _MOST_TRIED)
        actual, expected = actual[place], expected[place]
        if problem.call.case.multiply_adds > 4 * _MOST_TRIED:
            return []
    if expected is not None and problem.bias is not None and _same(actual, expected - problem.bias, problem):
        return ["it fits: the bias is not added"]
    found = list(_fitting(actual, expected, problem))
    return _told(found, in_part=problem is not whole) if found else []


def _fitting(actual: np.ndarray, expected: np.ndarray | None, problem: Problem) -> Iterator[Mistake]:
    until = time.monotonic() + SECONDS
    call = problem.call.with_arrays(_as_backends_take)
    for mistake in MISTAKES:
        if time.monotonic() > until:
            return
        if problem.operation not in mistake.operations or mistake.family == "state":
            continue
        answer = _answer(mistake, call)
        if answer is None or answer.shape != actual.shape:
            continue
        answer = problem.with_bias(answer)
        if _same(actual, answer, problem) and (expected is None or not _same(answer, expected, problem)):
            yield mistake


def _as_backends_take(array: np.ndarray) -> np.ndarray:
    return array.copy() if array.dtype.kind in "iuf" else array.astype(np.int64)


def _answer(mistake: Mistake, call: Call) -> Any:
    try:
        with np.errstate(all="ignore"):
            answer = Call(call.operation, replace(call.case), call.arrays).with_arrays(np.copy).run(mistake.backend())
    except Exception:  # NoAnswer, and what a wrong kernel may raise on data of any kind
        return None
    return answer if isinstance(answer, np.ndarray) else None


def _same(actual: np.ndarray, other: np.ndarray, problem: Problem) -> bool:
    """True if both may be the same answer, added in two orders."""
    with np.errstate(all="ignore"):
        if problem.dtype not in FORMATS:
            return bool((actual == other).all())
        eps = max(FORMATS[problem.dtype].eps, FORMATS[problem.accumulator].eps)
        room = 2 * THRESHOLD * problem.factor * eps * _most(problem, other.shape)
        near = np.abs(actual.astype(np.float64) - other.astype(np.float64)) <= room
        return bool((near | (actual == other) | (np.isnan(actual) & np.isnan(other.astype(np.float64)))).all())


def _most(problem: Problem, shape: tuple[int, ...]) -> Any:
    """The gauge, for an answer of the right shape; for others its largest element."""
    return problem.gauge if problem.gauge.shape == shape else problem.gauge.max(initial=0)


def _told(found: list[Mistake], *, in_part: bool) -> list[str]:
    first, *others = found
    where = " on the part that was tried" if in_part else ""
    lines = [f"it fits the known mistake *{first.name}*{where}: {first.does}", f"right: {first.right}"]
    lines += [f"or *{other.name}*: {other.does}" for other in others[: _MOST_NAMED - 1]]
    if len(others) >= _MOST_NAMED:
        lines.append(f"or {len(others) - _MOST_NAMED + 1} more, which one call does not tell apart")
    return [*lines, *([f"made before: {', '.join(first.links)}"] if first.links else [])]
