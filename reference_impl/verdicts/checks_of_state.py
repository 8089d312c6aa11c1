"""Checks on what a call leaves behind, and what it shares: memory, earlier calls, other threads."""

from __future__ import annotations

import numpy as np

from ..cases.case import Case
from ..exact.formats import FORMATS
from .call import Call
from .real_data import RealTask
from .trial import Trial
from .wide_sums import half_call, integer_call_with_wide_sums

# Checks that make many calls take small cases only.
_SMALL = 30_000  # multiply-adds


def is_small(case: Case) -> bool:
    """True for a case that is cheap to ask many times, with nothing empty."""
    return 0 < case.multiply_adds <= _SMALL and bool(np.prod(case.input_sizes))


def shared_arguments(trial: Trial) -> None:
    for laid in trial.task.sharing():
        before = laid.call.with_arrays(np.copy)
        answer = trial.ask(laid.call, trial.task.expected.shape, as_it_is=True)
        trial.require_exact(answer, trial.task, f"with {laid.how}, ", call=before)


# More than frameworks take to choose an algorithm, and than buffers that are used in turn.
MANY = 12


def many_calls(trial: Trial) -> None:
    """Ask one call, then others on other numbers, and look at all answers after the last."""
    tasks = [trial.task] + [trial.task.other] * (MANY - 1)
    answers = trial.ask_together([task.call for task in tasks])
    for place, (task, answer) in enumerate(zip(tasks, answers, strict=True), 1):
        trial.require_exact(answer, task, f"answer {place} of {MANY} calls, looked at after the last: ")


def other_options(trial: Trial) -> None:
    """Ask the case, its neighbours one after the other, and the case again."""
    others = [task for task in trial.task.neighbours if trial.offers(task.case)]
    if not others:
        return
    said = " and ".join(str(other.case) for other in others)
    for task in (trial.task, *others, trial.task):
        given = f"in a row of calls with other options ({said}), on {task.case} "
        trial.require_exact(trial.ask(task.call, task.expected.shape), task, given)


def dirty_memory(trial: Trial) -> None:
    """Ask the case after a larger one, after huge numbers, and after NaN."""
    task = trial.task
    form = FORMATS.get(task.case.dtype)
    before: list[tuple[str, Call]] = []
    if trial.offers(task.larger.case):
        before.append(("larger arrays", task.larger.call))
    if form is not None:
        huge = 2.0 ** int(np.log2(form.largest) / 3)
        for said, value in (("huge numbers", huge), ("NaN", np.nan)):
            before.append((said, task.call.with_arrays(lambda array, value=value: np.full_like(array, value))))
    for said, call in before:
        with np.errstate(all="ignore"):  # a NumPy kernel would warn of numbers that are wanted here
            trial.ask_together([call])
        trial.require_exact(trial.ask(task.call, task.expected.shape), task, f"after a call on {said}, ")


THREADS, ROUNDS = 2, 8


def two_threads(trial: Trial) -> None:
    """Ask in two threads at once, on other numbers in each."""
    tasks = [trial.task, trial.task.other] * ROUNDS
    answers = trial.ask_together([task.call for task in tasks], THREADS)
    for task, answer in zip(tasks, answers, strict=True):
        trial.require_exact(answer, task, f"called from {THREADS} threads at once, ")


def wide_sums(trial: Trial) -> None:
    """Require sums that are made in a wider type than the arguments have."""
    task = trial.task
    case, operation = task.case, task.operation
    call = half_call(case, operation)
    if call is not None:
        answer = trial.ask(call, task.expected.shape, on_all_threads=True)
        trial.require_near(answer, RealTask("one large and many small terms as", call))
    call = integer_call_with_wide_sums(case, operation, trial.dtype, task.seed)
    if call is not None:
        given = f"on integers over the whole range of {case.dtype}, "
        trial.require_exact(trial.ask(call, task.expected.shape), task, given, call=call)
