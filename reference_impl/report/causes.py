"""Bugs and the failing calls of a run that they explain: which of them have one cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..bugs import Bug, JudgedCall
from ..bugs.judged_call import PASSED, RACE, WRONG_VALUES
from ..diagnosis.shrinking import complexity
from ..verdicts.checks import OTHER_OPTIONS
from .kinds import LIKE_PLAIN
from .robustness import OF_CASES

_OF_NUMBERS = (RACE, WRONG_VALUES)
_AFTER_OTHERS = "among calls with other options"
# So many errors are told apart.
_MOST_ERRORS = 4

Found = tuple[Bug, list[JudgedCall]]
"""A bug, and the failing calls of the run that it explains."""


def by_error(calls: list[JudgedCall]) -> Iterator[list[JudgedCall]]:
    """Part the calls by the error that they raise, each part with all calls that passed."""
    errors = [text for text, _ in Counter(call.diagnosis for call in calls if call.diagnosis).most_common(_MOST_ERRORS)]
    passed = [call for call in calls if call.outcome == PASSED]
    others = [call for call in calls if call.outcome != PASSED and call.diagnosis not in errors]
    for some in (others, *([call for call in calls if call.diagnosis == text] for text in errors)):
        if some:
            yield passed + some


def with_failures(bugs: list[Bug], calls: list[JudgedCall]) -> Iterator[Found]:
    """Give each bug the failing calls of the run that it explains; one without conditions gets what is left."""
    left = {id(call): call for call in calls if call.outcome != PASSED}
    for bug in sorted(bugs, key=lambda bug: bug.rule is None):
        alike = [call for call in left.values() if call.outcome == bug.kind]
        holds = bug.holds(alike) if bug.rule is not None and alike else [bug.rule is None] * len(alike)
        mine = [call for call, held in zip(alike, holds, strict=True) if held]
        for call in mine:
            del left[id(call)]
        if mine:  # a bug of fresh calls alone is another reading of what the run found
            yield bug, mine


def by_cause(found: Iterable[Found]) -> list[list[Found]]:
    """Group bugs that have one cause, the most telling of each group first."""
    groups: list[list[Found]] = []
    for one in found:
        mine = next((group for group in groups if _explains(*group[0], *one)), None)
        groups.append([one]) if mine is None else mine.append(one)
    return groups


def _explains(first: Bug, its_calls: list[JudgedCall], bug: Bug, failed: list[JudgedCall]) -> bool:
    """Return True if the conditions of a plain bug explain the failures of another one.

    They hold on all of these. The damage is of one kind: numbers are wrong. Memory that was not written may hold the
    same numbers twice, or the right ones. So a race explains all checks of numbers. Other kinds come from one cause if
    the conditions of each hold on the failures of both: an answer of the wrong shape has no gradient.
    """
    if first.check or not first.rule or not all(first.holds(failed)):  # a kernel that always fails tells nothing
        return False
    if bug.kind in _OF_NUMBERS and first.kind in _OF_NUMBERS:
        return first.kind == RACE or (first.kind == bug.kind and bug.check in ("", *LIKE_PLAIN))
    return not bug.check and bug.rule is not None and all(bug.holds(its_calls))


def tells(plain: Bug, bug: Bug, failed: list[JudgedCall]) -> bool:
    """Return True if a bug of plain calls explains one of another check, so that this needs no mention."""
    if bug.kind != plain.kind:
        return False
    if bug.check == OTHER_OPTIONS:  # it makes plain calls on other cases
        return True
    if bug.check in OF_CASES:
        return all(plain.holds(failed))
    return bug.diagnosis is not None and bug.diagnosis == plain.diagnosis


def merged(bugs: list[Found], check: str) -> Iterator[Found]:
    """Join the bugs of one check that fail in one way.

    It ran on too few calls to tell several conditions. Those of OTHER_OPTIONS would be on the wrong case: a call fails
    by the calls before it, which have other options.
    """
    by_way: dict[tuple, list[Found]] = {}
    for bug, failed in bugs:
        by_way.setdefault((bug.kind, bug.diagnosis), []).append((bug, failed))
    for alike in by_way.values():
        if len(alike) == 1 and check != OTHER_OPTIONS:
            yield alike[0]
            continue
        failed = [call for _, calls in alike for call in calls]
        smallest = min(failed, key=lambda call: complexity(call.case))
        bug, count = alike[0][0], len(failed)
        why = _AFTER_OTHERS if check == OTHER_OPTIONS else "under several conditions"
        yield (
            replace(bug, conditions=None, rule=None, why=why, smallest=smallest, failures=count, calls=count, tried=0),
            failed,
        )
