"""Known failures: what a framework gets wrong today. They are expected, strictly: a fix turns them red."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from ..cases.case import Case
from . import outcome
from .known_failure import KnownFailure
from .outcome import Record
from .whole_backend import STEADY, THREADS

if TYPE_CHECKING:
    from .subject import Subject

# A check that passes without these says nothing of a failure: it may have asked nothing of an empty array.
_DECISIVE = ("exact", "refuses_invalid_calls")


@cache
def known_failures() -> tuple[KnownFailure, ...]:
    """All entries, from every module of known_failures, in the order of the modules' names."""
    package = import_module(".known_failures", __package__)
    modules = [import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__)]
    return tuple(entry for module in modules for entry in module.FAILURES)


def find(
    backend: str, version: str, facts: dict[str, Any], operation: str, case: Case, invalid: str | None = None
) -> list[KnownFailure]:
    """Find the entries that expect `backend` to fail here, or on the `invalid` call of that name.

    Several may be about different checks of one call.
    """
    candidates = _candidates(known_failures(), (backend, version, operation, invalid))
    return [entry for entry in candidates if entry.applies(backend, version, facts, operation, case, invalid)]


_Asked = tuple[str, str, str, str | None]
"""A backend, its version, an operation and the name of an invalid call."""
_found: dict[_Asked, tuple[tuple[KnownFailure, ...], list[KnownFailure]]] = {}


def _candidates(entries: tuple[KnownFailure, ...], asked: _Asked) -> list[KnownFailure]:
    """The entries that apply to some case of these. A run asks for the same few again and again."""
    found = _found.get(asked)
    if found is None or found[0] is not entries:  # to hash all entries would take longer than to ask them
        found = _found[asked] = entries, [entry for entry in entries if entry.concerns(*asked)]
    return found[1]


def expected(subject: Subject, operation: str, case: Case, invalid: str | None = None) -> list[KnownFailure]:
    """Find the entries for a call of an adapter of ours. No other backend inherits them, whatever its name is."""
    if subject.adapter is None:
        return []
    return find(subject.route, subject.version, subject.facts, operation, case, invalid)


def is_known(subject: Subject, operation: str, case: Case) -> bool:
    """True if an entry expects the answer to this call to be wrong, and not only that of another check's call."""
    return any(not entry.checks or "exact" in entry.checks for entry in expected(subject, operation, case))


def is_deadly(subject: Subject, operation: str, case: Case, invalid: str | None = None) -> bool:
    """True if the process is expected to die of this call, or of the `invalid` call of that name."""
    return any(entry.outcome == outcome.CRASHED for entry in expected(subject, operation, case, invalid))


def mark_expected(records: list[Record], subject: Subject) -> list[Record]:
    """Mark what was expected in the records of one call: the one place that does.

    A failure that an entry expects becomes "known". If a call that should fail passes, its records become "fixed".
    """
    for entry in _entries(records, subject):
        records = _expecting(entry, records)
    return records


def _entries(records: list[Record], subject: Subject) -> list[KnownFailure]:
    """The entries that expect the call of these records to fail."""
    first = records[0] if records else None
    if first is None or first.check in (STEADY, THREADS):  # entries speak of answers
        return []
    case = _case(first.case)
    return expected(subject, first.operation, case, first.invalid_call)


class Watch:
    """Marks what was expected in the records of a whole run, and sees which entries have had no failure."""

    def __init__(self) -> None:
        self._passed: dict[KnownFailure, list[Record]] = {}
        self._failed: set[KnownFailure] = set()

    def marked(self, records: list[Record], subject: Subject) -> list[Record]:
        """Mark the records of one call, as `mark_expected` does, and remember what became of it."""
        for entry in _entries(records, subject):
            records = _expecting(entry, records)
            concerned = _concerned(entry, records)
            passed = [record for record in concerned if record.outcome == outcome.PASS]
            if any(record.outcome == outcome.KNOWN for record in concerned):
                self._failed.add(entry)
            elif entry.tries > 1 and passed and entry.was_seen_in(subject.name):  # an environment may prevent it
                self._passed.setdefault(entry, []).append(passed[0])
        return records

    def fixed(self) -> list[Record]:
        """A record for each entry that allows some calls to pass, and of which so many passed that it must go."""
        return [
            replace(
                passed[-1],
                outcome=outcome.FIXED,
                message=f"expected to fail sometimes: {_said(entry)}; "
                f"it passed in all {len(passed)} calls of this run, and {entry.tries} are enough",
            )
            for entry, passed in self._passed.items()
            if len(passed) >= entry.tries and entry not in self._failed
        ]


_case = lru_cache(4096)(Case.parse)


def _said(entry: KnownFailure) -> str:
    return f"{entry.does} ({entry.link})"


def _concerned(entry: KnownFailure, records: list[Record]) -> list[Record]:
    return [record for record in records if not entry.checks or record.check in entry.checks]


def _expecting(entry: KnownFailure, records: list[Record]) -> list[Record]:
    """Mark the records of a call that is expected to fail: as expected, in another way, or not at all.

    Where a call fails sometimes, the accuracy of an answer that passed is left out: it is chance.
    """
    if entry.tries > 1:
        concerned = _concerned(entry, records)
        records = [_without_accuracy(record) if record in concerned else record for record in records]
    said, concerned = _said(entry), _concerned(entry, records)
    if not any(record.outcome in (*outcome.UNEXPECTED, outcome.KNOWN) for record in concerned):
        if entry.tries > 1 or not any(record.check in (entry.checks or _DECISIVE) for record in concerned):
            return records
        fixed = {
            record.check: replace(record, outcome=outcome.FIXED, message=f"expected to fail: {said}")
            for record in concerned
            if record.outcome != outcome.UNSUPPORTED
        }
        return [fixed.get(record.check, record) for record in records]
    return [
        replace(record, outcome=outcome.KNOWN, diagnosis=said)
        if record in concerned and record.outcome == entry.outcome
        else record
        for record in records
    ]


def _without_accuracy(record: Record) -> Record:
    is_right = record.outcome == outcome.PASS and record.ratio is not None
    return replace(record, ratio=None, median_ratio=None) if is_right else record
