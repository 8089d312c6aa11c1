"""The claim of a run: which combinations of named factors its calls had, for each backend and operation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ..cases.case import Case
from ..cases.covering.claim import Share, claim, share_of_factors
from ..cases.covering.narrow import Reach
from ..console import plain_name
from ..run import outcome
from ..run.choice import STRENGTH
from ..run.outcome import Record
from ..run.spread import dtypes_of
from ..run.subject import Subject
from .tally import Tally

Reached = Mapping[str, Mapping[str, Reach]]
"""Backend -> operation -> the combinations that were found in what it supports (see `Selection.reached`)."""


def searched(tally: Tally, subjects: Sequence[Subject], reached: Reached | None = None) -> list[str]:
    """Say what the cases of a run have, and what each backend was judged on.

    A backend's share is the least of its operations, in its first dtype. A case counts if its answer was compared with
    the exact one, whatever was found; not if the backend gave none. The share of longer combinations, which takes a
    second to count, is told where no shorter one is missing. For backends in `reached`, the share is that of what they
    support.
    """
    reached = reached or {}
    judged = _judged(tally, subjects)
    cases = {case for mine in judged.values() for some in mine.values() for case in some}
    if not cases:
        return []
    of_all = share_of_factors(list(cases), STRENGTH)
    has_all = of_all.is_all
    lines = [f"Searched: {claim(sorted(cases, key=str), most=STRENGTH + has_all)}."]
    shares = least_shares(tally, subjects, reached)
    narrow = [name for name in shares if reached.get(name)]
    whole = [name for name, share in shares.items() if share.is_all and name not in narrow]
    part = [f"{plain_name(name)} {share}" for name, share in shares.items() if not (share.is_all or name in narrow)]
    if whole and part:
        lines.append(f"All {STRENGTH}-way combinations in each operation: {', '.join(map(plain_name, whole))}.")
    if part and list(shares.values()) != [of_all]:
        lines.append(f"Of the {STRENGTH}-way combinations, in the operation that had least: {', '.join(part)}.")
    for name in narrow:
        tried = max(len(one.cases) for one in reached[name].values())
        lines.append(
            f"{plain_name(name)} supports a part of these: a search, which found {tried:,} cases that it supports, met "
            f"{shares[name].feasible:,} combinations. Judged were {shares[name]}."
        )
    return lines


def least_shares(tally: Tally, subjects: Sequence[Subject], reached: Reached | None = None) -> dict[str, Share]:
    """Return the share of the combinations on which each backend was judged, in the operation that had least."""
    judged = _judged(tally, subjects)
    return {name: _least(mine, (reached or {}).get(name, {})) for name, mine in judged.items() if mine}


def _judged(tally: Tally, subjects: Sequence[Subject]) -> dict[str, dict[str, set[Case]]]:
    """The cases on which each operation of each backend was compared, in the backend's first dtype."""
    first = {subject.name: dtypes_of(subject)[0] for subject in subjects}
    parsed: dict[str, Case] = {}
    found: dict[str, dict[str, set[Case]]] = {name: defaultdict(set) for name in first}
    for record in tally.records:
        if record.check != "exact" or not _was_compared(record) or record.backend not in first:
            continue
        case = parsed.get(record.case) or parsed.setdefault(record.case, Case.parse(record.case))
        if case.dtype == first[record.backend]:
            found[record.backend][record.operation].add(case)
    return found


def _was_compared(record: Record) -> bool:
    """True if the backend gave an answer, and it was judged."""
    if record.outcome == outcome.KNOWN:  # a known failure may be an error, or a death; only a wrong answer has a digest
        return record.answer is not None
    return record.outcome in (outcome.PASS, outcome.FAIL, outcome.MISTRUSTED, outcome.FIXED)


def _least(by_operation: Mapping[str, set[Case]], reached: Mapping[str, Reach]) -> Share:
    # Mostly, all operations were judged on the same cases.
    distinct = {(frozenset(cases), reached.get(name)) for name, cases in by_operation.items()}
    shares = [one.share(list(cases)) if one else share_of_factors(list(cases), STRENGTH) for cases, one in distinct]
    return min(shares, key=lambda share: share.covered / share.feasible)
