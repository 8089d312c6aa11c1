"""The suite itself: every backend on every case, one item for each operation x backend x case."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl.cases.case import Case
from reference_impl.cases.strategies import cases
from reference_impl.diagnosis import Diagnoses
from reference_impl.operations import OPERATIONS
from reference_impl.report.failures import failure_text
from reference_impl.run import outcome, whole_backend
from reference_impl.run.judge import judge_call
from reference_impl.run.known import mark_expected
from reference_impl.run.outcome import Record
from reference_impl.run.selection import Asked, cases_for_pytest, checks_due, dtypes_of
from reference_impl.run.subject import Subject
from reference_impl.run.subject import subjects as subjects_of
from reference_impl.verdicts.invalid_calls import INVALID_CALLS, InvalidCall
from reference_impl.verdicts.task import Task

# One for each backend and operation that fails, in all tests.
_DIAGNOSES = Diagnoses()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    config = metafunc.config
    if "promising" in metafunc.fixturenames:
        # Others are reported on by `verify`; the oracle is there so that the test always has something to run.
        subjects = subjects_of(["reference", *(config.getoption("--backend") or ())])
        kept = [s for s in subjects if s.capabilities.same_bits_on_any_threads or s.name == "reference"]
        metafunc.parametrize("promising", [pytest.param(subject, id=subject.name) for subject in kept])
    if "subject" not in metafunc.fixturenames:
        return
    words = config.getoption("--backend") or ()
    subjects = subjects_of(words)
    if "invalid" in metafunc.fixturenames:
        items = [
            pytest.param(subject, operation, invalid, id=f"{operation}-{subject.name}-{invalid.name}")
            for subject in subjects
            if not subject.is_route and whole_backend.REFUSES not in subject.capabilities.unclaimed
            for invalid in INVALID_CALLS
            for operation in invalid.operations
            if operation in subject.capabilities.operations
        ]
        metafunc.parametrize(("subject", "operation", "invalid"), items)
    elif "case" in metafunc.fixturenames:
        asked, seed = config.getoption("--case"), config.getoption("--seed")
        takers: dict[Case, list[Subject]] = {}
        for subject in subjects:
            for case in cases_for_pytest(subject, asked or (), seed):
                takers.setdefault(case, []).append(subject)
        # All that take a call stand together, as pytest-xdist hands out runs of items: `_task` is made but once.
        items = [
            pytest.param(subject, operation, case, id=f"{operation}-{subject.name}-{case}")
            for case, its_takers in takers.items()
            for operation in OPERATIONS
            for subject in its_takers
            if subject.capabilities.unsupported(operation, case) is None
        ]
        metafunc.parametrize(("subject", "operation", "case"), items)
    else:
        items = [
            pytest.param(subject, operation, id=f"{operation}-{subject.name}")
            for subject in subjects
            for operation in subject.capabilities.operations
        ]
        metafunc.parametrize(("subject", "operation"), items)


@functools.lru_cache(1)
def _task(case: Case, operation: str, seed: int) -> Task:
    """Made once for all backends that come one after another; no more are kept, as network layers are large."""
    return Task(case, operation, seed)


def _judge(subject: Subject, operation: str, case: Case, seed: int) -> list[Record]:
    """The records; fails, with a report that says what to do, if one is unexpected."""
    asked = Asked(subject, operation, case, checks_due(subject, case, seed), seed)
    return _expected(subject, judge_call(asked, _task(case, operation, seed)))


def _expected(subject: Subject, records: list[Record]) -> list[Record]:
    records = mark_expected(records, subject)
    unexpected = [record for record in records if record.unexpected]
    if unexpected:
        texts = [failure_text(_DIAGNOSES.added(subject, record)) for record in unexpected]
        pytest.fail("\n\n".join(texts), pytrace=False)
    return records


def test_backend_agrees(subject: Subject, operation: str, case: Case, seed: int) -> None:
    _xfail_if_known(_judge(subject, operation, case, seed))


def test_backend_refuses(subject: Subject, operation: str, invalid: InvalidCall, seed: int) -> None:
    _xfail_if_known(_expected(subject, [whole_backend.invalid_call(subject, operation, invalid, seed)]))


def test_backend_keeps_its_bits_on_any_number_of_threads(promising: Subject, seed: int) -> None:
    _expected(promising, list(whole_backend.thread_counts(promising, promising.capabilities.operations, seed)))


def _xfail_if_known(records: list[Record]) -> None:
    for record in records:
        if record.outcome == outcome.KNOWN:
            pytest.xfail(f"known_failures: {record.diagnosis}")


def test_backend_agrees_on_generated_cases(subject: Subject, operation: str, seed: int) -> None:
    dtypes = dtypes_of(subject)
    examples = max(1, round(settings().max_examples * subject.capabilities.share))

    @settings(max_examples=examples)
    @given(case=cases(dtypes=dtypes), data_seed=st.integers(0, 2**16))
    def agrees(case: Case, data_seed: int) -> None:
        if subject.capabilities.unsupported(operation, case) is None:
            _judge(subject, operation, case, data_seed)

    agrees()
