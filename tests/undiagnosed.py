"""The failures of a backend as records. `check_backend` also diagnoses them, which takes longer than to find them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from reference_impl.cases.case import Case
from reference_impl.run.choice import for_own_backend
from reference_impl.run.outcome import Record
from reference_impl.run.records import records_of
from reference_impl.run.subject import Subject


def failures(backend: Any, cases: Iterable[Case | str] | None = None, only: tuple[str, ...] = ()) -> Iterator[Record]:
    """Yield the failures that `check_backend` reports, of `only` some checks, one by one and without a diagnosis."""
    selection = replace(for_own_backend(Subject.of(backend), cases, examples=0), only=only)
    return (record for record in records_of(selection, processes=0) if record.unexpected)
