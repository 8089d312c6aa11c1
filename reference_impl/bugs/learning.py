"""Learn the conditions of failures from calls that were judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ..words import listed
from .conditions import Condition, all_hold
from .group import FEW, Group
from .judged_call import KINDS, PASSED
from .refuting import Stated
from .search import BY_CHANCE, Rule, Search


def learn(group: Group) -> None:
    """Find the rules of all failures that no rule explains; rules that were refuted are found anew."""
    group.stated = [one for one in group.stated if not one.refuted]
    outcomes = group.outcomes()
    diagnoses = np.array([call.diagnosis or "" for call in group.table.calls], object)
    for kind in KINDS:
        failed = outcomes == kind
        if not group.left(kind).any():
            continue
        every = Counter(diagnoses[failed].tolist())
        named = [name for name, count in every.most_common() if name and count >= FEW] if len(every) > 1 else []
        for name in named:
            _learn_kind(group, kind, name, failed & (diagnoses == name))
        _learn_kind(group, kind, None, group.left(kind))
        drop_needless(group, kind)


def _learn_kind(group: Group, kind: str, diagnosis: str | None, failed: np.ndarray) -> None:
    passed = group.outcomes() == PASSED
    known = [one.rule for one in group.stated if one.kind == kind and diagnosis in (None, one.diagnosis)]
    if not (failed & ~np.logical_or.reduce([all_hold(rule, group.table) for rule in known] or [~failed])).any():
        return
    conditions = group.conditions(failed)
    doubt = BY_CHANCE if kind in group.by_chance else group.doubt
    search = Search(group.table, failed, passed, conditions, telling=group.asked, doubt=doubt, seed=group.seed)
    for rule in _or_unless(group, _joined(search.rules()), search):
        within = all_hold(rule, group.table)
        if rule or failed.sum() >= 3:
            exact = not (within & passed).any()
            group.stated.append(Stated(kind, rule, diagnosis, exact, since=group.asked))


def _or_unless(group: Group, rules: list[Rule], search: Search) -> list[Rule]:
    """Return the opposite of one rule, for the calls that passed, if that takes fewer bits than `rules`.

    A kernel that was written for one shape fails on all others: no conjunction says that, as any size may differ.
    One rule without exceptions stays, and so do two of one condition each, "strided" and "dilated".
    """
    passed, failed = search.passed, search.failed
    exact = not any((all_hold(rule, group.table) & passed).any() for rule in rules)
    simple = exact and (len(rules) == 1 or [*map(len, rules)] == [1, 1])
    if simple or not rules or not FEW <= passed.sum() < failed.sum():
        return rules
    conditions = group.conditions(passed)
    where_right = Search(group.table, passed, failed, conditions, seed=group.seed).rules()
    if len(where_right) != 1 or not where_right[0]:
        return rules
    (right,) = where_right
    within = all_hold(right, group.table)
    if (passed & ~within).any() or (failed & within).any() or search.length([_unless(right)]) >= search.length(rules):
        return rules
    return [_unless(right)]


def drop_needless(group: Group, kind: str) -> None:
    """Leave out rules of one kind whose failures others of it cover too, those with the fewest failures first."""
    failed = group.outcomes() == kind
    masks = {one: all_hold(one.rule, group.table) & failed for one in group.stated if one.kind == kind}
    for one in sorted(masks, key=lambda one: masks[one].sum()):
        others = [masks[other] for other in masks if other is not one]
        if others and not (masks[one] & ~np.logical_or.reduce(others)).any():
            del masks[one]
            group.stated.remove(one)


def _unless(rule: Rule) -> Rule:
    """Return the opposite of a rule."""
    names = listed([one.name for one in rule])
    cost = sum(one.cost for one in rule) + 0.2
    return (Condition(f"unless {names}", cost, lambda table: ~all_hold(rule, table), names),)


def _joined(rules: Sequence[Rule]) -> list[Rule]:
    """Join rules that differ in one condition by "or", if they share two others, or if these have one subject."""
    rules = list(rules)
    for one, other in combinations(rules, 2):
        shared = [condition for condition in one if condition in other]
        mine, theirs = ([condition for condition in rule if condition not in shared] for rule in (one, other))
        if len(mine) == len(theirs) == 1 and (len(shared) >= 2 or mine[0].subject == theirs[0].subject):
            rest = [rule for rule in rules if rule is not one and rule is not other]
            return _joined([(*shared, mine[0].or_(theirs[0])), *rest])
    return rules
