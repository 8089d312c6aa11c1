"""Search for conjunctions of conditions that hold on the failures of one bug, and on no call that passed.

Separate and conquer: find one rule, set the failures that it covers apart, and go on with the others. Each rule grows
from one failure, by beam search among the conditions that hold on it. A rule is worth the bits by which it shortens the
list of outcomes, less the bits that name its conditions. So it needs no threshold for noise: a rule with passes among
its failures is taken only if rules without any would need more bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from .beam import BITS, Found, beam_search, bits
from .conditions import Condition, all_hold
from .table import Table

MOST_RULES = 30
_SEEDS = 3
# The failures and passes that a search looks at first. Passes that refute its rule are added.
_SAMPLE = 1000, 4000
_ROUNDS = 8
_FIRST_ROWS = 1000
# A rule with passes among its failures is taken if rules without any need so many times the bits of its passes. That
# is more doubtful if more than one call in five passes.
_DOUBT_OF_FEW, _DOUBT_OF_MANY = 2.0, 4.0
_FEW = 0.2
BY_CHANCE = 0.4
# The bits of one more rule, which a reader takes for one more bug: as many as of three conditions.
_A_RULE = 3 * BITS
# A shorter rule may have at most this share of passes.
_MOST_EXCEPTIONS = 0.1

Rule = tuple[Condition, ...]


class Search:
    """The search for the rules of one kind of failure.

    Parameters
    ----------
    failed, passed : masks of the calls; others tell nothing
    telling : the number of calls at the end of the table that no sample may miss
    doubt : above 1 to look longer for rules without many passes, BY_CHANCE where calls fail by chance
    """

    def __init__(
        self,
        table: Table,
        failed: np.ndarray,
        passed: np.ndarray,
        conditions: Sequence[Condition],
        *,
        telling: int = 0,
        doubt: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.table, self.failed, self.passed = table, failed, passed
        self.telling = np.arange(len(table) - telling, len(table))  # the last calls, which no sample may miss
        self.conditions, self.doubt = conditions, doubt
        self.costs = np.array([condition.cost for condition in conditions])
        self.random = np.random.default_rng(seed)
        self.sizes = table.sizes()

    def rules(self) -> list[Rule]:
        """Find rules for the failures, until no further rule is worth its bits."""
        left = self.failed.copy()
        found: list[Rule] = []
        while left.any() and len(found) < MOST_RULES:
            rule = self._best(left)
            if rule is None:
                break
            found.append(rule)
            left &= ~all_hold(rule, self.table)
        return found

    def _best(self, left: np.ndarray) -> Rule | None:
        """Return the best rule for some of the failures `left`: exact if that explains them, else with passes."""
        exact, noisy = self._candidates(left)
        if noisy is None or (exact is not None and noisy.gain <= exact.gain):
            return None if exact is None else self.polished(self._rule(exact), left)
        rule = self._rule(noisy)
        within = all_hold(rule, self.table)
        failures, passes = int((left & within).sum()), int((self.passed & within).sum())
        few = passes <= _FEW * (failures + passes)
        doubt = _DOUBT_OF_FEW * min(self.doubt, 1.0) if few else _DOUBT_OF_MANY * self.doubt
        budget = doubt * float(bits(failures, passes)) + BITS * sum(condition.cost for condition in rule)
        if self._is_cheaper(left & within, budget):
            return None if exact is None else self.polished(self._rule(exact), left)
        return rule

    def _is_cheaper(self, left: np.ndarray, budget: float) -> bool:
        """Return True if rules without passes explain the failures `left` in fewer bits than `budget`.

        Each failure that no rule explains is named by itself, and each rule after the first costs _A_RULE.
        """
        each = np.log2(left.sum() + self.passed.sum())
        used = 0.0
        while left.any():
            exact, _ = self._candidates(left)
            if exact is None:
                return used + left.sum() * each < budget
            rule = self._rule(exact)
            used += BITS * sum(condition.cost for condition in rule) + (_A_RULE if used else 0.0)
            if used >= budget:
                return False
            left = left & ~all_hold(rule, self.table)
        return True

    def _rule(self, found: Found) -> Rule:
        return tuple(self.conditions[one] for one in found.ids)

    def _candidates(self, left: np.ndarray) -> tuple[Found | None, Found | None]:
        """Return the best rule without passes, and the best of all, each from a few failures as starts."""
        failures, passes = np.flatnonzero(left), np.flatnonzero(self.passed)
        smallest = failures[np.argmin(self.sizes[failures])]
        asked = self.telling[left[self.telling]]
        failures = np.unique(np.concatenate([asked, [smallest], self._sample(failures, _SAMPLE[0])]))
        refuting = self.telling[self.passed[self.telling]]
        passes = np.setdiff1d(passes, refuting, assume_unique=True)
        sample = self._sample(passes, _SAMPLE[1])
        weight = len(passes) / max(len(sample), 1)
        on_failures, on_sample, on_refuting = (self.masks(rows) for rows in (failures, sample, refuting))
        exact: Found | None = None
        noisy: Found | None = None
        start = np.flatnonzero(failures == smallest)
        seeds = {
            *start.tolist(),
            *self.random.choice(len(failures), min(_SEEDS, len(failures)), replace=False).tolist(),
        }
        for seed in sorted(seeds):
            for _ in range(_ROUNDS):
                scale = left.sum() / len(failures)
                one, other = beam_search(on_failures, (on_sample, on_refuting), weight, self.costs, seed, scale)
                if other is not None and (noisy is None or other.gain > noisy.gain):
                    noisy = other
                if one is None:
                    break
                wrong = np.flatnonzero(self.passed & all_hold(self._rule(one), self.table))
                if not len(wrong):
                    if exact is None or one.gain > exact.gain:
                        exact = one
                    break
                wrong = self._sample(wrong, 300)
                refuting = np.concatenate([refuting, wrong])
                on_refuting = np.concatenate([on_refuting, self.masks(wrong)], axis=1)
        if noisy is not None and noisy.passes == 0:
            noisy = None
        return exact, noisy

    def _sample(self, rows: np.ndarray, most: int) -> np.ndarray:
        """Return at most so many of `rows`: the half with the smallest cases, and others at random."""
        if len(rows) <= most:
            return rows
        small = rows[np.argpartition(self.sizes[rows], most // 2)[: most // 2]]
        others = np.setdiff1d(rows, small, assume_unique=True)
        return np.concatenate([small, self.random.choice(others, most - len(small), replace=False)])

    def masks(self, rows: np.ndarray, ids: Iterable[int] | None = None) -> np.ndarray:
        """Return the conditions, or some of them, on some rows: a row for each condition."""
        part = self.table.rows(rows)
        conditions = self.conditions if ids is None else [self.conditions[one] for one in ids]
        return np.array([condition.holds(part) for condition in conditions], bool).reshape(len(conditions), len(rows))

    def polished(self, rule: Rule, left: np.ndarray) -> Rule:
        """Leave out conditions that no pass needs, and replace the others by the simplest that fit as well."""
        kept = list(rule)
        for condition in sorted(rule, key=lambda condition: -condition.cost):
            others = [other for other in kept if other is not condition]
            if others and not (all_hold(others, self.table) & self.passed).any():
                kept = others
        for place in range(len(kept)):
            fitting = self.fitting(tuple(kept), place, left)
            if fitting:
                kept[place] = fitting[0]
        return tuple(kept)

    def shortened(self, rule: Rule, left: np.ndarray) -> Rule:
        """Leave out the conditions that cost more than the exceptions that they save.

        The length of a rule, in bits, is that of its conditions, and of the list that tells its exceptions (the calls
        under it that passed) from its failures. A condition costs half as much again as in the search, as a reader
        must look it up in the kernel. A failure of `left`, those that no rule explains, costs as much as its number. So
        a condition goes if the rule without it has few exceptions, as where a mistake changes nothing by chance. It
        stays if many calls without it passed, or if more than a tenth of the calls under the rule would pass.
        """
        best = rule, self._length(rule, left)
        while len(best[0]) > 1:
            shorter = [tuple(other for other in best[0] if other is not one) for one in best[0]]
            lengths = [self._length(one, left) for one in shorter]
            if min(lengths) >= best[1]:
                break
            best = shorter[int(np.argmin(lengths))], min(lengths)
        return best[0]

    def _length(self, rule: Rule, left: np.ndarray) -> float:
        within = all_hold(rule, self.table)
        failures, passes = int((self.failed & within).sum()), int((self.passed & within).sum())
        if passes > _MOST_EXCEPTIONS * (failures + passes):
            return np.inf
        each = np.log2(self.failed.sum() + self.passed.sum())
        conditions = 1.5 * BITS * sum(condition.cost for condition in rule)
        return conditions + float(bits(failures, passes)) + each * int((left & ~within).sum())

    def length(self, rules: Sequence[Rule]) -> float:
        """Return the bits of several rules and their exceptions, and of the failures that none explains."""
        within = [all_hold(rule, self.table) for rule in rules]
        left = self.failed & ~np.logical_or.reduce(within)
        own = sum(BITS * sum(condition.cost for condition in rule) for rule in rules)
        exceptions = sum(float(bits((self.failed & mask).sum(), (self.passed & mask).sum())) for mask in within)
        each = np.log2(self.failed.sum() + self.passed.sum())
        return own + exceptions + _A_RULE * (len(rules) - 1) + each * int(left.sum())

    def fitting(self, rule: Rule, place: int, left: np.ndarray) -> list[Condition]:
        """Return the conditions that may stand at this place of an exact rule, the best first.

        Each holds on the rule's failures, and shuts out the passes. First come those that hold on more of the failures
        `left`, then the simplest, then those that shut out the most.
        """
        others = all_hold([other for spot, other in enumerate(rule) if spot != place], self.table)
        rows = np.flatnonzero(others & (left | self.passed))
        ids = np.arange(len(self.conditions))
        for step in (max(len(rows) // _FIRST_ROWS, 1), 1):  # most conditions are refuted by a few rows
            part = rows[::step]
            masks = self.masks(part, ids)
            now, is_left = rule[place].holds(self.table.rows(part)), left[part]
            fits = masks[:, now & is_left].all(axis=1) & ~masks[:, self.passed[part]].any(axis=1)
            ids, masks = ids[fits], masks[fits]
        more = masks[:, is_left].sum(axis=1)
        order = np.lexsort((masks.sum(axis=1), self.costs[ids], -more))
        return [self.conditions[one] for one in ids[order]]
