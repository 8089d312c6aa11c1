"""What a run found: its tally, the failures with the line that runs each again, and the JSON file."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from .. import __version__
from ..cases.case import Case
from ..diagnosis import Diagnoses
from ..run import outcome, whole_backend
from ..run.outcome import Record
from ..run.runner import Subject
from ..run.whole_backend import WHOLE_BACKEND_CHECKS

# The worst outcome of a call's checks is the call's.
_SEVERITY = (
    outcome.CRASHED,
    outcome.FAIL,
    outcome.REFUSED,
    outcome.FIXED,
    outcome.KNOWN,
    outcome.MISTRUSTED,
    outcome.PASS,
    outcome.UNSUPPORTED,
)

# (backend, operation, padding mode) -> how many calls had each outcome, and how many of those passed were composed
Cells = dict[tuple[str, str, str], Counter[str]]
Illustrate = Callable[[Subject, Record], Record]


class Tally:
    """Counts of calls, by backend, operation and padding mode, and the records to be reported."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._calls: dict[tuple[str, str, str], list[Record]] = {}
        self.failed = 0
        """How many calls have failed unexpectedly so far."""

    def add(self, record: Record) -> None:
        self.records.append(record)
        key = record.backend, record.operation, record.case
        worst = self._calls.get(key)
        if worst is None or _SEVERITY.index(record.outcome) < _SEVERITY.index(worst[0].outcome):
            self._calls[key] = [record]
            self.failed += record.unexpected - (worst is not None and worst[0].unexpected)

    def extend(self, records: Iterable[Record]) -> None:
        for record in records:
            self.add(record)

    @property
    def unexpected(self) -> list[Record]:
        """One record for each call that failed unexpectedly: that of the first check with the worst outcome."""
        return [worst for (worst,) in self._calls.values() if worst.unexpected]

    def replace(self, old: Record, new: Record) -> None:
        """The same with `new` in the place of `old`, which has the same outcome."""
        self.records[self.records.index(old)] = new
        self._calls[new.backend, new.operation, new.case] = [new]

    def cells(self) -> Cells:
        counted: Cells = defaultdict(Counter)
        modes: dict[str, str] = {}
        for (backend, operation, case), (worst,) in self._calls.items():
            if worst.check in WHOLE_BACKEND_CHECKS:
                continue
            if case not in modes:
                modes[case] = Case.parse(case).padding_mode
            cell = counted[backend, operation, modes[case]]
            cell[worst.outcome] += 1
            if worst.outcome == outcome.PASS and worst.mode != "native":
                cell["composed"] += 1
        return counted


def failures(
    tally: Tally,
    subjects: Sequence[Subject],
    most: int = 20,
    *,
    isolate: bool = False,
    illustrate: Illustrate | None = None,
) -> Iterable[str]:
    """The text of each unexpected failure, at most `most` of them, with diagnoses, which the tally then has too.

    `illustrate` adds to a record where its picture is.
    """
    unexpected, diagnoses = tally.unexpected, Diagnoses(isolate=isolate)
    by_name = {subject.name: subject for subject in subjects}
    for record in unexpected[:most]:
        subject = by_name[record.backend]
        diagnosed = diagnoses.added(subject, record)
        if illustrate is not None:
            diagnosed = illustrate(subject, diagnosed)
        tally.replace(record, diagnosed)
        yield failure_text(diagnosed)
    if len(unexpected) > most:
        yield f"... and {len(unexpected) - most} more failing calls; --json FILE writes them all."


def failure_text(record: Record) -> str:
    """What a stranger needs in order to act: who, on what, how it is wrong, and the line that runs it again."""
    lines = [
        f"{record.outcome.upper()}  {record.backend} {record.version}: {record.operation} on {record.case}",
        f"claim: {record.check} ({outcome.MEANING[record.outcome]}); {record.mode}",
        *(record.message or "").splitlines(),
        *(record.diagnosis or "").splitlines(),
        *_advice(record),
        f"run it again: {rerun_line(record)}",
    ]
    return "\n    ".join(lines)


def _advice(record: Record) -> list[str]:
    """How a backend declares that it is not meant to do what it failed to do."""
    if record.check == whole_backend.REFUSES and record.outcome == outcome.FAIL:
        return [
            f'if callers are to see to that, its capabilities say so: unclaimed={{"{whole_backend.REFUSES}": reason}}'
        ]
    if record.outcome == outcome.REFUSED:
        return ["if it is not meant to take this, its capabilities say so: lacks=(Lack(reason, applies),)"]
    return []


def rerun_line(record: Record) -> str:
    """A line for the shell; for Python, where the backend is an object that has no name to load it by."""
    if record.argument is None:
        return f"check_backend(your_backend, [{record.case!r}], seed={record.seed})"
    what = f"--check {record.check}" if record.check in WHOLE_BACKEND_CHECKS else f"--cases {record.case}"
    return (
        f"python -m reference_impl verify --backend {record.argument} {what} "
        f"--operation {record.operation} --seed {record.seed}"
    )


def write_json(path: Path, tally: Tally, settings: dict[str, Any]) -> None:
    """All records in one document; the file is complete or, on an error, as it was."""
    document = {"reference_impl": __version__, **settings, "records": [asdict(record) for record in tally.records]}
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def print_failures(
    console: Console,
    tally: Tally,
    subjects: Sequence[Subject],
    *,
    isolate: bool = False,
    illustrate: Illustrate | None = None,
) -> None:
    for text in failures(tally, subjects, isolate=isolate, illustrate=illustrate):
        console.print(escape(text), style="red", soft_wrap=True)
        console.print()
