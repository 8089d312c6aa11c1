"""Choose fresh calls that may refute the conditions stated for a bug, and compare their outcomes with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .conditions import Condition, all_hold
from .judged_call import PASSED, JudgedCall
from .search import Rule, Search
from .table import Table

# The most calls that are made to rule out other readings of one condition; and calls chosen at random, as many within
# the conditions as outside.
_TELLING = 6
_RANDOM = 30


@dataclass(eq=False)
class Stated:
    """Conditions stated for one kind of failure. `held` of `tried` fresh calls came out as they say.

    `exact` is False if some calls under the conditions passed. Then fresh ones may pass too, and are not counted.
    The rule is refuted if a smaller share of them fails than `least_share`. It was stated after `since` fresh calls:
    those try it.
    """

    kind: str
    rule: Rule
    diagnosis: str | None = None
    exact: bool = True
    held: int = 0
    tried: int = 0
    refuted: bool = False
    least_share: float = 0.9
    since: int = 0


def calls_against(stated: Stated, pool: Table, search: Search) -> list[JudgedCall]:
    """Choose from a pool of fresh calls those that are likely to refute a rule.

    `search` knows the calls judged so far. Its failures are those that no other rule explains.
    """
    if not len(pool):
        return []
    alternatives: list[list[Condition]] = []
    additions: list[Condition] = []
    if stated.exact:
        explained = search.failed & all_hold(stated.rule, search.table)
        alternatives = [search.fitting(stated.rule, place, explained) for place in range(len(stated.rule))]
        rows = search.table.rows(explained)
        additions = [condition for condition in search.conditions if condition.holds(rows).all()]
    rows_of_pool = [*telling_rows(pool, stated.rule, alternatives, additions, _TELLING)]
    rows_of_pool += random_rows(pool, stated.rule, _RANDOM)
    return [pool.calls[row] for row in dict.fromkeys(rows_of_pool)]


def compare(stated: Sequence[Stated], fresh: Table, origins: Sequence[Stated | None]) -> None:
    """Count the fresh calls that came out as stated, and mark the rules that they refute.

    `origins` has the rule against which each call was drawn.
    """
    within = {one: all_hold(one.rule, fresh) for one in stated}
    passed = np.array([call.outcome == PASSED for call in fresh.calls], bool)
    for one, mask in within.items():
        drawn_for_others = np.array([origin is not one for origin in origins], bool)
        refuting = int((mask & passed & drawn_for_others).sum()) if one.exact else 0
        one.tried += refuting
        one.refuted |= refuting > 0
    for row, (call, origin) in enumerate(zip(fresh.calls, origins, strict=True)):
        if origin is None or call.outcome not in (PASSED, origin.kind):
            continue
        inside = bool(within[origin][row])
        explained = any(mask[row] for one, mask in within.items() if one.kind == origin.kind)
        if (explained and not inside) or (inside and not origin.exact):
            continue
        origin.tried += 1
        if (call.outcome == origin.kind) == inside:
            origin.held += 1
        else:
            origin.refuted = True


def telling_rows(
    pool: Table,
    rule: Sequence[Condition],
    alternatives: Sequence[Sequence[Condition]],
    additions: Sequence[Condition],
    most: int,
) -> Iterator[int]:
    """Yield the rows of `pool` that rule out the most other readings of the data, each row once.

    `alternatives` are, for each place of the rule, the conditions that fit the data as well there. A call on which the
    rule and an alternative differ tells them apart. `additions` are conditions that hold on all failures of the rule; a
    call within the rule on which one does not hold shows whether it is needed.
    """
    masks = [condition.holds(pool) for condition in rule]
    inside = np.logical_and.reduce(masks) if masks else np.ones(len(pool), bool)
    yield from _cover(_evaluated(additions, pool, ~inside), ~inside, most)
    for place, others in enumerate(alternatives):
        rest = [mask for spot, mask in enumerate(masks) if spot != place]
        near = np.logical_and.reduce(rest) if rest else np.ones(len(pool), bool)
        differ = np.array([condition.holds(pool) != masks[place] for condition in others], bool).reshape(-1, len(pool))
        yield from _cover(~(differ & near), np.zeros(len(pool), bool), most)
        yield from np.flatnonzero(near & ~masks[place])[: most // 2].tolist()


def _evaluated(conditions: Sequence[Condition], pool: Table, outside: np.ndarray) -> np.ndarray:
    return np.array([condition.holds(pool) | outside for condition in conditions], bool).reshape(-1, len(pool))


def _cover(agree: np.ndarray, never: np.ndarray, most: int) -> Iterator[int]:
    """Yield rows until each reading that some row does not agree with has met one, the most telling row first."""
    differ = ~agree
    differ[:, never] = False
    for _ in range(most):
        counts = differ.sum(axis=0)
        if not counts.size or not counts.max():
            return
        row = int(counts.argmax())
        yield row
        differ = differ[~differ[:, row]]


def random_rows(pool: Table, rule: Sequence[Condition], most: int) -> list[int]:
    """Return rows within the rule, and rows on which all its conditions but one hold, as many of each."""
    masks = np.array([condition.holds(pool) for condition in rule], bool).reshape(len(rule), len(pool))
    missing = (~masks).sum(axis=0)
    rows: list[int] = np.flatnonzero(missing == 0)[:most].tolist()
    for place in range(len(rule)):
        rows += np.flatnonzero((missing == 1) & ~masks[place])[: max(most // len(rule), 1)].tolist()
    return rows


def near_misses(rule: Sequence[Condition], table: Table) -> list[np.ndarray]:
    """Return for each condition a mask of the calls on which it does not hold, and all others do."""
    missing = [~condition.holds(table) for condition in rule]
    return [mask & (np.sum(missing, axis=0) == 1) for mask in missing]


def nearest(rule: Sequence[Condition], pool: Table, failures: Table, wanted: Sequence[int], inside: int) -> list[int]:
    """Return rows of near misses of each condition, as many as are wanted of it, and some rows within the rule.

    First come near misses with numbers next to those of the failures, where a limit would be.
    """
    rows = np.flatnonzero(all_hold(rule, pool))[:inside].tolist()
    for condition, mask, most in zip(rule, near_misses(rule, pool), wanted, strict=True):
        found = np.flatnonzero(mask)
        numbers = pool.numbers.get(condition.subject)
        if numbers is not None and len(found):
            failing = np.unique(failures.numbers[condition.subject])
            distance = np.abs(numbers[found][:, None] - failing[None, :]).min(axis=1)
            found = found[np.argsort(distance, kind="stable")]
        rows += found[:most].tolist()
    return list(dict.fromkeys(rows))
