"""A file of failures that a user expects of `verify`: plain lines, each with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from ..operations import OPERATIONS
from ..run import outcome
from ..run.outcome import Record
from ..run.selection import CHECK_NAMES

_FORM = "BACKEND OPERATION CHECK CASE # why"
_FAILED = (outcome.FAIL, outcome.REFUSED, outcome.CRASHED)


@dataclass(eq=False)
class Entry:
    """One line: patterns in which * stands for any letters, and the reason."""

    place: str
    patterns: tuple[str, str, str, str]
    why: str
    failed: bool = False
    passed: Record | None = None

    def matches(self, record: Record) -> bool:
        values = record.backend, record.operation, record.check, record.spec
        return all(fnmatchcase(value, pattern) for value, pattern in zip(values, self.patterns, strict=True))


@dataclass
class ExpectedFailures:
    """The entries of a file. A failure that one matches becomes a known failure."""

    entries: list[Entry] = field(default_factory=list)

    def marked(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield the records, expected failures marked; then one record for each entry whose failure is gone.

        An entry of which no call was made says nothing.
        """
        for record in records:
            yield self._marked(record)
        for entry in self.entries:
            if entry.passed is not None and not entry.failed:
                said = f"expected to fail by {entry.place} ({entry.why}); no call that it names failed: remove the line"
                yield replace(entry.passed, outcome=outcome.FIXED, message=said)

    def _marked(self, record: Record) -> Record:
        for entry in self.entries:
            if entry.matches(record):
                if record.outcome in _FAILED:
                    entry.failed = True
                    return replace(record, outcome=outcome.KNOWN, diagnosis=f"{entry.why} ({entry.place})")
                if record.outcome in (outcome.PASS, outcome.MISTRUSTED):
                    entry.passed = entry.passed or record
        return record


def read(path: Path | None) -> ExpectedFailures:
    """Read the lines of a file. Raises OSError or ValueError, which names the line."""
    if path is None:
        return ExpectedFailures()
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: must be UTF-8 text; byte {error.start} is not") from None
    entries = [_entry(f"{path}:{number}", line) for number, line in enumerate(lines, start=1)]
    return ExpectedFailures([entry for entry in entries if entry is not None])


def _entry(place: str, line: str) -> Entry | None:
    words, _, why = line.partition("#")
    parts = words.split()
    if not parts:
        return None
    if len(parts) != 4 or not why.strip():
        raise ValueError(f"{place}: a line must be {_FORM}; not {line!r}")
    backend, operation, check, case = parts
    for pattern, known, what in ((operation, (*OPERATIONS, "loading"), "operation"), (check, CHECK_NAMES, "check")):
        if not any(fnmatchcase(name, pattern) for name in known):
            raise ValueError(f"{place}: {what} must match one of {', '.join(known)}; {pattern!r} matches none")
    return Entry(place, (backend, operation, check, case), why.strip())
