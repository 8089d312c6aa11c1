"""The smoke set: a few cases that see every mistake between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

from ..cases import catalogue
from ..cases.case import Case
from ..mistakes import MISTAKES, by_name
from ..run.selection import SMALL
from .measure import seen_by

Sights = frozenset[tuple[str, str]]
"""Mistakes, each with an operation."""

_HEADER = """\
# Few curated and regression cases that see every mistake of the catalogue, in every operation that it spoils, if it
# shows there in kernels that take neither groups nor dilations too: `python -m reference_impl mistakes --smoke FILE`
# writes this, in some minutes. It takes the first case, then again and again the one that sees most of what is not
# seen yet, the cheaper of equals, and last leaves out what the others make superfluous; once of the curated cases and
# regressions, and once of those with neither groups nor dilations. All of these cases are in the other files too.
"""


def smoke_text() -> str:
    """The contents of `catalogue/smoke.txt`, chosen anew."""
    comments = {entry.case: entry.comment for name in SMALL for entry in catalogue.entries(name)}
    chosen = smallest(list(comments)) | smallest([case for case in comments if asks_little(case)])
    return _HEADER + "\n" + "".join(f"{case} # {comments[case]}\n" for case in comments if case in chosen)


def asks_little(case: Case) -> bool:
    """Of a kernel: neither groups nor dilations, which many do not take."""
    return case.groups == 1 and case.dilations == (1, 1)


def all_sights() -> Sights:
    """Every mistake in every operation that it spoils."""
    return frozenset((mistake.name, operation) for mistake in MISTAKES for operation in mistake.operations)


def seen_on(case: Case, sights: Iterable[tuple[str, str]]) -> Sights:
    """Those of `sights` that the suite reports on this case alone."""
    return frozenset((name, operation) for name, operation in sights if seen_by(by_name(name), operation, case))


def smallest(cases: Sequence[Case]) -> set[Case]:
    """Some of `cases` that see all that any of them sees: greedily, which is near the fewest."""
    seen = {cases[0]: seen_on(cases[0], all_sights())}
    unseen = all_sights() - seen[cases[0]]
    sees = {case: seen_on(case, unseen) for case in cases}
    unseen = frozenset().union(*sees.values())
    while unseen:
        best = max(sees, key=lambda case: (len(sees[case] & unseen), -case.multiply_adds))
        unseen -= sees[best]
        seen[best] = seen_on(best, all_sights())
    return without_superfluous(seen)


def without_superfluous(seen: dict[Case, Sights]) -> set[Case]:
    """`seen` less the cases that see nothing that the others do not, the most expensive first."""
    everything = frozenset().union(*seen.values())
    kept = set(seen)
    for case in sorted(seen, key=attrgetter("multiply_adds"), reverse=True):
        if frozenset().union(*(seen[other] for other in kept - {case})) == everything:
            kept.remove(case)
    return kept
