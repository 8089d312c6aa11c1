"""The smoke set: a few cases that see every mistake between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .. import catalogue
from ..cases import Case
from ..generation import multiply_adds
from . import MISTAKES, Mistake
from .measure import SMALL, seen_by

_HEADER = """\
# The smallest set of curated and regression cases found that sees every mistake of the catalogue, in every operation
# that it spoils: `python -m reference_impl mistakes --smoke` chooses it, in some minutes. At each step it takes the case
# that sees most of what is not seen yet, the cheaper of equals; then it leaves out what the others make superfluous.
# All of these cases are in the other files, with their comments.
"""


def smoke_text() -> str:
    """The contents of `catalogue/smoke.txt`, chosen anew."""
    comments = {entry.case: entry.comment for name in SMALL for entry in catalogue.entries(name)}
    sees = {case: sightings_of(case) for case in comments}
    chosen = cover(sees)
    return _HEADER + "\n" + "".join(f"{case} # {comments[case]}\n" for case in comments if case in chosen)


def sightings_of(case: Case, mistakes: Iterable[Mistake] = MISTAKES) -> frozenset[tuple[str, str]]:
    """The mistakes, each with an operation, that the suite reports on this case alone."""
    return frozenset(
        (mistake.name, operation)
        for mistake in mistakes
        for operation in mistake.operations
        if seen_by(mistake, operation, case)
    )


def cover(sees: dict[Case, frozenset[tuple[str, str]]]) -> set[Case]:
    """Cases that see all that any of them sees: greedily, which is within a logarithm of the fewest."""
    everything = frozenset().union(*sees.values())
    unseen, chosen = everything, list[Case]()
    while unseen:
        best = max(sees, key=lambda case: (len(sees[case] & unseen), -multiply_adds(case)))
        chosen.append(best)
        unseen -= sees[best]
    for case in list(chosen):
        others: Sequence[Case] = [other for other in chosen if other != case]
        if others and frozenset().union(*(sees[other] for other in others)) == everything:
            chosen.remove(case)
    return set(chosen)
