"""Measure how well the suite sees the mistakes: which cases see each one, and how many cases it takes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from statistics import median

from ..cases import catalogue
from ..cases.case import Case
from ..cases.generation import generate
from ..mistakes import MISTAKES, Mistake
from ..run.choice import EXAMPLES, SMALL, small_cases
from ..run.judge import judge
from ..run.shares import checks_of
from ..run.spread import DEFAULT_DTYPES, in_dtypes
from ..run.subject import Subject
from ..verdicts.checks import Check
from ..verdicts.task import Task

ORDERS = 3

# Which checks run: first those that ask once, then those that ask for no long row of calls, last all.
_CHEAP_FIRST: tuple[Callable[[Check], bool], ...] = (
    lambda check: not check.asks_again,
    lambda check: not check.of_state,
    lambda check: True,
)

# Hundreds of mistakes are given the same task.
_task = lru_cache(maxsize=8192)(Task)


@dataclass(frozen=True)
class Sighting:
    """The cases that it took to see one mistake in one operation.

    `curated` has one count for each order, and `generated` one for each seed; None means that no case saw it. `case` is
    the first of the whole suite, in the order of `verify`, that sees it, and `check` is the check that does.
    """

    mistake: Mistake
    operation: str
    curated: tuple[int | None, ...]
    generated: tuple[int | None, ...]
    case: Case | None
    check: str | None


def sightings(mistakes: Iterable[Mistake] = MISTAKES, orders: int = ORDERS) -> Iterator[Sighting]:
    """Measure each mistake in each of its operations, by the suite as `verify` runs it by default."""
    for mistake in mistakes:
        for operation in mistake.operations:
            seen = first_seen(mistake, operation, suite())
            yield Sighting(
                mistake,
                operation,
                _in_orders(mistake, operation, orders),
                tuple(_count(mistake, operation, _generated(seed)) for seed in range(orders)),
                *(seen[1:] if seen else (None, None)),
            )


def _in_orders(mistake: Mistake, operation: str, orders: int) -> tuple[int | None, ...]:
    """Count the curated cases that it takes in each order; if no case sees it, the order does not matter."""
    first = _count(mistake, operation, _curated(0))
    if first is None:
        return (None,) * orders
    return first, *(_count(mistake, operation, _curated(order)) for order in range(1, orders))


@cache
def suite() -> tuple[Case, ...]:
    """Return the cases that `verify` runs by default, without network layers: they are large and see nothing new."""
    return (*small_cases(), *_generated(0))


@cache
def _curated(order: int) -> list[Case]:
    """Return the curated cases: in the order of the file if `order` is 0, else in a random one."""
    cases = catalogue.load("curated")
    return cases if order == 0 else random.Random(order).sample(cases, len(cases))


@cache
def _generated(seed: int) -> list[Case]:
    return generate(EXAMPLES, seed)


def first_seen(mistake: Mistake, operation: str, cases: Iterable[Case]) -> tuple[int, Case, str] | None:
    """Return the count of `cases` that it takes to see the mistake, the case and the check; None if none sees it."""
    subject = Subject.of(mistake.backend())
    for count, case in enumerate(cases, 1):
        check = _seen(subject, operation, case, _dtypes(mistake))
        if check is not None:
            return count, case, check
    return None


def is_seen(mistake: Mistake, operation: str, cases: Sequence[Case]) -> bool:
    """True if the suite reports the mistake on one of the cases.

    A mistake that remembers nothing shows in whatever order it is asked. So the cheap checks come first, on all cases.
    """
    subject, dtypes = Subject.of(mistake.backend()), _dtypes(mistake)
    chosen = _CHEAP_FIRST if mistake.pure else _CHEAP_FIRST[-1:]
    return any(_seen(subject, operation, case, dtypes, runs) for runs in chosen for case in cases)


def seen_where(mistake: Mistake) -> Iterator[tuple[str, Case]]:
    """Yield the curated cases and regressions that see the mistake, each with the operation."""
    for operation in mistake.operations:
        for name in SMALL:
            yield from ((operation, case) for case in catalogue.load(name) if seen_by(mistake, operation, case))


def seen_by(mistake: Mistake, operation: str, case: Case) -> bool:
    """True if the suite reports the mistake on this case alone."""
    return first_seen(mistake, operation, [case]) is not None


def _dtypes(mistake: Mistake) -> tuple[str, ...]:
    """Return the dtypes of `verify` and those of the mistake, but only float32 for mistakes that are alike in all."""
    if mistake.dtypes:
        return mistake.dtypes
    return DEFAULT_DTYPES if mistake.family in ("values", "behaviour") else ("float32",)


def _seen(
    subject: Subject,
    operation: str,
    case: Case,
    dtypes: tuple[str, ...],
    runs: Callable[[Check], bool] = lambda check: True,
) -> str | None:
    """Return the first check that fails on the case in one of the dtypes, of the checks for which `runs` is true."""
    for each in in_dtypes([case], dtypes):
        checks = list(filter(runs, checks_of(each)))
        task = _task(each, operation, 0)
        for record in judge(subject, each, operation, 0, task, checks=checks, until_failure=True):
            if record.unexpected:
                return record.check
    return None


def _count(mistake: Mistake, operation: str, cases: Sequence[Case]) -> int | None:
    seen = first_seen(mistake, operation, cases)
    return seen[0] if seen else None


def typical_and_worst(counts: Iterable[int | None]) -> tuple[float, float]:
    """Return the median and the maximum; None counts as infinitely many cases."""
    found = [float("inf") if count is None else count for count in counts]
    return median(found), max(found)
