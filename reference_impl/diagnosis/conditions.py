"""The conditions under which a backend fails: found by `bugs` from the run's calls, the probes and fresh calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..bugs import PASSED, Bug, JudgedCall, distinct_bugs
from ..bugs.judged_call import REFUSED, WRONG_VALUES
from ..cases.case import Case
from ..cases.variations import made
from ..mistakes import Mistake
from ..run import known, outcome
from ..run.outcome import Record
from ..run.subject import Subject
from .matching import Seen, does, see
from .probes import Probe
from .shrinking import complexity

MOST_ASKED = 350
# The most calls of the run that are used, the smallest first, as many that failed as passed.
_MOST_OF_RUN = 300

Outcomes = Sequence[tuple[str, str]]
"""Cases and their outcomes, as specs and words: what a run found by the check `exact`."""


def outcomes_of(records: Iterable[Record], record: Record) -> list[tuple[str, str]]:
    """Return the outcomes that a run found for the backend and the operation of `record`, the smallest cases first."""
    found: dict[str, str] = {}
    for one in records:
        if (one.backend, one.operation, one.check) == (record.backend, record.operation, "exact"):
            found[one.case] = one.outcome
    told: dict[str, list[tuple[str, str]]] = {outcome.PASS: [], outcome.FAIL: [], outcome.REFUSED: []}
    for case in sorted(found, key=lambda spec: complexity(Case.parse(spec))):
        if found[case] in told:
            told[found[case]].append((case, found[case]))
    return [each for outcomes in told.values() for each in outcomes[: _MOST_OF_RUN // 2]]


@dataclass
class Asker:
    """Makes plain calls of one operation for a diagnosis, each once.

    A call that is refused tells nothing of wrong answers, and a wrong answer nothing of refusals. With `mistake`, only
    calls on which this mistake shows are made.
    """

    subject: Subject
    record: Record
    until: float
    mistake: Mistake | None = None

    def __call__(self, call: JudgedCall) -> JudgedCall | None:
        """Return the call with its outcome. None if it is not to be made, tells nothing, or the time is up."""
        if not self.may_ask(call.case):
            return None
        probe = Probe(self.record.operation, call.case, seed=self.record.seed)
        if self.mistake is not None and not does(self.mistake, probe):
            return None
        return self.judged(see(self.subject, probe, once=True))

    def may_ask(self, case: Case) -> bool:
        """Return True if the case has elements, the backend claims to be right on it, and the time is not up."""
        subject, operation = self.subject, self.record.operation
        if not _has_elements(case) or time.monotonic() > self.until:
            return False
        return subject.capabilities.supports(operation, case) and not known.expected(subject, operation, case)

    def judged(self, seen: Seen) -> JudgedCall | None:
        call = JudgedCall(self.subject.name, seen.probe.operation, seen.probe.case)
        if seen.right():
            return replace(call, outcome=PASSED)
        if seen.observation.refused != (self.record.outcome == outcome.REFUSED):
            return None
        return replace(call, outcome=REFUSED if seen.observation.refused else WRONG_VALUES)

    def known(self, outcomes: Outcomes) -> Iterator[JudgedCall]:
        """Yield the calls of the run as judged calls."""
        failed = REFUSED if self.record.outcome == outcome.REFUSED else WRONG_VALUES
        words = {outcome.PASS: PASSED, self.record.outcome: failed}
        for spec, said in outcomes:
            case = Case.parse(spec)
            probe = Probe(self.record.operation, case)
            if said in words and _has_elements(case) and (self.mistake is None or does(self.mistake, probe)):
                yield JudgedCall(self.subject.name, self.record.operation, case, words[said])


def cures(small: Case, passes: Callable[[Case], bool]) -> list[str]:
    """Return the names of the features without which the smallest case passes, one taken away at a time."""
    return [name for name, case in flips(small).items() if passes(case)]


def bugs_of(asker: Asker, seen: Iterable[Seen], small: Case, outcomes: Outcomes) -> list[Bug]:
    """Find the distinct bugs of one operation, each with its conditions, the one with the most failures first."""
    calls = {call.case: call for call in asker.known(outcomes)}
    for each in seen:
        if (
            each.probe.plain
            and each.probe.kind == "integer"
            and (asker.mistake is None or does(asker.mistake, each.probe))
        ):
            judged = asker.judged(each)
            calls |= {judged.case: judged} if judged is not None else {}
    for case in (small, *flips(small).values(), *additions(small)):
        judged = asker(JudgedCall(asker.subject.name, asker.record.operation, case))
        calls |= {case: judged} if judged is not None else {}
    found = distinct_bugs(calls.values(), ask=asker, most_asked=MOST_ASKED, rounds=4)
    return [bug for bug in found if bug.conditions is not None]


def is_well_told(bug: Bug) -> bool:
    """True if most calls under the conditions fail, and some condition was tried on fresh calls by itself."""
    return 3 * bug.failures >= 2 * bug.calls and (not bug.conditions or bug.near_misses > 0)


def flips(case: Case) -> dict[str, Case]:
    """Return the cases that have one feature less, by the name of what is then left."""
    group = replace_or_none(
        case,
        groups=1,
        input_channels=case.input_channels // case.groups,
        output_channels=case.output_channels // case.groups,
    )
    wanted = {
        "batch 1": replace_or_none(case, batch=1),
        "no groups": group,
        "stride 1": replace_or_none(case, strides=(1, 1)),
        "no dilation": replace_or_none(case, dilations=(1, 1)),
        "no padding": replace_or_none(case, padding="VALID"),
        "kernel 1 x 1": replace_or_none(case, kernel_size=(1, 1)),
        "kernel 3 x 3": replace_or_none(case, kernel_size=(3, 3), height=case.height + 2, width=case.width + 2),
        "one channel per group": replace_or_none(case, input_channels=case.groups),
        "one output channel per group": replace_or_none(case, output_channels=case.groups),
        "dtype float32": replace_or_none(case, dtype="float32"),
    }
    return {name: one for name, one in wanted.items() if one is not None and one != case}


def additions(case: Case) -> Iterator[Case]:
    """Yield the cases that have one feature more."""
    wider = {"height": case.height + 4, "width": case.width + 5}
    several = {"input_channels": 2 * case.input_channels, "output_channels": 4 * case.output_channels}
    changes: dict[str, Any]
    for changes in (
        {"batch": case.batch + 1},
        {"height": case.height + 1},
        {"width": case.width + 1},
        {"input_channels": case.input_channels + case.groups},
        {"output_channels": case.output_channels + case.groups},
        {**wider, "strides": (2, 1)},
        {**wider, "strides": (1, 2)},
        {**wider, "kernel_size": (3, 3)},
        {**wider, "kernel_size": (3, 2), "dilations": (2, 1)},
        {**wider, "kernel_size": (2, 3), "dilations": (1, 2)},
        {**wider, "kernel_size": (3, 2), "padding": "SAME"},
        {**wider, "kernel_size": (3, 2), "padding": ((0, 1), (1, 0))},
        {"groups": 2 * case.groups, **several},
    ):
        yield from made(case, **changes)


def replace_or_none(case: Case, **changes: Any) -> Case | None:
    """Return the case with these changes; None if there is no such convolution."""
    return next(made(case, **changes), None)


def _has_elements(case: Case) -> bool:
    return bool(all(case.input_sizes) and all(case.filter_sizes))
