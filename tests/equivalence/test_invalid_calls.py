"""Every backend refuses calls that are no convolution."""

from __future__ import annotations

from equivalence.outcomes import fail_if_unexpected, xfail_if_known

from reference_impl.run import whole_backend
from reference_impl.run.known import is_deadly, mark_expected
from reference_impl.run.subject import Subject
from reference_impl.verdicts.invalid_calls import CASE, InvalidCall


def test_refuses(subject: Subject, operation: str, invalid: InvalidCall, seed: int) -> None:
    deadly = is_deadly(subject, operation, CASE, invalid.name)
    record = whole_backend.invalid_call(subject, operation, invalid, seed, is_deadly=deadly)
    records = mark_expected([record], subject)
    fail_if_unexpected(subject, records)
    xfail_if_known(records)
