"""Group: the calls of one backend and one check, the conditions that are stated of them, and fresh calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from .conditions import Condition, all_hold, conditions_on
from .fresh_calls import FreshCalls
from .judged_call import KINDS, PASSED, RACE, JudgedCall
from .refuting import Stated, calls_against, compare
from .search import Search
from .table import Table

Ask = Callable[[JudgedCall], "JudgedCall | None"]
"""Takes a call that is not judged yet, and returns it with its outcome; None if the backend cannot be asked it."""

# Fewer failures than this are not grouped.
FEW = 5
# Where fresh calls can show what parts failures from passes, rules with many passes are doubted more.
_PATIENCE = 5.0
# Candidates for fresh calls, for one bug in one round.
_POOL = 500
# Failing calls that are made again, to see if they fail by chance; and those around which fresh calls are drawn.
AGAIN = 20


class Group:
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
        failed = self.some(np.flatnonzero(self.outcomes() == kind), AGAIN) if self.ask is not None else ()
        return any(self.asked_again(self.table.calls[row]) == PASSED for row in failed)

    def asked_again(self, call: JudgedCall) -> str:
        judged = self.ask(replace(call, outcome="")) if self.ask is not None else None
        return judged.outcome if judged is not None else ""

    def outcomes(self) -> np.ndarray:
        return np.array([call.outcome for call in self.table.calls], object)

    def within(self, kind: str) -> np.ndarray:
        """Return a mask of the calls on which the conditions of some bug of this kind hold."""
        mask = np.zeros(len(self.table), bool)
        for one in self.stated:
            if one.kind == kind:
                mask |= all_hold(one.rule, self.table)
        return mask

    def left(self, kind: str) -> np.ndarray:
        return (self.outcomes() == kind) & ~self.within(kind)

    def explained_by_others(self, one: Stated) -> np.ndarray:
        others = [other.rule for other in self.stated if other.kind == one.kind and other is not one]
        return np.logical_or.reduce([all_hold(rule, self.table) for rule in others] or [~self.table.everywhere()])

    def ask_all(self, drawn: Sequence[tuple[Stated | None, JudgedCall]], most: int) -> None:
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

    def pool(self, one: Stated) -> tuple[Table, np.ndarray]:
        """Return fresh calls like the failures that a rule alone explains, and the rows of these."""
        failed = (self.outcomes() == one.kind) & ~self.explained_by_others(one)
        within = np.flatnonzero(failed & all_hold(one.rule, self.table))
        pool = Table.of(self.fresh.like(self.starts(within), _POOL))
        # A call that another bug explains tells nothing of this one.
        others = [other.rule for other in self.stated if other.kind == one.kind and other is not one]
        explained = np.logical_or.reduce([all_hold(rule, pool) for rule in others] or [~pool.everywhere()])
        return pool.rows(~explained), within

    def starts(self, rows: np.ndarray) -> list[JudgedCall]:
        """Return the smallest of some calls, and others of them."""
        rows = rows[np.argsort(self.table.sizes()[rows], kind="stable")]
        return self.table.calls[np.unique(np.concatenate([rows[:20], self.some(rows, 40)]))].tolist()

    def some(self, rows: np.ndarray, most: int) -> np.ndarray:
        return np.random.default_rng(self.seed).permutation(rows)[:most]

    def conditions(self, failed: np.ndarray) -> list[Condition]:
        """Return all conditions that may part these failures from other calls."""
        return [*self.more, *conditions_on(self.table, failed)]

    def against(self, one: Stated) -> list[JudgedCall]:
        """Draw fresh calls that may refute a rule."""
        outcomes = self.outcomes()
        failed, passed = (outcomes == one.kind) & ~self.explained_by_others(one), outcomes == PASSED
        pool, _ = self.pool(one)
        conditions = self.conditions(failed)
        return calls_against(one, pool, Search(self.table, failed, passed, conditions))
