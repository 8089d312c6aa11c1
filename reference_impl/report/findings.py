"""Findings of a run: the failures of a backend grouped into distinct bugs, the most telling first."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..bugs import Ask, JudgedCall, distinct_bugs, line, most_telling_first
from ..bugs.judged_call import HANG, PASSED
from ..diagnosis.conditions import flips
from ..diagnosis.shrinking import complexity
from ..run import outcome
from ..run.judge import KEEPS_TO_ITS_MEMORY, PRINTS_NOTHING, judge
from ..run.outcome import Record
from ..run.subject import Subject
from ..run.whole_backend import WHOLE_BACKEND_CHECKS
from ..verdicts.checks import CHECKS
from ..verdicts.races import is_race
from ..words import counted
from .causes import Found, by_cause, by_error, merged, tells, with_failures
from .finding import Finding
from .kinds import LIKE_PLAIN, PLAIN, judged_call
from .robustness import KINDS, OF_CASES, OF_CHECKS, of_case, robustness_of
from .whole_findings import of_fixed, of_whole_backend

# Fresh calls that one backend is asked, and the seconds that they may take.
MOST_ASKED, SECONDS = 300, 4.0
_PLAIN_CHECKS = tuple(check for check in CHECKS if check.name in PLAIN)
# Checks that leave a record only if they fail.
_SILENT = (PRINTS_NOTHING, KEEPS_TO_ITS_MEMORY)


def findings(records: Iterable[Record], subject: Subject | None = None) -> list[Finding]:
    """Group the unexpected failures of one backend: wrong answers first, then robustness.

    A `subject` is asked fresh calls to try the conditions, for SECONDS at most.
    """
    records = list(records)
    if not any(record.unexpected for record in records):
        return []
    calls = _Calls((one for one in records if one.check not in WHOLE_BACKEND_CHECKS), subject)
    found = [*calls.findings(), *of_whole_backend(records), *of_fixed(records)]
    order = (None, *KINDS)
    return sorted(found, key=lambda finding: order.index(finding.robustness))


class _Calls:
    """The calls of one backend, and their records."""

    def __init__(self, records: Iterable[Record], subject: Subject | None) -> None:
        self.subject, self.until, self.calls = subject, 0.0, list[JudgedCall]()
        self.records: dict[JudgedCall, Record] = {}
        by_call: dict[tuple, list[Record]] = {}
        for record in records:
            if record.outcome not in (outcome.UNSUPPORTED, outcome.SUITE, outcome.ORACLE, outcome.FIXED):
                by_call.setdefault(record.call, []).append(record)
        failing = {record.check for some in by_call.values() for record in some if record.unexpected}
        for some in by_call.values():
            self._add(some, [OF_CHECKS.get(name, name) for name in _SILENT if name in failing])
        if any(call.outcome == HANG for call in self.calls):  # each would take the whole time limit
            self.subject = None

    def _add(self, records: list[Record], silent: Iterable[str]) -> None:
        """Add what the records of one call stand for: a plain call and, if that is right, one for each other check."""
        plain = of_case(records[0].case) or ""
        by_check: dict[str, list[Record]] = {}
        for record in records:
            died = record.outcome == outcome.CRASHED and record.check in LIKE_PLAIN
            is_plain = record.check in PLAIN or died or is_race(record.message or "")
            check = plain if is_plain else OF_CHECKS.get(record.check, record.check)
            by_check.setdefault(check, []).append(record)
        if any(record.outcome not in (outcome.PASS, outcome.MISTRUSTED) for record in by_check.get(plain, ())):
            by_check = {plain: by_check[plain]}
        else:
            right = [replace(records[0], outcome=outcome.PASS)]
            by_check |= {check: right for check in silent if check not in by_check}
        for check, some in by_check.items():
            worst = next((record for record in some if record.unexpected), some[0])
            if worst.outcome != outcome.KNOWN:
                call = judged_call(worst, check)
                self.calls.append(call)
                self.records[call] = worst

    def findings(self) -> Iterator[Finding]:
        by_check: dict[str, list[JudgedCall]] = {}
        for call in self.calls:
            by_check.setdefault(call.check, []).append(call)
        for (bug, failed), *others in by_cause(self._bugs(by_check)):
            also = tuple(line(other) for other, _ in others)
            failed = [*failed, *(call for _, calls in others for call in calls)]
            own = [call for call in failed if call.outcome == bug.kind and call.check == bug.check]
            record = self.records[min(own, key=lambda call: complexity(call.case))]
            operations = tuple(dict.fromkeys(call.operation for call in failed))
            asked = f"{len(failed):,} of {counted(len(by_check[bug.check]), 'call')} that the check {bug.check} asked"
            told = asked if bug.check and bug.check not in OF_CASES else ""
            yield Finding(line(bug), record, operations, len(failed), robustness_of(record), counted=told, also=also)

    def _bugs(self, by_check: dict[str, list[JudgedCall]]) -> list[Found]:
        """Return the distinct bugs, the most telling first, each with the failing calls of the run."""
        found: list[Found] = []
        for check, calls in by_check.items():
            if all(call.outcome == PASSED for call in calls):
                continue
            self.until = time.monotonic() + SECONDS
            ask: Ask | None = self._ask if self.subject is not None and not check else None
            mine = [
                one
                for some in by_error(calls)
                for asked in ([*some, *self._neighbours(some)] if ask else some,)
                for one in with_failures(distinct_bugs(asked, ask=ask, most_asked=MOST_ASKED), some)
            ]
            found += mine if not check else merged(mine, check)
        plain = [bug for bug, _ in found if not bug.check]
        told, more = [], {id(bug): list(failed) for bug, failed in found}
        for bug, failed in found:
            by = next((one for one in plain if tells(one, bug, failed)), None) if bug.check else None
            if by is None:
                told.append(bug)
            elif bug.check in OF_CASES:
                more[id(by)] += failed
        # The diagnosis is the message of an error.
        explained = [(replace(bug, diagnosis=None), more[id(bug)]) for bug in told]
        order = {id(bug): place for place, bug in enumerate(most_telling_first(bug for bug, _ in explained))}
        return sorted(explained, key=lambda one: order[id(one[0])])

    def _neighbours(self, calls: list[JudgedCall]) -> list[JudgedCall]:
        """Make the smallest call that failed again, with one feature less each time."""
        small = min((call for call in calls if call.outcome != PASSED), key=lambda call: complexity(call.case))
        unlike = (replace(small, case=case, outcome="", diagnosis=None) for case in flips(small.case).values())
        return [call for call in map(self._ask, unlike) if call is not None]

    def _ask(self, call: JudgedCall) -> JudgedCall | None:
        """Make a fresh call, unless the time is over, the backend lacks it, or it is about robustness."""
        if time.monotonic() > self.until or of_case(str(call.case)):
            return None
        subject = self.subject
        if subject is None or not subject.capabilities.supports(call.operation, call.case):
            return None
        seed = next(iter(self.records.values())).seed
        records = judge(subject, call.case, call.operation, seed, checks=_PLAIN_CHECKS)
        worst = next((record for record in records if record.unexpected), records[0])
        known = worst.outcome in (outcome.PASS, outcome.MISTRUSTED, outcome.FAIL, outcome.REFUSED, outcome.CRASHED)
        return judged_call(worst, "") if known else None
