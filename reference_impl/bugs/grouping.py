"""Group the failures of many judged calls into distinct bugs, and check the stated conditions on fresh calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from .bug import Bug, most_telling_first
from .conditions import Condition, all_hold
from .group import Ask, Group
from .judged_call import KINDS, PASSED, JudgedCall
from .learning import learn
from .refuting import Stated
from .search import Search
from .table import COUNTED, WORDS
from .trying import confirm, near_misses_of, shorten, try_to_refute

_ROUNDS = 10
# The order in which conditions are told.
_ORDER = {subject: place for place, subject in enumerate((*WORDS, *COUNTED))}
# The share of the fresh calls with which rules are learned; the others try each of their conditions.
_TO_LEARN = 0.65


def distinct_bugs(
    calls: Iterable[JudgedCall],
    *,
    ask: Ask | None = None,
    conditions: Sequence[Condition] = (),
    most_asked: int = 2000,
    rounds: int = _ROUNDS,
    seed: int = 0,
) -> list[Bug]:
    """Group the failures among `calls` into distinct bugs, the most telling first.

    Parameters
    ----------
    ask : function, optional
        Makes a fresh call, and returns it judged. With it the conditions are tried on calls that were drawn to refute
        them, and mended if they are refuted.
    conditions : further conditions, beside those on sizes, options and words that are always tried
    most_asked : int
        The most fresh calls of one backend and check.
    rounds : int
        How often conditions that fresh calls refute are found anew, at most.
    seed : int
        The same calls and seed give the same bugs.
    """
    groups: dict[tuple[str, str], list[JudgedCall]] = {}
    for call in calls:
        groups.setdefault((call.backend, call.check), []).append(call)
    bugs: list[Bug] = []
    for group in groups.values():
        if any(call.outcome in KINDS for call in group):
            bugs += _bugs(Group(group, ask, conditions, most_asked, seed), rounds)
    return most_telling_first(bugs)


def _bugs(group: Group, rounds: int) -> list[Bug]:
    learn(group)
    whole, group.budget = group.budget, int(group.budget * _TO_LEARN)
    for _ in range(rounds if group.ask is not None else 0):
        before = group.asked
        try_to_refute(group)
        unexplained = [kind for kind in KINDS if group.left(kind).any()]
        if group.asked == before or not (unexplained or any(one.refuted for one in group.stated)):
            break
        if group.asked >= group.budget:
            break
        learn(group)
    if group.ask is not None:
        shorten(group)
        group.budget = whole
        confirm(group)
    return [*(_bug(group, one) for one in group.stated), *_unexplained(group)]


def _bug(group: Group, one: Stated) -> Bug:
    outcomes, within = group.outcomes(), all_hold(one.rule, group.table)
    failed, passed = outcomes == one.kind, outcomes == PASSED
    anywhere = np.logical_or.reduce([all_hold(other.rule, group.table) for other in group.stated])
    judged = np.isin(outcomes, (PASSED, *KINDS))
    smallest, diagnosis, implementations = _told(group, failed & within)
    rule = tuple(sorted(one.rule, key=lambda condition: _ORDER.get(condition.subject, len(_ORDER))))
    near = near_misses_of(group, replace(one, rule=rule))
    return Bug(
        backend=smallest.backend,
        check=smallest.check,
        kind=one.kind,
        conditions=tuple(condition.name for condition in rule),
        smallest=smallest,
        failures=int((failed & within).sum()),
        calls=int(((failed | passed) & within).sum()),
        right=int((passed & ~anywhere).sum()),
        elsewhere=int((judged & ~anywhere).sum()),
        held=one.held,
        tried=one.tried,
        near_misses=min(near, default=0) if one.tried else 0,
        untried=tuple(name.name for name, count in zip(rule, near, strict=True) if not count) if one.tried else (),
        asked=group.asked,
        instead=_instead(group, one, failed, passed) if one.exact and not one.tried else (),
        diagnosis=diagnosis,
        implementations=implementations,
        rule=rule,
    )


def _instead(group: Group, one: Stated, failed: np.ndarray, passed: np.ndarray) -> tuple[tuple[str, ...], ...]:
    """Return for each condition up to two others that fit as well: about something else, and as simple."""
    search = Search(group.table, failed, passed, group.conditions(failed))
    within = all_hold(one.rule, group.table)
    found = []
    for place, condition in enumerate(one.rule):
        others: dict[str, str] = {}
        for other in search.fitting(one.rule, place, failed & within):
            if other.subject not in condition.subject and other.cost <= condition.cost + 0.1:
                others.setdefault(other.subject, other.name)
        found.append(tuple(others.values())[:2])
    return tuple(found)


def _unexplained(group: Group) -> list[Bug]:
    """Return a bug without conditions for each kind of failure that no rule explains."""
    outcomes = group.outcomes()
    found = []
    for kind in KINDS:
        left = group.left(kind)
        if left.any():
            smallest, diagnosis, implementations = _told(group, left)
            count, passes = int(left.sum()), int((outcomes == PASSED).sum())
            found.append(
                Bug(
                    smallest.backend,
                    smallest.check,
                    kind,
                    None,
                    smallest,
                    count,
                    count,
                    passes,
                    passes,
                    asked=group.asked,
                    diagnosis=diagnosis,
                    implementations=implementations,
                )
            )
    return found


def _told(group: Group, rows: np.ndarray) -> tuple[JudgedCall, str | None, tuple[str, ...]]:
    """Return the smallest of some calls, the diagnosis of most that have one, and their implementations."""
    numbers = np.flatnonzero(rows)
    smallest = group.table.calls[numbers[np.argmin(group.table.sizes()[numbers])]]
    diagnoses = Counter(call.diagnosis for call in group.table.calls[numbers] if call.diagnosis)
    implementations = Counter(call.implementation for call in group.table.calls[numbers] if call.implementation)
    diagnosis = diagnoses.most_common(1)[0][0] if diagnoses else None
    return smallest, diagnosis, tuple(name for name, _ in implementations.most_common())
