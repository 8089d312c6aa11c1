"""The tests of an operation. The file of each operation imports them, and its OPERATION says which one it is.

`conftest.py` makes an item of them for each backend and case, and for each backend and padding mode.
"""

from __future__ import annotations

import functools

from equivalence.outcomes import fail_if_unexpected, xfail_if_known
from hypothesis import event

from reference_impl.cases.boundaries import boundaries_of
from reference_impl.cases.case import Case
from reference_impl.run.outcome import Record
from reference_impl.run.runner import ROUTES_SHARE, Subject, judge
from reference_impl.verdicts.checks import checks_of
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
    checks = checks_of(case, seed, share=ROUTES_SHARE if subject.is_route else 1.0)
    return judge(subject, case, operation, seed, _task(case, operation, seed), checks=checks)


@functools.lru_cache(1)
def _task(case: Case, operation: str, seed: int) -> Task:
    """Make a task once for all backends that come one after another. Keep no more, as network layers are large."""
    return Task(case, operation, seed)
