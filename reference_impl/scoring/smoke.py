"""The smoke set: a few cases that together see every mistake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

from ..cases import catalogue
from ..cases.case import Case
from ..mistakes import MISTAKES, by_name
from ..run.choice import SMALL
from .measure import seen_by

Sights = frozenset[tuple[str, str]]
"""Mistakes, each with an operation."""

_HEADER = """\
# A few curated and regression cases that together see every mistake, in every operation that it spoils. Mistakes that
# show without groups and dilations are also seen by the cases without these, for kernels that take neither.
# `python -m reference_impl mistakes --smoke FILE` writes this file, in some minutes. It takes the first case. Then it
# takes, again and again, the case that sees most mistakes not seen yet; of equals, the cheaper. Last, it drops cases
# that the others make superfluous. It does so twice: with all cases, and with those that have neither groups nor
# dilations. All of these cases are in the other files too.
"""


def smoke_text() -> str:
    """Choose the smoke set anew, and return the contents of `catalogue/smoke.txt`."""
    comments = {entry.case: entry.comment for name in SMALL for entry in catalogue.entries(name)}
    chosen = smallest(list(comments)) | smallest([case for case in comments if neither_grouped_nor_dilated(case)])
    return _HEADER + "\n" + "".join(f"{case} # {comments[case]}\n" for case in comments if case in chosen)


def neither_grouped_nor_dilated(case: Case) -> bool:
    """True for cases that many kernels take: they have neither groups nor dilations."""
    return case.groups == 1 and case.dilations == (1, 1)


def all_sights() -> Sights:
    """Return every mistake with every operation that it spoils."""
    return frozenset((mistake.name, operation) for mistake in MISTAKES for operation in mistake.operations)


def seen_on(case: Case, sights: Iterable[tuple[str, str]]) -> Sights:
    """Return the part of `sights` that the suite reports on this case alone."""
    return frozenset((name, operation) for name, operation in sights if seen_by(by_name(name), operation, case))


def smallest(cases: Sequence[Case]) -> set[Case]:
    """Choose some of `cases` that see every mistake that any of them sees; greedily, so nearly the fewest."""
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
    """Return the cases of `seen` without those that the others make superfluous; the most expensive are tried first."""
    everything = frozenset().union(*seen.values())
    kept = set(seen)
    for case in sorted(seen, key=attrgetter("multiply_adds"), reverse=True):
        if frozenset().union(*(seen[other] for other in kept - {case})) == everything:
            kept.remove(case)
    return kept
