"""The text of a failure: the backend, the call, what is wrong, why, and the line that runs it again."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence

from ..console import PlainConsole, plain_name, plain_text
from ..diagnosis import Diagnoses
from ..run import outcome
from ..run.implementation import Implementations
from ..run.outcome import Record
from ..run.subject import Subject
from ..run.whole_backend import LOADS, REFUSES, WHOLE_BACKEND_CHECKS
from .suspicion import smallest_first, suspicion
from .tally import Tally

Illustrate = Callable[[Subject, Record], Record]
"""Adds to a record the name of its picture."""


def failures(
    tally: Tally,
    subjects: Sequence[Subject],
    most: int = 20,
    *,
    isolate: bool = False,
    illustrate: Illustrate | None = None,
    diagnosed: bool = True,
) -> Iterable[str]:
    """Write the text of each unexpected failure, at most `most` of them, and put the diagnoses into the tally too.

    Without `diagnosed` no backend is asked again.
    """
    if tally.suspects:
        yield suspicion_text(tally.suspects, failed=len(tally.unexpected))
        return
    diagnoses, implementations = Diagnoses(isolate=isolate, run=tally.records), Implementations()
    unexpected = tally.unexpected
    by_name = {subject.name: subject for subject in subjects}
    for record in unexpected[:most]:
        told, subject = record, by_name.get(record.backend)
        if subject is not None and diagnosed:
            told = implementations.added(subject, diagnoses.added(subject, record))
            if illustrate is not None:
                told = illustrate(subject, told)
            tally.replace(record, told)
        yield failure_text(told)
    implementations.close()
    if len(unexpected) > most:
        yield f"... and {len(unexpected) - most} more failing calls; --json FILE writes them all."


def print_failures(console: PlainConsole, texts: Iterable[str]) -> None:
    """Print the text of each failure."""
    for text in texts:
        console.print(text, style="red", soft_wrap=True)
        console.print()


def failure_text(record: Record) -> str:
    """Write what a stranger needs in order to act on a failure."""
    if record.outcome == outcome.ORACLE:
        return suspicion_text([record], failed=1)
    lines = [
        f"{record.outcome.upper()}  {plain_name(record.backend)}{_call(record)}",
        f"check: {record.check} ({outcome.MEANING[record.outcome]}); {record.mode}",
        *plain_text(record.message or "").splitlines(),
        *plain_text(record.diagnosis or "").splitlines(),
        *([f"the library ran: {plain_text(record.implementation)}"] if record.implementation else []),
        *_advice(record),
        f"run it again: {rerun_line(record)}",
    ]
    return "\n    ".join(lines)


def suspicion_text(suspects: Sequence[Record], failed: int) -> str:
    """Write what a run says if the oracle is suspect. It accuses no backend."""
    ordered = smallest_first(suspects)
    return suspicion(ordered, failed, [rerun_line(record) for record in ordered])


def _call(record: Record) -> str:
    if record.check == LOADS:
        return ": it cannot be loaded"
    return f" {plain_name(record.version)}: {record.operation} on {record.spec}"


def _advice(record: Record) -> list[str]:
    """Say how a backend declares that it is not meant to do what it failed to do."""
    if record.check == REFUSES and record.outcome == outcome.FAIL:
        return [f'if checking arguments is the caller\'s job, declare it: unclaimed={{"{REFUSES}": "why"}}']
    if record.outcome == outcome.REFUSED and record.check != LOADS:
        return ["if it is not meant to take this, declare it: lacks=(Lack(reason, applies),)"]
    return []


def rerun_line(record: Record) -> str:
    """Write the command that makes this call again; or the Python, if the backend has no name to load it by."""
    if record.argument is None:
        return f"check_backend(your_backend, [{record.case!r}], seed={record.seed})"
    what = f"--check {record.check}" if record.check in WHOLE_BACKEND_CHECKS else f"--cases {record.case}"
    operation = "" if record.check == LOADS else f" --operation {record.operation} --seed {record.seed}"
    return f"python -m reference_impl verify --backend {shlex.quote(record.argument)} {what}{operation}"
