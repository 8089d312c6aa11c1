"""Diagnose a failure: name the known mistake that gives these answers, or describe them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ..cases.case import Case
from ..mistakes import Mistake
from ..run import outcome
from ..run.judge import judge
from ..run.outcome import Record
from ..run.subject import Subject
from ..verdicts.checks import CHECKS, DRAWN_BY_CASE, OTHER_OPTIONS
from ..verdicts.real_data import real_task
from ..verdicts.task import Task
from . import telling
from .advice import advice
from .conditions import Asker, Outcomes, additions, bugs_of, cures, flips, is_well_told
from .diagnosis import Diagnosis
from .matching import Seen, does, look, matching, matching_by_checks, matching_sometimes, see
from .probes import Probe, probes
from .several import several
from .shrinking import smallest
from .stale import Keys, keys_of, keys_of_mistake
from .without_name import without_name, wrong_in_run

SECONDS = 5.0
_DEPENDS_ON_CALLS = "right on a fresh kernel: this failure depends on the calls before it"


def diagnose(
    subject: Subject, record: Record, seconds: float = SECONDS, *, plain: bool = False, outcomes: Outcomes = ()
) -> Diagnosis:
    """Diagnose the failure in `record`, in about `seconds`.

    Parameters
    ----------
    plain : True to make plain probes only
    outcomes : cases of the same run, and their outcomes by the check `exact`
    """
    until = time.monotonic() + seconds
    before, after, record = _on_fresh(subject, record)
    subject = subject.fresh() or subject
    seen = _looked_at(subject, record, until, plain=plain)
    small = _smallest(subject, record, max((until - time.monotonic()) / 2, 1.0))
    asker, said = Asker(subject, record, until), list[str]()
    if found := _acting(matching(record.operation, seen), seen[-1]):
        diagnosis = Diagnosis(found, telling.named(found, seen))
    elif found := _of_state(subject, record, seen, keys := keys_of(subject, record)):
        said = keys.lines()
        diagnosis = Diagnosis(found, [*said, *telling.named_by_checks(found)])
    elif said := keys.lines():
        diagnosis = Diagnosis([], said)
    elif found := _acting(matching_sometimes(record.operation, seen, _near(asker, small)), seen[-1]):
        asked = replace(asker, mistake=found[0])
        bugs = [bug for bug in bugs_of(asked, seen, small, outcomes) if is_well_told(bug)]
        diagnosis = Diagnosis(found, telling.named_sometimes(found[0], seen, bugs), bugs)
    elif together := several(record.operation, [*_near(asker, small), *wrong_in_run(asker, outcomes), *seen], until):
        all_bugs = bugs_of(asker, seen, small, outcomes)
        bugs = [bug for bug in all_bugs if is_well_told(bug)]
        lines = telling.named_together(together, seen, bugs, alone=len(all_bugs) == 1)
        diagnosis = Diagnosis(together.mistakes, lines, bugs)
    else:
        diagnosis = without_name(asker, seen, small, outcomes)
    diagnosis.smallest = small
    shown = _shown(subject, replace(record, case=str(small)))
    # A change of the case may also change which calls come before it, or how arrays lie.
    cured_by = [] if said or record.check in DRAWN_BY_CASE else cures(small, partial(_passes, subject, record))
    diagnosis.lines = [*before, *diagnosis.lines, *after, *shown, *telling.cured_by(cured_by)]
    right = all(each.right() for each in seen if each.probe.plain) and not said
    diagnosis.lines += advice(record, diagnosis.bugs, all_right=right)
    return diagnosis


def _near(asker: Asker, small: Case) -> Iterator[Seen]:
    """Yield what the backend does on cases next to the smallest that fails."""
    for case in (*flips(small).values(), *additions(small)):
        if asker.may_ask(case):
            seen = see(asker.subject, Probe(asker.record.operation, case, seed=asker.record.seed), once=True)
            if not seen.observation.refused:
                yield seen


def _acting(found: list[Mistake], failing: Seen) -> list[Mistake]:
    """Leave out mistakes of padding that change nothing under the padding mode of the failing call.

    If the failing call is right when it is made alone, all are kept.
    """
    if failing.right():
        return found
    mode = failing.probe.case.padding_mode
    tried = [one for one in probes(failing.probe.operation) if one.case.padding_mode == mode and one.plain]
    return [one for one in found if one.family != "padding" or any(does(one, each) for each in (failing.probe, *tried))]


def _on_fresh(subject: Subject, record: Record) -> tuple[list[str], list[str], Record]:
    """Make the failing call of a fresh backend, if one can be made.

    Return lines to say before and after the diagnosis, and the record to diagnose. The check OTHER_OPTIONS makes a row
    of calls. One of them may be wrong by itself, and is then diagnosed. It is wrong on larger arrays too: a plan that
    was kept from an earlier call would not fit those.
    """
    fresh, case = subject.fresh(), Case.parse(record.case)
    if fresh is not None and not _fails(fresh, record, case):
        return [_DEPENDS_ON_CALLS], [], record
    if record.check == OTHER_OPTIONS and record.outcome == outcome.FAIL:
        alone = replace(record, check="exact")
        for task in Task(case, record.operation, record.seed).neighbours:
            one = task.case
            larger = replace(
                one,
                batch=one.batch + 2,
                height=one.height + 5,
                width=one.width + 4,
                output_channels=2 * one.output_channels,
            )
            if all(_fails(subject.fresh() or subject, alone, tried) for tried in (larger, one)):
                return [], [f"diagnosed on {one}, which is wrong by itself"], replace(alone, case=str(one))
    return [], [], record


def _fails(subject: Subject, record: Record, case: Case) -> bool:
    """True if the check of the record has its outcome on this case."""
    return record.outcome in _outcomes(subject, record, case)


def _passes(subject: Subject, record: Record, case: Case) -> bool:
    """True if the check of the record passes on this case."""
    return _outcomes(subject, record, case) == {outcome.PASS}


def _outcomes(subject: Subject, record: Record, case: Case) -> set[str]:
    """Return the outcomes of the check of the record on this case."""
    checks = [check for check in CHECKS if check.name == record.check]
    return {one.outcome for one in judge(subject, case, record.operation, record.seed, checks=checks)}


def _of_state(subject: Subject, record: Record, seen: Sequence[Seen], keys: Keys) -> list[Mistake]:
    """Return the mistakes of state and memory that fail the same checks; none if single calls are wrong.

    A cache whose keys lack other things is another mistake.
    """
    wrong = [each.probe for each in seen[:-1] if each.probe.plain and not each.right()]
    if any(not see(subject.fresh() or subject, probe).right() for probe in wrong):
        return []
    found = matching_by_checks(subject.fresh() or subject, record)
    return [one for one in found if keys_of_mistake(one, record).lack == keys.lack]


def recognise(subject: Subject, record: Record) -> list[Mistake]:
    """Return the known mistakes that do what the backend does, on the call that failed and on the probes."""
    seen = _looked_at(subject, record)
    return matching(record.operation, seen) or _of_state(subject, record, seen, keys_of(subject, record))


def _looked_at(subject: Subject, record: Record, until: float = np.inf, *, plain: bool = False) -> list[Seen]:
    """Return what the backend does with the probes and, last, with the call that failed.

    After a wrong answer, probes that the backend refuses are left out. Most backends that refuse lack something, and do
    not declare it. That does not explain the wrong answer.
    """
    asked = [probe for probe in probes(record.operation) if probe.plain or not plain]
    seen = list(look(subject, asked, until))
    if record.outcome == outcome.FAIL:
        seen = [each for each in seen if not each.observation.refused]
    failing = _failing_probe(record)
    last = see(subject, failing)
    if failing.plain:  # an error that does not shrink with the numbers is no rounding
        seen.append(see(subject.fresh() or subject, replace(failing, kind="small")))
    return [*seen, last]


def _failing_probe(record: Record) -> Probe:
    case = Case.parse(record.case)
    rounded = record.check == "rounded"
    kind = real_task(case, record.operation, record.seed).kind if rounded else "integer"
    kind = "halves" if record.check == "wide_sums" else kind
    return Probe(record.operation, case, kind, record.seed)


def _smallest(subject: Subject, record: Record, seconds: float) -> Case:
    """Return the smallest case found on which the same check fails."""
    return smallest(Case.parse(record.case), partial(_fails, subject, record), seconds)


def _shown(subject: Subject, record: Record) -> list[str]:
    """Show the smallest case and, if they have few elements, its actual and expected answers."""
    lines = [f"smallest failing case found: {record.case}"]
    there = see(subject, Probe(record.operation, Case.parse(record.case), seed=record.seed))
    both = there.answer, there.expected
    if record.check == "exact" and all(
        isinstance(one, np.ndarray) and one.size <= telling.MOST_ELEMENTS for one in both
    ):
        lines.append("    actual {}, expected {}".format(*map(telling.elements, both)))
    return lines
