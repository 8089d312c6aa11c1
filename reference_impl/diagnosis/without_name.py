"""Diagnose a failure that no known mistake explains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..bugs import Bug, JudgedCall
from ..cases.case import Case
from ..mistakes import Mistake
from . import symptoms, telling
from .conditions import Asker, Outcomes, bugs_of, is_well_told
from .diagnosis import Diagnosis
from .matching import Seen, matching_in_part, see
from .probes import Probe

_MOST_EXPLAINED = 6


def without_name(asker: Asker, seen: Sequence[Seen], small: Case, outcomes: Outcomes) -> Diagnosis:
    """Diagnose a failure that no known mistake explains.

    The lines say three things: what the answer resembles, the conditions under which it is wrong, and the mistakes that
    explain a part of the wrong answers.
    """
    operation = asker.record.operation
    plain = [each for each in seen if each.probe.plain]
    wrong = [each for each in plain if not each.right()]
    if wrong and all(each.right(loosely=True) for each in [*plain, seen[-1]]):
        return Diagnosis([], telling.ONLY_ROUNDS)
    decided = {telling.resembles(each) or "" for each in wrong}
    if len(decided) == 1 and all(said.endswith(symptoms.WHERE_ZERO) for said in decided):
        # The numbers decide where it is wrong, so that no condition on sizes can be true.
        return Diagnosis([], telling.unnamed(wrong[-1], wrong)[0])
    lines, found = telling.unnamed(seen[-1], wrong)
    all_bugs = bugs_of(asker, seen, small, outcomes)
    bugs = [bug for bug in all_bugs if is_well_told(bug)]
    if not wrong and not bugs:
        return Diagnosis(found, [*lines, f"right on all {len(plain)} other integer calls that were tried"])
    lines += telling.where_wrong(bugs, plain, alone=len(all_bugs) == 1)
    wrong = [*wrong_in_run(asker, outcomes), *wrong[-_MOST_EXPLAINED:]]
    parts = [
        (mistake, count)
        for mistake, count in matching_in_part(operation, wrong, asker.until)
        if _is_a_cause(mistake, wrong, all_bugs)
    ]
    # One rule that explains all failures tells more than several mistakes that explain some of them.
    if sum(count for _, count in parts) == len(wrong) or (not found and not len(bugs) == len(all_bugs) == 1):
        lines += telling.in_part(parts, len(wrong))
    return Diagnosis(found, lines, bugs)


def _is_a_cause(mistake: Mistake, wrong: Sequence[Seen], bugs: Sequence[Bug]) -> bool:
    """True if the mistake explains most wrong answers under the conditions of some bug: few are alike by chance.

    Answers under the conditions of several bugs tell nothing, as several mistakes may have made them.
    """
    calls = [JudgedCall("", each.probe.operation, each.probe.case) for each in wrong]
    held = np.array([bug.holds(calls) for bug in bugs], bool).reshape(len(bugs), len(wrong))
    shown = np.array([each.shows(mistake) for each in wrong], bool)
    alone = held & (held.sum(axis=0) == 1)
    return not bugs or any(4 * (mask & shown).sum() >= 3 * mask.sum() > 0 for mask in alone)


def wrong_in_run(asker: Asker, outcomes: Outcomes) -> list[Seen]:
    """Make some calls again that failed in the run, from the smallest to the largest."""
    failed = [Case.parse(spec) for spec, said in outcomes if said == asker.record.outcome]
    places = np.unique(np.linspace(0, len(failed) - 1, _MOST_EXPLAINED).astype(int)) if failed else ()
    probes = [Probe(asker.record.operation, failed[place], seed=asker.record.seed) for place in places]
    seen = [see(asker.subject, probe, once=True) for probe in probes if probe.plain and asker.may_ask(probe.case)]
    return [each for each in seen if not each.right() and not each.observation.refused]
