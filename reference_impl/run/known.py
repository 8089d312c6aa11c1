"""Known failures: what a framework gets wrong today. Expected, and strictly so: a fix turns them red."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, fields, replace
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version
from simpleeval import SimpleEval

from ..cases.case import Case
from ..operations import OPERATIONS
from . import outcome
from .outcome import Record
from .whole_backend import STEADY, THREADS

if TYPE_CHECKING:
    from .subject import Subject

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OUTCOMES = ("fail", "refused", "crashed")
# A check that passes without these says nothing of a failure: it may have asked nothing of an empty array.
_DECISIVE = ("exact", "refuses_invalid_calls")
_OPTIONAL = {"sometimes", "checks", "invalid"}


@dataclass(frozen=True)
class KnownFailure:
    """One entry of a file of known_failures.

    Parameters
    ----------
    backends : full names, or "framework:*" for all routes of one
    versions : the versions that have it, as in a requirement (">=2.20,<2.22")
    operations : those that fail
    when : an expression over the fields and properties of a Case, and the `facts` that the backend gives about
        itself; every case that it selects fails
    outcome : "fail", "refused" or "crashed"
    does : what the backend does, in one sentence
    link : the upstream report, or where it was found
    sometimes : not every case that `when` selects fails, as with a read of memory that is not the kernel's own; a
        pass is then no news
    checks : those that fail, where not all do
    invalid : instead of cases, the calls of invalid_calls.py that are not refused
    """

    backends: tuple[str, ...]
    versions: str
    operations: tuple[str, ...]
    when: str
    outcome: str
    does: str
    link: str
    sometimes: bool = False
    checks: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}, not {self.outcome!r}")
        unknown = set(self.operations) - set(OPERATIONS)
        if unknown or not self.operations:
            raise ValueError(f"operations must be some of {', '.join(OPERATIONS)}, not {list(self.operations)}")

    def applies(
        self, backend: str, version: str, facts: dict[str, Any], operation: str, case: Case, invalid: str | None = None
    ) -> bool:
        if operation not in self.operations or not self._covers(backend):
            return False
        if invalid not in self.invalid if invalid else self.invalid:
            return False
        return _in_range(version, self.versions) and bool(_evaluate(self.when, facts, case))

    def _covers(self, backend: str) -> bool:
        return backend in self.backends or f"{backend.partition(':')[0]}:*" in self.backends


@cache
def known_failures() -> tuple[KnownFailure, ...]:
    """All entries of the files that are shipped, one for each framework."""
    files = sorted(resources.files(__package__).joinpath("known_failures").iterdir(), key=lambda file: file.name)
    return tuple(entry for file in files if file.name.endswith(".toml") for entry in _read(file.read_text("utf-8")))


def find(
    backend: str, version: str, facts: dict[str, Any], operation: str, case: Case, invalid: str | None = None
) -> KnownFailure | None:
    """Find the entry that expects `backend` to fail here, or on the `invalid` call of that name."""
    asked = backend, version, facts, operation, case, invalid
    return next((entry for entry in known_failures() if entry.applies(*asked)), None)


def is_deadly(subject: Subject, operation: str, case: Case) -> bool:
    """True if the process is expected to die of this call."""
    entry = find(subject.name, subject.version, subject.facts, operation, case)
    return entry is not None and entry.outcome == outcome.CRASHED


def mark_expected(records: list[Record], subject: Subject) -> list[Record]:
    """Mark what was expected in the records of one call: the one place that does.

    A failure that an entry expects becomes "known". If a call that should fail passes, its records become "fixed".
    """
    first = records[0] if records else None
    if first is None or first.check in (STEADY, THREADS):  # entries speak of answers
        return records
    case = _case(first.case)
    entry = find(subject.name, subject.version, subject.facts, first.operation, case, first.invalid_call)
    return records if entry is None else _expecting(entry, records)


_case = lru_cache(4096)(Case.parse)


def _expecting(entry: KnownFailure, records: list[Record]) -> list[Record]:
    """Mark the records of a call that is expected to fail: as expected, in another way, or not at all."""
    said = f"{entry.does} ({entry.link})"
    concerned = [record for record in records if not entry.checks or record.check in entry.checks]
    if not any(record.outcome in outcome.UNEXPECTED for record in concerned):
        if entry.sometimes or not any(record.check in (entry.checks or _DECISIVE) for record in concerned):
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


def _read(text: str) -> tuple[KnownFailure, ...]:
    names = {field.name for field in fields(KnownFailure)}
    found = []
    for number, entry in enumerate(tomllib.loads(text).get("failure", []), 1):
        if set(entry) | _OPTIONAL != names:
            raise ValueError(f"known failure {number} must have {sorted(names - _OPTIONAL)}, not {sorted(entry)}")
        lists = {name: tuple(value) for name, value in entry.items() if isinstance(value, list)}
        found.append(KnownFailure(**{**entry, **lists, "when": " ".join(entry["when"].split())}))
    return tuple(found)


@cache
def _in_range(version: str, versions: str) -> bool:
    try:
        return Version(version) in SpecifierSet(versions, prereleases=True)
    except InvalidVersion:
        return False


def _evaluate(expression: str, facts: dict[str, Any], case: Case) -> Any:
    def value(node: Any) -> Any:
        return facts[node.id] if node.id in facts else getattr(case, node.id)

    return SimpleEval(names=value).eval(expression, _parsed(expression))


_PARSING = threading.Lock()


@cache
def _parsed(expression: str) -> Any:
    with _PARSING:  # Python 3.11's parser raises SystemError at times when threads share it
        return SimpleEval().parse(expression)
