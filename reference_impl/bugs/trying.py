"""Try the conditions that are stated of failures on fresh calls, and put better ones in their place."""

from __future__ import annotations

import numpy as np

from .conditions import all_hold
from .group import AGAIN, FEW, Group
from .judged_call import KINDS, PASSED, JudgedCall
from .learning import drop_needless
from .necessary import LEAST_SHARE, necessary_rule
from .refuting import Stated, near_misses, nearest
from .search import Rule, Search
from .table import Table

# Questions around failures that no rule explains.
_AROUND = 100
# So many fresh calls try each condition on its own, if they can be drawn; and so many try all of a rule.
_EACH, _INSIDE = 8, 10
# So many of them are made at once, and how often, as the first may refute the rule.
_AT_ONCE, _DRAWS = 3, 6
# One rule for all failures is found anew so often, at most.
_JOINS = 12


def try_to_refute(group: Group) -> None:
    """Make fresh calls for each stated rule that has not been tried, and see if their outcomes are as stated."""
    drawn: list[tuple[Stated | None, JudgedCall]] = []
    for one in group.stated:
        if not one.tried:
            drawn += [(one, call) for call in group.against(one)]
    for kind in KINDS:
        left = np.flatnonzero(group.left(kind))
        if len(left):
            starts = [group.table.calls[row] for row in group.some(left, AGAIN)]
            drawn += [(None, call) for call in group.fresh.like(starts, _AROUND)]
    group.ask_all(drawn, most=group.budget - group.asked)


def shorten(group: Group) -> None:
    """Put shorter rules with a few exceptions for longer ones, if that holds on fresh calls too."""
    for one in sorted(group.stated, key=lambda one: -int(all_hold(one.rule, group.table).sum())):
        shorter = _shortened(group, one)
        if shorter == one.rule:
            continue
        other = Stated(one.kind, shorter, one.diagnosis, exact=False, since=group.asked)
        place = group.stated.index(one)
        group.stated[place] = other
        most = min(_AROUND, group.budget - group.asked)
        group.ask_all([(other, call) for call in group.against(other)], most)
        group.stated[place] = one
        if not other.refuted and _shortened(group, one) == shorter:
            group.stated[place] = other
    for kind in KINDS:
        drop_needless(group, kind)


def _shortened(group: Group, one: Stated) -> Rule:
    outcomes = group.outcomes()
    search = Search(group.table, outcomes == one.kind, outcomes == PASSED, ())
    return search.shortened(one.rule, group.left(one.kind))


def confirm(group: Group) -> None:
    """Try each condition on its own, and drop the rules that are refuted. Then find one rule for what is left."""
    for one in list(group.stated):
        _try_each(group, one)
        if one.refuted:
            group.stated.remove(one)
    for kind in KINDS:
        if group.asked and kind not in group.by_chance and group.left(kind).any():
            _join(group, kind)


def _try_each(group: Group, one: Stated) -> None:
    """Make fresh calls on which all conditions but one hold, for each of them, and some on which all hold.

    If one of the first fails, and no other rule explains it, the rule is refuted. If some of the others pass, the
    rule has exceptions. It is refuted by many of them.
    """
    _weigh(group, one)
    for _ in range(_DRAWS):
        wanted = [min(max(_EACH - count, 0), _AT_ONCE) for count in near_misses_of(group, one)]
        inside = max(_INSIDE - int(all_hold(one.rule, _fresh_rows(group, one)).sum()), 0) if one.exact else 0
        if one.refuted or group.asked >= group.budget or not (inside or any(wanted)):
            return
        pool, within = group.pool(one)
        chosen = [pool.calls[row] for row in nearest(one.rule, pool, group.table.rows(within), wanted, inside)]
        if not chosen:
            continue
        group.ask_all([(one, call) for call in chosen], most=group.budget - group.asked)
        _weigh(group, one)


def _weigh(group: Group, one: Stated) -> None:
    """Mark a rule as refuted, or as one with exceptions, by all calls that were judged."""
    outcomes, within = group.outcomes(), all_hold(one.rule, group.table)
    failed, passed = outcomes == one.kind, outcomes == PASSED
    explained = group.explained_by_others(one)
    near = np.logical_or.reduce([*near_misses(one.rule, group.table), ~group.table.everywhere()])
    passes, failures = int((passed & within).sum()), int((failed & within).sum())
    by_chance = one.kind in group.by_chance
    one.exact &= not passes
    one.refuted = bool((near & failed & ~explained).any()) or (
        not by_chance and failures < one.least_share * (failures + passes)
    )


def _join(group: Group, kind: str) -> None:
    """Put one rule, whose conditions hold on all failures, for the rules of a kind that leave some unexplained.

    Some calls under it may pass. It is stated if fresh calls do not refute any of its conditions.
    """
    before = list(group.stated)
    others = [one for one in before if one.kind != kind]
    for kept in dict.fromkeys(((), tuple(one for one in before if one.kind == kind))):
        for _ in range(_JOINS):
            group.stated = [*others, *kept]
            failed, passed = group.left(kind), group.outcomes() == PASSED
            if failed.sum() < FEW:
                break
            rule = necessary_rule(Search(group.table, failed, passed, group.conditions(failed)))
            one = Stated(kind, rule, exact=False, least_share=LEAST_SHARE, since=group.asked)
            group.stated.append(one)
            _weigh(group, one)
            if not rule or one.refuted:
                break
            _try_each(group, one)
            if not one.refuted and not group.left(kind).any():
                return
    group.stated = before


def _fresh_rows(group: Group, one: Stated) -> Table:
    """Return the fresh calls that were made since a rule was stated."""
    return group.table.rows(np.arange(len(group.table) - group.asked + one.since, len(group.table)))


def near_misses_of(group: Group, one: Stated) -> list[int]:
    """Return for each condition the fresh calls that passed, on which all others hold."""
    fresh = _fresh_rows(group, one)
    passed = np.array([call.outcome == PASSED for call in fresh.calls], bool)
    return [int((mask & passed).sum()) for mask in near_misses(one.rule, fresh)]
