"""Finding: one distinct bug of a backend in a run; and the known mistake that its diagnosis names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..diagnosis.stale import A_CACHE, KEPT_MEMORY
from ..run.outcome import Record

_NAMED = re.compile(r"^(?:matches(?:, though not on this call,)?|fails the same checks as) \*([\w-]+)\*", re.MULTILINE)


@dataclass
class Finding:
    """One distinct bug of a backend.

    Parameters
    ----------
    line : its kind, conditions, counts and smallest case
    record : the record of the run's smallest call that shows it
    operations : the operations that it spoils
    failed : the number of the run's calls that it explains
    robustness : one of `robustness.KINDS`, or None for wrong answers
    text : the full text of the failure on the smallest call
    counted : of a check on a whole backend, how many of what failed: "2 of 4 operations and dtypes"
    also : the lines of bugs of other kinds that come under the same conditions
    """

    line: str
    record: Record
    operations: tuple[str, ...]
    failed: int
    robustness: str | None = None
    text: str = ""
    counted: str = ""
    also: tuple[str, ...] = ()


def mistake_of(record: Record) -> str | None:
    """Return the name of the known mistake that the diagnosis of a failure names."""
    named = _NAMED.search(record.diagnosis or "")
    return named[1] if named else None


def along_of(record: Record) -> str:
    """Return " along the width alone", or the height, if the diagnosis says so of the mistake; "" if not."""
    found = re.search(r"^matches \*[\w-]+\*( along the \w+ alone)", record.diagnosis or "", re.MULTILINE)
    return found[1] if found else ""


def cache_of(record: Record) -> str | None:
    """Return what the diagnosis says of a cache whose keys lack something, or of memory that is kept."""
    told = (line for line in (record.diagnosis or "").splitlines() if line.startswith((A_CACHE, KEPT_MEMORY)))
    return next(told, None)


def joined(found: Iterable[Finding]) -> list[Finding]:
    """Join wrong answers that match one known mistake or come from one cache: one bug, whatever the conditions."""
    found = list(found)
    for finding in found:
        if finding.text:
            finding.text += "".join(f"\n    under the same conditions: {said}" for said in finding.also)
    kept: list[Finding] = []
    by_mistake: dict[str, Finding] = {}
    for finding in found:
        told = cache_of(finding.record) or mistake_of(finding.record)
        named = told if finding.robustness is None else None
        first = by_mistake.setdefault(named, finding) if named else finding
        if first is finding:
            kept.append(finding)
            continue
        first.failed += finding.failed
        first.operations = tuple(dict.fromkeys((*first.operations, *finding.operations)))
        first.text += f"\n    the same mistake: {finding.line}"
    return kept
