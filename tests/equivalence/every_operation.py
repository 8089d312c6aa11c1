"""The tests of an operation. The file of each operation imports them, and its OPERATION says which one it is.

`conftest.py` makes an item of them for each backend and case, and for each backend and padding mode.
"""

from __future__ import annotations

import functools

from equivalence.outcomes import fail_if_unexpected, xfail_if_known
from hypothesis import event

from reference_impl.cases.boundaries import boundaries_of
from reference_impl.cases.case import Case
from reference_impl.run.judge import judge_call
from reference_impl.run.known import mark_expected
from reference_impl.run.outcome import Record
from reference_impl.run.selection import Asked
from reference_impl.run.shares import checks_due
from reference_impl.run.subject import Subject
from reference_impl.verdicts.task import Task


def test_agrees(subject: Subject, operation: str, case: Case, seed: int) -> None:
    records = _judged(subject, operation, case, seed)
    fail_if_unexpected(subject, records)
    xfail_if_known(records)


def test_agrees_on_generated_cases(subject: Subject, operation: str, case: Case, data_seed: int) -> None:
    lack = subject.capabilities.unsupported(operation, case)
    # `--hypothesis-show-statistics` counts these.
    for name in boundaries_of(case) if lack is None else [f"unsupported: {lack}"]:
        event(name)
    if lack is None:
        fail_if_unexpected(subject, _judged(subject, operation, case, data_seed))


def _judged(subject: Subject, operation: str, case: Case, seed: int) -> list[Record]:
    asked = Asked(subject, operation, case, checks_due(subject, case, seed), seed)
    return mark_expected(judge_call(asked, _task(case, operation, seed)), subject)


@functools.lru_cache(1)
def _task(case: Case, operation: str, seed: int) -> Task:
    """Make a task once for all backends that come one after another. Keep no more, as network layers are large."""
    return Task(case, operation, seed)
