"""The text of a failure: the backend, the call, what is wrong, why, and the line that runs it again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..console import plain_name, plain_text
from ..diagnosis import Diagnoses
from ..run import outcome
from ..run.implementation import Implementations
from ..run.outcome import Record
from ..run.subject import Subject
from ..run.whole_backend import LOADS, REFUSES, STEADY, WHOLE_BACKEND_CHECKS
from .finding import Finding, joined, mistake_of
from .findings import findings
from .robustness import OF_CHECKS
from .suspicion import smallest_first, suspicion
from .tally import Tally

Illustrate = Callable[[Subject, Record], Record]
"""Adds to a record the name of its picture."""


# So many distinct bugs of a backend have a full text, and each takes seconds to diagnose.
MOST_TEXTS = 8


def explained(
    tally: Tally,
    subjects: Sequence[Subject],
    *,
    isolate: bool = False,
    illustrate: Illustrate | None = None,
    diagnosed: bool = True,
) -> dict[str, list[Finding]]:
    """Find the distinct bugs of each backend, with the full text of the failure on the smallest case of each.

    The diagnoses are put into the tally too. Without `diagnosed` no backend is asked again. If the oracle is suspect,
    no backend is accused.
    """
    if tally.suspects:
        return {}
    by_name = {subject.name: subject for subject in subjects}
    implementations = Implementations()
    found: dict[str, list[Finding]] = {}
    for name, mine in tally.by_backend.items():
        subject, diagnoses = by_name.get(name) if diagnosed else None, Diagnoses(isolate=isolate, run=mine)
        found[name] = findings(mine, subject)
        for finding in found[name][:MOST_TEXTS]:
            told = finding.record
            if subject is not None:
                told = implementations.added(subject, diagnoses.of(subject, told))
                told = told if illustrate is None else illustrate(subject, told)
                tally.replace(finding.record, told)
            always = finding.line.startswith(_ALWAYS_REFUSED)
            finding.record, finding.text = told, failure_text(_without_conditions(told, finding), always=always)
        if subject is not None:
            named = list(dict.fromkeys(filter(None, (mistake_of(one.record) for one in found[name][:MOST_TEXTS]))))
            for finding in found[name][MOST_TEXTS:]:
                finding.record = diagnoses.named_before(subject, finding.record, named)
        found[name] = joined(found[name])
    implementations.close()
    return found


_ALWAYS_REFUSED = "refused  on every call"
_DECLARE = 'if it takes other dtypes, declare them: Capabilities(operations=("conv2d",), dtypes=("float16",))'
# The line of a diagnosis that tells conditions.
_CONDITIONS = re.compile(r"(?:wrong|refused) (?:conv2d\w* )*(?:where |unless |on every call)")


def _without_conditions(record: Record, finding: Finding) -> Record:
    """Leave out conditions that the diagnosis tells, if the finding tells its own, from more calls."""
    if not _CONDITIONS.match(f"wrong {finding.line.partition('  ')[2]}") or not record.diagnosis:
        return record
    kept = [line for line in record.diagnosis.splitlines() if not _CONDITIONS.match(line)]
    return replace(record, diagnosis="\n".join(kept) or None)


def failure_text(record: Record, *, always: bool = False) -> str:
    """Write what a stranger needs in order to act on a failure; `always` if every call is refused."""
    if record.outcome == outcome.ORACLE:
        return suspicion_text([record], failed=1)
    lines = [
        f"{record.outcome.upper()}  {plain_name(record.backend)}{_call(record)}",
        f"check: {record.check} ({_meaning(record)})" + (f"; {record.mode}" if record.mode != "native" else ""),
        *plain_text(record.message or "").splitlines(),
        *plain_text(record.diagnosis or "").splitlines(),
        *([f"the library ran: {plain_text(record.implementation)}"] if record.implementation else []),
        *([_DECLARE] if always else _advice(record)),
        f"run it again: {rerun_line(record)}",
    ]
    return "\n    ".join(lines)


def suspicion_text(suspects: Sequence[Record], failed: int) -> str:
    """Write what a run says if the oracle is suspect. It accuses no backend."""
    ordered = smallest_first(suspects)
    return suspicion(ordered, failed, [rerun_line(record) for record in ordered])


def _meaning(record: Record) -> str:
    """Say in a few words what an outcome means for a check."""
    if record.outcome == outcome.FAIL and record.check in WHOLE_BACKEND_CHECKS:
        return {
            REFUSES: "answers an invalid call",
            STEADY: "its memory grows",
        }.get(record.check, "a promise that is not kept")
    return outcome.MEANING[record.outcome]


def _call(record: Record) -> str:
    if record.check == LOADS:
        return ": it cannot be loaded"
    return f" {plain_name(record.version)}: {record.operation} on {record.spec}"


def _advice(record: Record) -> list[str]:
    """Say how a backend declares that it is not meant to do what it failed to do."""
    if record.check == REFUSES and record.outcome == outcome.FAIL:
        return [f'if checking arguments is the caller\'s job, declare it: unclaimed={{"{REFUSES}": "why"}}']
    told = "lacks=(" in (record.diagnosis or "")
    if record.outcome == outcome.REFUSED and record.check in OF_CHECKS and "unclaimed=" not in (record.diagnosis or ""):
        return [f'if it does not promise this, declare it: unclaimed={{"{record.check}": "why"}}']
    if record.outcome == outcome.REFUSED and record.check != LOADS and not told:
        return ["if it is not meant to take this, declare it: lacks=(Lack(reason, applies),)"]
    return []


def rerun_line(record: Record) -> str:
    """Write the command that makes this call again; or the Python, if the backend has no name to load it by."""
    if record.argument is None:
        return f"check_backend(your_backend, [{record.case!r}], seed={record.seed})"
    what = f"--check {record.check}" if record.check in WHOLE_BACKEND_CHECKS else f"--cases {record.case}"
    operation = "" if record.check == LOADS else f" --operation {record.operation} --seed {record.seed}"
    return f"python -m reference_impl verify --backend {shlex.quote(record.argument)} {what}{operation}"
