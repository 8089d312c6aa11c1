"""Bug: failures that have one cause, with the conditions under which they come; and its line in a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..words import listed
from .conditions import Condition, all_hold
from .judged_call import CRASH, HANG, KINDS, PRINTING, RACE, WRONG_VALUES, JudgedCall
from .table import Table

_SAID = {WRONG_VALUES: ("wrong numbers", "wrong"), RACE: ("race", "wrong at times"), CRASH: ("crash", "crashed")}
_SAID |= {HANG: ("hang", "hung"), PRINTING: ("prints", "print")}
# So many near misses of each condition must have passed before a bug is said to be nowhere else.
_NEAR_MISSES = 5
# So few failures tell no conditions.
_FEW = 5
_FIRST = (CRASH, HANG, WRONG_VALUES, RACE)


@dataclass(frozen=True)
class Bug:
    """A distinct bug of one backend.

    Parameters
    ----------
    kind : one of KINDS
    check : the robustness check that it fails, or "" for plain calls
    conditions : the names of the conditions under which it fails
        Empty: it failed on every call. None: no conditions were found.
    smallest : the smallest call that failed
    failures, calls : int
        Calls under the conditions that failed in this way; and these with those that passed. Fresh calls included.
    right, elsewhere : int
        Calls under the conditions of no bug of the backend that passed; and these with those that failed.
    held, tried : int
        Fresh calls, drawn to refute the conditions, whose outcome was as stated; and all of them. None tried: 0.
    near_misses : int
        Fresh calls on which all conditions but one held, and which passed, for the condition with the fewest of them.
    untried : those of the conditions that no such call has tried; they are told as seen, not as necessary
    asked : int
        Fresh calls that were made of this backend in all, those from which conditions were learned included.
    instead : for each condition, others that the calls do not tell from it
    diagnosis : the known mistake that most of its diagnosed failures match
    implementations : those that the framework chose for its failures
    rule : the conditions as objects
    why : why there are no conditions, if that is known beforehand
    """

    backend: str
    check: str
    kind: str
    conditions: tuple[str, ...] | None
    smallest: JudgedCall
    failures: int
    calls: int
    right: int
    elsewhere: int
    held: int = 0
    tried: int = 0
    near_misses: int = 0
    untried: tuple[str, ...] = ()
    asked: int = 0
    instead: tuple[tuple[str, ...], ...] = ()
    diagnosis: str | None = None
    implementations: tuple[str, ...] = ()
    rule: tuple[Condition, ...] | None = field(default=None, compare=False, repr=False)
    why: str = ""

    def holds(self, calls: Sequence[JudgedCall]) -> list[bool]:
        """Return for each call if all conditions hold on it. If none could be told, it is False everywhere."""
        if self.rule is None:
            return [False] * len(calls)
        return all_hold(self.rule, Table.of(calls)).tolist()


def most_telling_first(bugs: Iterable[Bug]) -> list[Bug]:
    """Sort bugs: crashes and wrong numbers, then sizes and refusals, then robustness; the most failures first."""
    return sorted(bugs, key=lambda bug: (bool(bug.check), _rank(bug.kind), -bug.failures, str(bug.smallest.case)))


def _rank(kind: str) -> int:
    return 0 if kind in _FIRST else KINDS.index(kind)


def lines(bugs: Iterable[Bug]) -> list[str]:
    """Return a line of plain text for each bug, the most telling first."""
    return [line(bug) for bug in most_telling_first(bugs)]


def line(bug: Bug) -> str:
    kind, _ = _SAID.get(bug.kind, (bug.kind, bug.kind))
    head = f"{kind} ({bug.check})" if bug.check and bug.kind != PRINTING else kind  # it is of one check
    parts = [f"{head}  {where(bug)}", *fresh(bug), *_instead(bug)]
    if bug.diagnosis:
        parts.append(f"matches {bug.diagnosis}")
    if bug.implementations:
        parts.append(f"in {', '.join(bug.implementations)}")
    smallest = bug.smallest
    place = " ".join(filter(None, (smallest.operation, smallest.route, smallest.environment)))
    return "; ".join([*parts, f"smallest: {place} {smallest.case}"])


def where(bug: Bug, *, alone: bool = True) -> str:
    """Say under which conditions a bug shows, and count the calls that fail and pass.

    It says "and only there" if no call elsewhere failed, and fresh calls could have refuted that: several for each
    condition, on which that one alone did not hold. If the bug is not `alone`, it does not say so, as the conditions of
    the others may be less exact.
    """
    _, failed = _SAID.get(bug.kind, (bug.kind, bug.kind))
    counts = f"{bug.failures:,} of {bug.calls:,} {failed}"
    if bug.conditions is None:
        calls = "1 call" if bug.failures == 1 else f"{bug.failures:,} calls"
        return f"{calls} {failed}: {why_no_conditions(bug)}"
    if not bug.conditions:
        return f"on every call: {counts}"
    operations = {condition.name for condition in bug.rule or () if condition.subject == "operation"}
    said = "".join(f"{name} " for name in bug.conditions if name in operations)
    unless = [name for name in bug.conditions if name.startswith("unless ")]
    others = [name for name in bug.conditions if name not in (*operations, *unless, *bug.untried)]
    seen = [name for name in bug.conditions if name in bug.untried and name not in (*operations, *unless)]
    was_tried = alone and bug.near_misses >= _NEAR_MISSES and bug.held == bug.tried and bug.right == bug.elsewhere
    only = "and only there" if was_tried else ""
    where_said = " ".join(filter(None, (f"where {listed(others)}" if others else "", *unless)))
    there = ", ".join(filter(None, (where_said, f"seen where {listed(seen)}" if seen else "", only)))
    right = f", {bug.right:,} of {bug.elsewhere:,} right elsewhere" if bug.elsewhere else ""
    return f"{f'{said}{there}'.strip()}: {counts}{right}"


def why_no_conditions(bug: Bug) -> str:
    """Say why a bug has no conditions."""
    if bug.why or bug.failures < _FEW:
        return bug.why or "too few to tell conditions"
    return "no conditions were found" + (" that hold on fresh calls" if bug.asked else "")


def fresh(bug: Bug) -> list[str]:
    """Say on how many fresh calls the conditions held."""
    if bug.conditions is None:
        return []
    if not bug.tried:
        return ["not tried on fresh calls"]
    count = f"{bug.tried:,}" if bug.held == bug.tried else f"{bug.held:,} of {bug.tried:,}"
    each = f", each condition tried on {bug.near_misses:,} or more" if bug.conditions and bug.near_misses else ""
    return [f"held on {count} fresh calls{each}"]


def _instead(bug: Bug) -> list[str]:
    said = [
        f"{name} may as well be {' or '.join(others)}"
        for name, others in zip(bug.conditions or (), bug.instead, strict=False)
        if others
    ]
    return ["the calls do not tell: " + ", ".join(said)] if said else []
