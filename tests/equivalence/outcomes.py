"""Turn the records of a call into pytest's outcomes: passed, failed, or failed as expected."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reference_impl.diagnosis import Diagnoses
from reference_impl.report.failures import failure_text
from reference_impl.run import outcome
from reference_impl.run.outcome import Record
from reference_impl.run.subject import Subject

# One diagnosis for each backend and operation that fails, in all tests.
_DIAGNOSES = Diagnoses()


def fail_if_unexpected(subject: Subject, records: Sequence[Record]) -> None:
    """Fail with a report that says how the answer is wrong and how to run the call again."""
    suspect = [record for record in records if record.outcome == outcome.ORACLE]
    unexpected = suspect or [record for record in records if record.unexpected]
    if unexpected:
        texts = [failure_text(_DIAGNOSES.added(subject, record)) for record in unexpected]
        pytest.fail("\n\n".join(texts), pytrace=False)


def xfail_if_known(records: Sequence[Record]) -> None:
    """Show a failure that `known_failures/` lists as expected."""
    for record in records:
        if record.outcome == outcome.KNOWN:
            pytest.xfail(f"known_failures: {record.diagnosis}")
