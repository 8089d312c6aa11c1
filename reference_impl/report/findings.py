"""Findings of a run: the failures of a backend grouped into distinct bugs, the most telling first."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from ..backends.promises import PROMISES
from ..bugs import Ask, Bug, JudgedCall, distinct_bugs, line, most_telling_first
from ..bugs.judged_call import CRASH, HANG, PASSED, RACE, REFUSED, WRONG_SHAPE, WRONG_VALUES
from ..cases.case import Case
from ..diagnosis.conditions import flips
from ..diagnosis.shrinking import complexity
from ..diagnosis.stale import A_CACHE, KEPT_MEMORY
from ..run import outcome
from ..run.judge import DECLARES, KEEPS_TO_ITS_MEMORY, PRINTS_NOTHING, judge
from ..run.outcome import Record
from ..run.subject import Subject
from ..run.whole_backend import LOADS, REFUSES, STEADY, THREADS, WHOLE_BACKEND_CHECKS
from ..verdicts.checks import CHECKS, OTHER_OPTIONS
from ..verdicts.races import is_race
from ..words import counted
from .robustness import KINDS, OF_CASES, OF_CHECKS, of_case, robustness_of

# Fresh calls that one backend is asked, and the seconds that they may take.
MOST_ASKED, SECONDS = 300, 4.0
# The checks of the plain answer. Those of other checks are grouped apart, as they run on some of the calls only.
_PLAIN = ("shape_and_dtype", "exact", DECLARES)
_PLAIN_CHECKS = tuple(check for check in CHECKS if check.name in _PLAIN)
# Checks that make the plain call again, on other numbers or to compare bits. To die of one is to die of the plain call.
_LIKE_PLAIN = ("inputs_unchanged", "repeatable", "remembers_nothing", "rounded", "zero_sums", "wide_sums", "bias")
# Checks that leave a record only if they fail.
_SILENT = (PRINTS_NOTHING, KEEPS_TO_ITS_MEMORY)
_MOST_NAMED = 6
_OF_NUMBERS = (RACE, WRONG_VALUES)
_AFTER_OTHERS = "among calls with other options"
# So many errors are told apart.
_MOST_ERRORS = 4


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


def findings(records: Iterable[Record], subject: Subject | None = None) -> list[Finding]:
    """Group the unexpected failures of one backend: wrong answers first, then robustness.

    A `subject` is asked fresh calls to try the conditions, for SECONDS at most.
    """
    records = list(records)
    if not any(record.unexpected for record in records):
        return []
    calls = _Calls((one for one in records if one.check not in WHOLE_BACKEND_CHECKS), subject)
    found = [*calls.findings(), *_of_whole_backend(records), *_fixed(records)]
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
            died = record.outcome == outcome.CRASHED and record.check in _LIKE_PLAIN
            is_plain = record.check in _PLAIN or died or is_race(record.message or "")
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
                call = _judged(worst, check)
                self.calls.append(call)
                self.records[call] = worst

    def findings(self) -> Iterator[Finding]:
        by_check: dict[str, list[JudgedCall]] = {}
        for call in self.calls:
            by_check.setdefault(call.check, []).append(call)
        for (bug, failed), *others in _by_cause(self._bugs(by_check)):
            also = tuple(_line(other) for other, _ in others)
            failed = [*failed, *(call for _, calls in others for call in calls)]
            own = [call for call in failed if call.outcome == bug.kind and call.check == bug.check]
            record = self.records[min(own, key=lambda call: complexity(call.case))]
            operations = tuple(dict.fromkeys(call.operation for call in failed))
            asked = f"{len(failed):,} of {counted(len(by_check[bug.check]), 'call')} that the check {bug.check} asked"
            told = asked if bug.check and bug.check not in OF_CASES else ""
            yield Finding(_line(bug), record, operations, len(failed), robustness_of(record), counted=told, also=also)

    def _bugs(self, by_check: dict[str, list[JudgedCall]]) -> list[tuple[Bug, list[JudgedCall]]]:
        """Return the distinct bugs, the most telling first, each with the failing calls of the run."""
        found: list[tuple[Bug, list[JudgedCall]]] = []
        for check, calls in by_check.items():
            if all(call.outcome == PASSED for call in calls):
                continue
            self.until = time.monotonic() + SECONDS
            ask: Ask | None = self._ask if self.subject is not None and not check else None
            mine = [
                one
                for some in _by_error(calls)
                for asked in ([*some, *self._neighbours(some)] if ask else some,)
                for one in _with_failures(distinct_bugs(asked, ask=ask, most_asked=MOST_ASKED), some)
            ]
            found += mine if not check else _merged(mine, check)
        plain = [bug for bug, _ in found if not bug.check]
        told, more = [], {id(bug): list(failed) for bug, failed in found}
        for bug, failed in found:
            by = next((one for one in plain if _tells(one, bug, failed)), None) if bug.check else None
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
        return _judged(worst, "") if known else None


def _line(bug: Bug) -> str:
    """Return the line of a bug. A kernel that prints answers no wrong numbers."""
    said = line(bug)
    return said.replace(_PRINTING, "prints", 1).replace(" wrong", " print", 1) if said.startswith(_PRINTING) else said


_PRINTING = f"wrong numbers ({OF_CHECKS[PRINTS_NOTHING]})"


def _by_error(calls: list[JudgedCall]) -> Iterator[list[JudgedCall]]:
    """Part the calls by the error that they raise, each part with all calls that passed."""
    errors = [text for text, _ in Counter(call.diagnosis for call in calls if call.diagnosis).most_common(_MOST_ERRORS)]
    passed = [call for call in calls if call.outcome == PASSED]
    others = [call for call in calls if call.outcome != PASSED and call.diagnosis not in errors]
    for some in (others, *([call for call in calls if call.diagnosis == text] for text in errors)):
        if some:
            yield passed + some


def _with_failures(bugs: list[Bug], calls: list[JudgedCall]) -> Iterator[tuple[Bug, list[JudgedCall]]]:
    """Give each bug the failing calls of the run that it explains; one without conditions gets what is left."""
    left = {id(call): call for call in calls if call.outcome != PASSED}
    for bug in sorted(bugs, key=lambda bug: bug.rule is None):
        alike = [call for call in left.values() if call.outcome == bug.kind]
        holds = bug.holds(alike) if bug.rule is not None and alike else [bug.rule is None] * len(alike)
        mine = [call for call, held in zip(alike, holds, strict=True) if held]
        for call in mine:
            del left[id(call)]
        if mine:  # a bug of fresh calls alone is another reading of what the run found
            yield bug, mine


Found = tuple[Bug, list[JudgedCall]]
"""A bug, and the failing calls of the run that it explains."""


def _by_cause(found: Iterable[Found]) -> list[list[Found]]:
    """Group bugs that have one cause, the most telling of each group first."""
    groups: list[list[Found]] = []
    for one in found:
        mine = next((group for group in groups if _explains(*group[0], *one)), None)
        groups.append([one]) if mine is None else mine.append(one)
    return groups


def _explains(first: Bug, its_calls: list[JudgedCall], bug: Bug, failed: list[JudgedCall]) -> bool:
    """Return True if the conditions of a plain bug explain the failures of another one.

    They hold on all of these. The damage is of one kind: numbers are wrong; memory that was not written may hold the
    same numbers twice, or the right ones, so a race explains all checks of numbers. Other kinds come from one cause if
    the conditions of each hold on the failures of both: an answer of the wrong shape has no gradient.
    """
    if first.check or not first.rule or not all(first.holds(failed)):  # a kernel that always fails tells nothing
        return False
    if bug.kind in _OF_NUMBERS and first.kind in _OF_NUMBERS:
        return first.kind == RACE or (first.kind == bug.kind and bug.check in ("", *_LIKE_PLAIN))
    return not bug.check and bug.rule is not None and all(bug.holds(its_calls))


def _tells(plain: Bug, bug: Bug, failed: list[JudgedCall]) -> bool:
    """Return True if a bug of plain calls explains one of another check, so that this needs no mention."""
    if bug.kind != plain.kind:
        return False
    if bug.check == OTHER_OPTIONS:  # it makes plain calls on other cases
        return True
    if bug.check in OF_CASES:
        return all(plain.holds(failed))
    return bug.diagnosis is not None and bug.diagnosis == plain.diagnosis


def _merged(bugs: list[tuple[Bug, list[JudgedCall]]], check: str) -> Iterator[tuple[Bug, list[JudgedCall]]]:
    """Join the bugs of one check that fail in one way.

    It ran on too few calls to tell several conditions. Those of OTHER_OPTIONS would be on the wrong case: a call fails
    by the calls before it, which have other options.
    """
    by_way: dict[tuple, list[tuple[Bug, list[JudgedCall]]]] = {}
    for bug, failed in bugs:
        by_way.setdefault((bug.kind, bug.diagnosis), []).append((bug, failed))
    for alike in by_way.values():
        if len(alike) == 1 and check != OTHER_OPTIONS:
            yield alike[0]
            continue
        failed = [call for _, calls in alike for call in calls]
        smallest = min(failed, key=lambda call: complexity(call.case))
        bug, count = alike[0][0], len(failed)
        why = _AFTER_OTHERS if check == OTHER_OPTIONS else "under several conditions"
        yield (
            replace(bug, conditions=None, rule=None, why=why, smallest=smallest, failures=count, calls=count, tried=0),
            failed,
        )


_case = lru_cache(8192)(Case.parse)


def _judged(record: Record, check: str) -> JudgedCall:
    came = _kind(record)
    said = _error(record.message or "") if came == REFUSED else None
    return JudgedCall(record.backend, record.operation, _case(record.case), came, check=check, diagnosis=said)


def _kind(record: Record) -> str:
    message = record.message or ""
    if record.outcome in (outcome.PASS, outcome.MISTRUSTED):
        return PASSED
    if record.outcome == outcome.CRASHED:
        return HANG if "no answer within" in message else CRASH
    if record.outcome == outcome.REFUSED or record.check == DECLARES:
        return REFUSED
    if message.startswith(("the answer's shape", "the answer's dtype", "the answer must be a NumPy array")):
        return WRONG_SHAPE
    return RACE if is_race(message) else WRONG_VALUES


def _error(message: str) -> str:
    """Return the first line of an error without its numbers, and without the place: one cause, one text."""
    first = re.sub(r" \([^()]*, line \d+[^()]*\)$", "", (message.splitlines() or [""])[0])
    return re.sub(r"\d+", "#", first)[:200]


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


def _of_whole_backend(records: Iterable[Record]) -> Iterator[Finding]:
    """Yield a finding for each check of a whole backend and each way to fail it."""
    failed: dict[tuple[str, str], list[Record]] = {}
    made: dict[str, int] = {}
    records = list(records)
    refusals = {_error(one.message or "") for one in records if _is_plain_refusal(one)}
    for record in records:
        if record.check in WHOLE_BACKEND_CHECKS and record.outcome != outcome.UNSUPPORTED:
            made[record.check] = made.get(record.check, 0) + 1
            is_told = record.outcome == outcome.REFUSED and _error(record.message or "") in refusals
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
    return record.outcome == outcome.REFUSED and record.check in _PLAIN


def _named(record: Record) -> str:
    """Name what a check on a whole backend asked for. A promise is asked for in each dtype."""
    return f"{record.operation} in {record.dtype}" if record.check in PROMISES else record.operation


def _fixed(records: Iterable[Record]) -> Iterator[Finding]:
    """Yield a finding for each failure that was expected and is gone."""
    fixed: dict[str, list[Record]] = {}
    for record in records:
        if record.outcome == outcome.FIXED:
            fixed.setdefault(record.message or "", []).append(record)
    for said, some in fixed.items():
        operations = tuple(dict.fromkeys(one.operation for one in some))
        yield Finding(f"passes in {len(some)} checks although it was {said}", some[0], operations, len(some))
