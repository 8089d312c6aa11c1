"""Find the conditions that hold on all failures: one rule, though some calls under it are right."""

from __future__ import annotations

import numpy as np

from .beam import BITS, bits
from .conditions import all_hold
from .search import Rule, Search

_MOST_CONDITIONS = 4
# The share of the calls under the conditions that must fail, for the rule to tell something.
LEAST_SHARE = 2 / 3


def necessary_rule(search: Search) -> Rule:
    """Return the conditions that hold on each failure, and shut out the most passes for their length.

    One condition is added at a time, as long as it saves more bits of the list of outcomes than it takes to name.
    """
    failures, passes = np.flatnonzero(search.failed), np.flatnonzero(search.passed)
    ids = np.flatnonzero(search.masks(failures).all(axis=1))
    masks = search.masks(passes, ids)
    costs = 2 * BITS * search.costs[ids]
    left = np.ones(len(passes), bool)
    chosen: list[int] = []
    while len(chosen) < _MOST_CONDITIONS and left.any():
        counts = masks[:, left].sum(axis=1)
        lengths = np.array(bits(float(len(failures)), counts.astype(float))) + costs
        best = int(np.argmin(lengths)) if len(ids) else 0
        if not len(ids) or lengths[best] >= float(bits(float(len(failures)), float(left.sum()))):
            break
        chosen.append(best)
        left &= masks[best]
    return tuple(search.conditions[ids[one]] for one in chosen)


def share(rule: Rule, search: Search) -> float:
    """Return the share of the calls under a rule that fail."""
    within = all_hold(rule, search.table)
    failures, passes = (within & search.failed).sum(), (within & search.passed).sum()
    return float(failures / max(failures + passes, 1))
