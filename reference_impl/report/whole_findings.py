"""Findings about a backend as a whole, and about failures that were expected and are gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..backends.promises import PROMISES
from ..run import outcome
from ..run.outcome import Record
from ..run.whole_backend import LOADS, REFUSES, STEADY, THREADS, WHOLE_BACKEND_CHECKS
from .finding import Finding
from .kinds import PLAIN, error_of
from .robustness import robustness_of

_MOST_NAMED = 6


def of_whole_backend(records: Iterable[Record]) -> Iterator[Finding]:
    """Yield a finding for each check of a whole backend and each way to fail it."""
    failed: dict[tuple[str, str], list[Record]] = {}
    made: dict[str, int] = {}
    records = list(records)
    refusals = {error_of(one.message or "") for one in records if _is_plain_refusal(one)}
    for record in records:
        if record.check in WHOLE_BACKEND_CHECKS and record.outcome != outcome.UNSUPPORTED:
            made[record.check] = made.get(record.check, 0) + 1
            is_told = record.outcome == outcome.REFUSED and error_of(record.message or "") in refusals
            if record.unexpected and record.outcome not in (outcome.SUITE, outcome.FIXED) and not is_told:
                failed.setdefault((record.check, record.outcome), []).append(record)
    for (check, came), some in failed.items():
        named = list(dict.fromkeys(one.invalid_call or _named(one) for one in some))
        shown = ", ".join(named[:_MOST_NAMED]) + (", ..." if len(named) > _MOST_NAMED else "")
        what = {outcome.FAIL: "answered", outcome.CRASHED: "died of"}.get(came, "failed on")
        is_broken = came == outcome.FAIL and check in PROMISES
        said = {
            LOADS: f"cannot be loaded: {(some[0].message or '').partition(chr(10))[0]}",
            REFUSES: f"{what} {len(some)} of {made[check]} invalid calls: {shown}",
            STEADY: f"takes more memory with each equal call: {shown}" if came == outcome.FAIL else None,
        }.get(check) or (f"is not {check}: {shown}" if is_broken else f"{check}: {came}: {shown}")
        operations = tuple(dict.fromkeys(one.operation for one in some))
        of_what = {STEADY: "operations", THREADS: "calls"}.get(check, "operations and dtypes")
        how_many = f"{len(some)} of {made[check]} {of_what}" if len(some) < made[check] else "in all that was asked"
        yield Finding(said, some[0], operations, len(some), robustness_of(some[0]), counted=how_many)


def _is_plain_refusal(record: Record) -> bool:
    return record.outcome == outcome.REFUSED and record.check in PLAIN


def _named(record: Record) -> str:
    """Name what a check on a whole backend asked for. A promise is asked for in each dtype."""
    return f"{record.operation} in {record.dtype}" if record.check in PROMISES else record.operation


def of_fixed(records: Iterable[Record]) -> Iterator[Finding]:
    """Yield a finding for each failure that was expected and is gone."""
    fixed: dict[str, list[Record]] = {}
    for record in records:
        if record.outcome == outcome.FIXED:
            fixed.setdefault(record.message or "", []).append(record)
    for said, some in fixed.items():
        operations = tuple(dict.fromkeys(one.operation for one in some))
        yield Finding(f"passes in {len(some)} checks although it was {said}", some[0], operations, len(some))
