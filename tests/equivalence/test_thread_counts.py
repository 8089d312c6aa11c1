"""The oracle, and a backend that promises it, give the same bits on any number of threads (`verify` reports others)."""

from __future__ import annotations

from collections.abc import Sequence

from equivalence.outcomes import fail_if_unexpected

from reference_impl.run import whole_backend
from reference_impl.run.subject import Subject


def test_keeps_its_bits_on_any_number_of_threads(subject: Subject, operations: Sequence[str], seed: int) -> None:
    fail_if_unexpected(subject, list(whole_backend.thread_counts(subject, operations, seed)))
