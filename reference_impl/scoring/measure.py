"""How well the suite sees the mistakes: which cases see each, and how many it takes."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from statistics import median

from ..cases import catalogue
from ..cases.case import Case
from ..cases.generation import generate
from ..mistakes import MISTAKES, Mistake
from ..run import outcome
from ..run.judge import judge
from ..run.selection import DEFAULT_DTYPES, EXAMPLES, SMALL, in_dtypes, small_cases
from ..run.subject import Subject
from ..verdicts.task import Task

ORDERS = 3

# One task is asked of hundreds of mistakes.
_task = lru_cache(maxsize=8192)(Task)


@dataclass(frozen=True)
class Sighting:
    """How many cases it took until one mistake was seen in one operation, None where none did.

    `curated` and `generated` have one count for each order, or seed; `case` is the first of the whole suite, in the
    order of `verify`, that sees it, and `check` the check that does.
    """

    mistake: Mistake
    operation: str
    curated: tuple[int | None, ...]
    generated: tuple[int | None, ...]
    case: Case | None
    check: str | None


def sightings(mistakes: Iterable[Mistake] = MISTAKES, orders: int = ORDERS) -> Iterator[Sighting]:
    """Each mistake in each of its operations, held to the suite as `verify` runs it by default."""
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
    """How many curated cases it takes in each order; what one order does not see, none does."""
    first = _count(mistake, operation, _curated(0))
    if first is None:
        return (None,) * orders
    return first, *(_count(mistake, operation, _curated(order)) for order in range(1, orders))


@cache
def suite() -> tuple[Case, ...]:
    """The cases of `verify` as it runs by default, less the network layers: large, and nothing is left for them."""
    return (*small_cases(), *_generated(0))


@cache
def _curated(order: int) -> list[Case]:
    """The curated cases as they are written down, in order 0; then in others."""
    cases = catalogue.load("curated")
    return cases if order == 0 else random.Random(order).sample(cases, len(cases))


@cache
def _generated(seed: int) -> list[Case]:
    return generate(EXAMPLES, seed)


def first_seen(mistake: Mistake, operation: str, cases: Iterable[Case]) -> tuple[int, Case, str] | None:
    """How many of `cases` it takes to see the mistake, the case that does and the check; None where none does."""
    subject = Subject.of(mistake.backend())
    for count, case in enumerate(cases, 1):
        check = _seen(subject, operation, case, _dtypes(mistake))
        if check is not None:
            return count, case, check
    return None


def seen_where(mistake: Mistake) -> Iterator[tuple[str, Case]]:
    """The curated cases and regressions that see the mistake, each with the operation in which they do."""
    for operation in mistake.operations:
        for name in SMALL:
            yield from ((operation, case) for case in catalogue.load(name) if seen_by(mistake, operation, case))


def seen_by(mistake: Mistake, operation: str, case: Case) -> bool:
    """Whether the suite, given this case alone, reports the mistake."""
    return first_seen(mistake, operation, [case]) is not None


def _dtypes(mistake: Mistake) -> tuple[str, ...]:
    """Those of `verify`, but float32 alone for mistakes that are alike in every dtype."""
    return DEFAULT_DTYPES if mistake.family in ("values", "behaviour") else ("float32",)


def _seen(subject: Subject, operation: str, case: Case, dtypes: tuple[str, ...]) -> str | None:
    """The first check that fails on the case in one of the dtypes."""
    for each in in_dtypes([case], dtypes):
        for record in judge(subject, each, operation, 0, _task(each, operation, 0)):
            if record.outcome in outcome.UNEXPECTED:
                return record.check
    return None


def _count(mistake: Mistake, operation: str, cases: Sequence[Case]) -> int | None:
    seen = first_seen(mistake, operation, cases)
    return seen[0] if seen else None


def typical_and_worst(counts: Iterable[int | None]) -> tuple[float, float]:
    """Median and maximum, where not to be seen is to take infinitely many cases."""
    found = [float("inf") if count is None else count for count in counts]
    return median(found), max(found)
