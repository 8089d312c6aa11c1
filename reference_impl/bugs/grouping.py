"""Group the failures of many judged calls into distinct bugs, and check the stated conditions on fresh calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from .bug import Bug, listed, most_telling_first
from .conditions import Condition, all_hold, conditions_on
from .fresh_calls import FreshCalls
from .judged_call import KINDS, PASSED, RACE, JudgedCall
from .necessary import LEAST_SHARE, necessary_rule
from .refuting import Stated, calls_against, compare, near_misses, nearest
from .search import BY_CHANCE, Rule, Search
from .table import COUNTED, WORDS, Table

Ask = Callable[[JudgedCall], "JudgedCall | None"]
"""Takes a call that is not judged yet, and returns it with its outcome; None if the backend cannot be asked it."""

# Fewer failures than this are not grouped by their diagnosis.
_FEW = 5
_ROUNDS = 10
# Where fresh calls can show what parts failures from passes, rules with many passes are doubted more.
_PATIENCE = 5.0
# Candidates for fresh calls, for one bug in one round.
_POOL = 500
# The order in which conditions are told.
_ORDER = {subject: place for place, subject in enumerate((*WORDS, *COUNTED))}
# Questions around failures that no rule explains.
_AROUND = 100
# Failing calls that are made again, to see if they fail by chance.
_AGAIN = 20
# So many fresh calls try each condition on its own, if they can be drawn; and so many try all of a rule.
_EACH, _INSIDE = 8, 10
# So many of them are made at once, and how often, as the first may refute the rule.
_AT_ONCE, _DRAWS = 3, 6
# How often one rule for all failures is found anew.
_JOINS = 12
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
            bugs += _Group(group, ask, conditions, most_asked, seed).bugs(rounds)
    return most_telling_first(bugs)


class _Group:
    """The calls of one backend and one check."""

    def __init__(
        self, calls: list[JudgedCall], ask: Ask | None, conditions: Sequence[Condition], most_asked: int, seed: int
    ) -> None:
        self.ask, self.more, self.budget, self.seed = ask, conditions, most_asked, seed
        self.asked = 0
        self.doubt = 1.0 if ask is None else _PATIENCE
        self.table = Table.of(calls)
        self.stated: list[Stated] = []
        self.fresh = FreshCalls(calls, seed)
        self.by_chance = {RACE} | {kind for kind in KINDS if self._passes_at_times(kind)}

    def _passes_at_times(self, kind: str) -> bool:
        """Make some failing calls again, and return True if any of them passes."""
        failed = self._some(np.flatnonzero(self._outcomes() == kind), _AGAIN) if self.ask is not None else ()
        return any(self._asked(self.table.calls[row]) == PASSED for row in failed)

    def _asked(self, call: JudgedCall) -> str:
        judged = self.ask(replace(call, outcome="")) if self.ask is not None else None
        return judged.outcome if judged is not None else ""

    def bugs(self, rounds: int = _ROUNDS) -> list[Bug]:
        self._learn()
        whole, self.budget = self.budget, int(self.budget * _TO_LEARN)
        for _ in range(rounds if self.ask is not None else 0):
            before = self.asked
            self._try_to_refute()
            unexplained = [kind for kind in KINDS if self._left(kind).any()]
            if self.asked == before or not (unexplained or any(one.refuted for one in self.stated)):
                break
            if self.asked >= self.budget:
                break
            self._learn()
        if self.ask is not None:
            self._shorten()
            self.budget = whole
            self._confirm()
        return [*map(self._bug, self.stated), *self._unexplained()]

    def _confirm(self) -> None:
        """Try each condition on its own, and drop the rules that are refuted. Then find one rule for what is left."""
        for one in list(self.stated):
            self._try_each(one)
            if one.refuted:
                self.stated.remove(one)
        for kind in KINDS:
            if self.asked and kind not in self.by_chance and self._left(kind).any():
                self._join(kind)

    def _try_each(self, one: Stated) -> None:
        """Make fresh calls on which all conditions but one hold, for each of them, and some on which all hold.

        If one of the first fails, and no other rule explains it, the rule is refuted. If some of the others pass, the
        rule has exceptions. It is refuted by many of them.
        """
        self._weigh(one)
        for _ in range(_DRAWS):
            wanted = [min(max(_EACH - count, 0), _AT_ONCE) for count in self._near_misses(one)]
            inside = max(_INSIDE - int(all_hold(one.rule, self._fresh_rows(one)).sum()), 0) if one.exact else 0
            if one.refuted or self.asked >= self.budget or not (inside or any(wanted)):
                return
            pool, within = self._pool(one)
            chosen = [pool.calls[row] for row in nearest(one.rule, pool, self.table.rows(within), wanted, inside)]
            if not chosen:
                continue
            self._ask_all([(one, call) for call in chosen], most=self.budget - self.asked)
            self._weigh(one)

    def _weigh(self, one: Stated) -> None:
        """Mark a rule as refuted, or as one with exceptions, by all calls that were judged."""
        outcomes, within = self._outcomes(), all_hold(one.rule, self.table)
        failed, passed = outcomes == one.kind, outcomes == PASSED
        explained = self._explained_by_others(one)
        near = np.logical_or.reduce([*near_misses(one.rule, self.table), ~self.table.everywhere()])
        passes, failures = int((passed & within).sum()), int((failed & within).sum())
        by_chance = one.kind in self.by_chance
        one.exact &= not passes
        one.refuted = bool((near & failed & ~explained).any()) or (
            not by_chance and failures < one.least_share * (failures + passes)
        )

    def _explained_by_others(self, one: Stated) -> np.ndarray:
        others = [other.rule for other in self.stated if other.kind == one.kind and other is not one]
        return np.logical_or.reduce([all_hold(rule, self.table) for rule in others] or [~self.table.everywhere()])

    def _join(self, kind: str) -> None:
        """Put one rule, whose conditions hold on all failures, for the rules of a kind that leave some unexplained.

        Some calls under it may pass. It is stated if fresh calls do not refute any of its conditions.
        """
        before = list(self.stated)
        others = [one for one in before if one.kind != kind]
        for kept in dict.fromkeys(((), tuple(one for one in before if one.kind == kind))):
            for _ in range(_JOINS):
                self.stated = [*others, *kept]
                failed, passed = self._left(kind), self._outcomes() == PASSED
                if failed.sum() < _FEW:
                    break
                rule = necessary_rule(
                    Search(self.table, failed, passed, [*self.more, *conditions_on(self.table, failed)])
                )
                one = Stated(kind, rule, exact=False, least_share=LEAST_SHARE, since=self.asked)
                self.stated.append(one)
                self._weigh(one)
                if not rule or one.refuted:
                    break
                self._try_each(one)
                if not one.refuted and not self._left(kind).any():
                    return
        self.stated = before

    def _fresh_rows(self, one: Stated) -> Table:
        """Return the fresh calls that were made since a rule was stated."""
        return self.table.rows(np.arange(len(self.table) - self.asked + one.since, len(self.table)))

    def _near_misses(self, one: Stated) -> list[int]:
        """Return for each condition the fresh calls that passed, on which all others hold."""
        fresh = self._fresh_rows(one)
        passed = np.array([call.outcome == PASSED for call in fresh.calls], bool)
        return [int((mask & passed).sum()) for mask in near_misses(one.rule, fresh)]

    def _shorten(self) -> None:
        """Put shorter rules with a few exceptions for longer ones, if that holds on fresh calls too."""
        for one in sorted(self.stated, key=lambda one: -int(all_hold(one.rule, self.table).sum())):
            shorter = self._shortened(one)
            if shorter == one.rule:
                continue
            other = Stated(one.kind, shorter, one.diagnosis, exact=False, since=self.asked)
            place = self.stated.index(one)
            self.stated[place] = other
            most = min(_AROUND, self.budget - self.asked)
            self._ask_all([(other, call) for call in self._against(other)], most)
            self.stated[place] = one
            if not other.refuted and self._shortened(one) == shorter:
                self.stated[place] = other
        for kind in KINDS:
            self._drop_needless(kind)

    def _shortened(self, one: Stated) -> Rule:
        outcomes = self._outcomes()
        search = Search(self.table, outcomes == one.kind, outcomes == PASSED, ())
        return search.shortened(one.rule, self._left(one.kind))

    def _outcomes(self) -> np.ndarray:
        return np.array([call.outcome for call in self.table.calls], object)

    def _within(self, kind: str) -> np.ndarray:
        """Return a mask of the calls on which the conditions of some bug of this kind hold."""
        mask = np.zeros(len(self.table), bool)
        for one in self.stated:
            if one.kind == kind:
                mask |= all_hold(one.rule, self.table)
        return mask

    def _left(self, kind: str) -> np.ndarray:
        return (self._outcomes() == kind) & ~self._within(kind)

    def _learn(self) -> None:
        """Find the rules of all failures that no rule explains; rules that were refuted are found anew."""
        self.stated = [one for one in self.stated if not one.refuted]
        outcomes = self._outcomes()
        diagnoses = np.array([call.diagnosis or "" for call in self.table.calls], object)
        for kind in KINDS:
            failed = outcomes == kind
            if not self._left(kind).any():
                continue
            every = Counter(diagnoses[failed].tolist())
            named = [name for name, count in every.most_common() if name and count >= _FEW] if len(every) > 1 else []
            for name in named:
                self._learn_kind(kind, name, failed & (diagnoses == name))
            self._learn_kind(kind, None, self._left(kind))
            self._drop_needless(kind)

    def _drop_needless(self, kind: str) -> None:
        """Leave out rules of one kind whose failures others of it cover too, those with the fewest failures first."""
        failed = self._outcomes() == kind
        masks = {one: all_hold(one.rule, self.table) & failed for one in self.stated if one.kind == kind}
        for one in sorted(masks, key=lambda one: masks[one].sum()):
            others = [masks[other] for other in masks if other is not one]
            if others and not (masks[one] & ~np.logical_or.reduce(others)).any():
                del masks[one]
                self.stated.remove(one)

    def _learn_kind(self, kind: str, diagnosis: str | None, failed: np.ndarray) -> None:
        passed = self._outcomes() == PASSED
        known = [one.rule for one in self.stated if one.kind == kind and diagnosis in (None, one.diagnosis)]
        if not (failed & ~np.logical_or.reduce([all_hold(rule, self.table) for rule in known] or [~failed])).any():
            return
        conditions = [*self.more, *conditions_on(self.table, failed)]
        doubt = BY_CHANCE if kind in self.by_chance else self.doubt
        search = Search(self.table, failed, passed, conditions, telling=self.asked, doubt=doubt, seed=self.seed)
        for rule in self._or_unless(_joined(search.rules()), search):
            within = all_hold(rule, self.table)
            if rule or failed.sum() >= 3:
                exact = not (within & passed).any()
                self.stated.append(Stated(kind, rule, diagnosis, exact, since=self.asked))

    def _or_unless(self, rules: list[Rule], search: Search) -> list[Rule]:
        """Return the opposite of one rule, for the calls that passed, if that takes fewer bits than `rules`.

        A kernel that was written for one shape fails on all others: no conjunction says that, as any size may differ.
        One rule without exceptions stays, and so do two of one condition each, "strided" and "dilated".
        """
        passed, failed = search.passed, search.failed
        exact = not any((all_hold(rule, self.table) & passed).any() for rule in rules)
        simple = exact and (len(rules) == 1 or [*map(len, rules)] == [1, 1])
        if simple or not rules or not _FEW <= passed.sum() < failed.sum():
            return rules
        conditions = [*self.more, *conditions_on(self.table, passed)]
        where_right = Search(self.table, passed, failed, conditions, seed=self.seed).rules()
        if len(where_right) != 1 or not where_right[0]:
            return rules
        (right,) = where_right
        within = all_hold(right, self.table)
        if (
            (passed & ~within).any()
            or (failed & within).any()
            or search.length([_unless(right)]) >= search.length(rules)
        ):
            return rules
        return [_unless(right)]

    def _try_to_refute(self) -> None:
        """Make fresh calls for each stated rule that has not been tried, and see if their outcomes are as stated."""
        drawn: list[tuple[Stated | None, JudgedCall]] = []
        for one in self.stated:
            if not one.tried:
                drawn += [(one, call) for call in self._against(one)]
        for kind in KINDS:
            left = np.flatnonzero(self._left(kind))
            if len(left):
                starts = [self.table.calls[row] for row in self._some(left, _AGAIN)]
                drawn += [(None, call) for call in self.fresh.like(starts, _AROUND)]
        self._ask_all(drawn, most=self.budget - self.asked)

    def _ask_all(self, drawn: Sequence[tuple[Stated | None, JudgedCall]], most: int) -> None:
        """Make at most so many fresh calls, and compare their outcomes with the rules for which they were drawn."""
        answered: list[tuple[Stated | None, JudgedCall]] = []
        for origin, call in drawn:
            if len(answered) >= most:
                break
            self.fresh.known.add((call.operation, call.case, call.route, call.environment))
            judged = self.ask(call) if self.ask is not None else None
            if judged is not None:
                answered.append((origin, judged))
        if answered:
            fresh = Table.of(judged for _, judged in answered)
            compare(self.stated, fresh, [origin for origin, _ in answered])
            self.table = self.table.followed_by(fresh)
            self.asked += len(fresh)

    def _against(self, one: Stated) -> list[JudgedCall]:
        """Draw fresh calls that may refute a rule."""
        outcomes = self._outcomes()
        failed, passed = (outcomes == one.kind) & ~self._explained_by_others(one), outcomes == PASSED
        pool, _ = self._pool(one)
        conditions = [*self.more, *conditions_on(self.table, failed)]
        return calls_against(one, pool, Search(self.table, failed, passed, conditions))

    def _pool(self, one: Stated) -> tuple[Table, np.ndarray]:
        """Return fresh calls like the failures that a rule alone explains, and the rows of these."""
        failed = (self._outcomes() == one.kind) & ~self._explained_by_others(one)
        within = np.flatnonzero(failed & all_hold(one.rule, self.table))
        pool = Table.of(self.fresh.like(self._starts(within), _POOL))
        # A call that another bug explains tells nothing of this one.
        others = [other.rule for other in self.stated if other.kind == one.kind and other is not one]
        explained = np.logical_or.reduce([all_hold(rule, pool) for rule in others] or [~pool.everywhere()])
        return pool.rows(~explained), within

    def _starts(self, rows: np.ndarray) -> list[JudgedCall]:
        """Return the smallest of some calls, and others of them."""
        rows = rows[np.argsort(self.table.sizes()[rows], kind="stable")]
        return self.table.calls[np.unique(np.concatenate([rows[:20], self._some(rows, 40)]))].tolist()

    def _some(self, rows: np.ndarray, most: int) -> np.ndarray:
        return np.random.default_rng(self.seed).permutation(rows)[:most]

    def _bug(self, one: Stated) -> Bug:
        outcomes, within = self._outcomes(), all_hold(one.rule, self.table)
        failed, passed = outcomes == one.kind, outcomes == PASSED
        anywhere = np.logical_or.reduce([all_hold(other.rule, self.table) for other in self.stated])
        judged = np.isin(outcomes, (PASSED, *KINDS))
        smallest, diagnosis, implementations = self._told(failed & within)
        rule = tuple(sorted(one.rule, key=lambda condition: _ORDER.get(condition.subject, len(_ORDER))))
        near = self._near_misses(replace(one, rule=rule))
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
            asked=self.asked,
            instead=self._instead(one, failed, passed) if one.exact and not one.tried else (),
            diagnosis=diagnosis,
            implementations=implementations,
            rule=rule,
        )

    def _instead(self, one: Stated, failed: np.ndarray, passed: np.ndarray) -> tuple[tuple[str, ...], ...]:
        """Return for each condition up to two others that fit as well: about something else, and as simple."""
        search = Search(self.table, failed, passed, [*self.more, *conditions_on(self.table, failed)])
        within = all_hold(one.rule, self.table)
        found = []
        for place, condition in enumerate(one.rule):
            others: dict[str, str] = {}
            for other in search.fitting(one.rule, place, failed & within):
                if other.subject not in condition.subject and other.cost <= condition.cost + 0.1:
                    others.setdefault(other.subject, other.name)
            found.append(tuple(others.values())[:2])
        return tuple(found)

    def _unexplained(self) -> list[Bug]:
        """Return a bug without conditions for each kind of failure that no rule explains."""
        outcomes = self._outcomes()
        found = []
        for kind in KINDS:
            left = self._left(kind)
            if left.any():
                smallest, diagnosis, implementations = self._told(left)
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
                        asked=self.asked,
                        diagnosis=diagnosis,
                        implementations=implementations,
                    )
                )
        return found

    def _told(self, rows: np.ndarray) -> tuple[JudgedCall, str | None, tuple[str, ...]]:
        """Return the smallest of some calls, the diagnosis of most that have one, and their implementations."""
        numbers = np.flatnonzero(rows)
        smallest = self.table.calls[numbers[np.argmin(self.table.sizes()[numbers])]]
        diagnoses = Counter(call.diagnosis for call in self.table.calls[numbers] if call.diagnosis)
        implementations = Counter(call.implementation for call in self.table.calls[numbers] if call.implementation)
        diagnosis = diagnoses.most_common(1)[0][0] if diagnoses else None
        return smallest, diagnosis, tuple(name for name, _ in implementations.most_common())


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
