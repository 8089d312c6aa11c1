"""Why a backend fails: the known mistake that gives its answers, or what can be said without one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from .. import backends
from . import known, outcome, symptoms
from .cases import Case
from .checks import CHECKS
from .mistakes import MISTAKES, Mistake, by_name
from .observation import Observation, observe, room_of
from .outcome import Record
from .probes import Probe, probes
from .real_data import real_problem
from .runner import Subject, judge
from .shrinking import smallest

SECONDS = 5.0
_MOST_EXPLAINED = 4
_MOST_NAMED = 3

_RIGHT = Mistake("none", "", "", (), (), lambda: lambda _: None)


@dataclass
class Diagnosis:
    """`mistakes` do what the backend does on all probes, the likeliest first; `lines` say so, or what else is known."""

    mistakes: tuple[Mistake, ...] = ()
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass
class Diagnoses:
    """At most `most` of them, as each takes seconds: for each backend and operation, of the failure that comes first."""

    most: int = 8
    _made: dict[tuple[str, str], tuple[str, Diagnosis]] = field(default_factory=dict)

    def added(self, subject: Subject, record: Record) -> Record:
        """The record with its diagnosis or, where another has that, with a word on it."""
        if record.outcome not in (outcome.FAIL, outcome.REFUSED):
            return record
        key = subject.name, record.operation
        if key in self._made:
            case, first = self._made[key]
            if case == record.case:
                said = first.text
            else:
                said = f"on {case} it {first.lines[0]}"
        elif len(self._made) < self.most:
            self._made[key] = record.case, diagnose(subject, record)
            said = self._made[key][1].text
        else:
            return record
        return replace(record, diagnosis="\n".join(filter(None, [record.diagnosis, said])))


@dataclass(frozen=True, eq=False)
class _Seen:
    """A probe, and what the backend did with it."""

    probe: Probe
    observation: Observation
    dtype: str

    def like(self, mistake: Mistake, *, loosely: bool = False) -> bool:
        """Whether `mistake` does the same; loosely, as a kernel that rounds where a plain sum need not."""
        other = _observation_of(mistake.name, self.probe, self.dtype)
        return self.observation.alike(other, _room(self.probe, loosely))

    @property
    def right(self) -> bool:
        return self.like(_RIGHT)


def diagnose(subject: Subject, record: Record, seconds: float = SECONDS) -> Diagnosis:
    """What can be said of the failure that `record` tells of; takes about `seconds`."""
    until = time.monotonic() + seconds
    if subject.argument:  # afresh, as it may remember what it was asked
        subject = replace(subject, backend=backends.load(subject.argument))
    seen = _looked_at(subject, record, until)
    found = _matching(record.operation, seen)
    diagnosis = Diagnosis(found, _named(found, seen) if found else _unnamed(record.operation, seen, until))
    diagnosis.lines += _smallest(subject, record, max(until - time.monotonic(), 1.0))
    return diagnosis


def recognise(subject: Subject, record: Record) -> tuple[Mistake, ...]:
    """The known mistakes that do what the backend does, on the call that failed and on all probes."""
    return _matching(record.operation, _looked_at(subject, record))


def _looked_at(subject: Subject, record: Record, until: float = np.inf) -> list[_Seen]:
    """What it does with the probes and, last, with the call that failed."""
    return [*_seen(subject, probes(record.operation), until), *_seen(subject, [_failing_probe(record)])]


def _failing_probe(record: Record) -> Probe:
    case = Case.parse(record.case)
    kind = "integer"
    if record.check == "rounded":
        kind = real_problem(case, record.operation, record.seed).kind
    return Probe(record.operation, case, kind, record.seed)


def _seen(subject: Subject, asked: Sequence[Probe], until: float = np.inf) -> Iterator[_Seen]:
    """What the backend does with those probes that it claims to support."""
    declared = subject.capabilities
    for probe in asked:
        known_to_fail = known.find(subject.name, subject.version, subject.facts, probe.operation, probe.case)
        lack = declared.unsupported(probe.operation, probe.case)
        if time.monotonic() < until and lack is None and known_to_fail is None:
            dtype = declared.result_dtype(probe.case.dtype)
            yield _Seen(probe, observe(subject.backend, probe), dtype)


@lru_cache(50_000)
def _observation_of(name: str, probe: Probe, dtype: str) -> Observation:
    mistake = _RIGHT if name == _RIGHT.name else by_name(name)
    return observe(mistake.backend(), probe, dtype)


@lru_cache(1000)
def _room(probe: Probe, loosely: bool) -> np.ndarray | None:
    if probe.kind in ("integer", "columns-first", "backwards", "read-only") and not loosely:
        return None
    return room_of(probe, planewise=loosely)


def _matching(operation: str, seen: Sequence[_Seen]) -> tuple[Mistake, ...]:
    """The mistakes that do the same on all probes, and show on one of them."""
    for loosely in (False, True):
        if all(each.like(_RIGHT, loosely=loosely) for each in seen):
            return ()
        left = [mistake for mistake in MISTAKES if operation in mistake.operations]
        for each in seen[:-1]:
            left = [mistake for mistake in left if each.like(mistake, loosely=loosely)]
        # The last is the call that failed. A backend that remembers answered it from a past that no other has.
        kept = [mistake for mistake in left if seen[-1].like(mistake, loosely=loosely)]
        if all(each.like(_RIGHT, loosely=loosely) for each in seen[:-1]) or kept:
            left = kept
        if left:
            return tuple(left)
    return ()


def _named(found: Sequence[Mistake], seen: Sequence[_Seen]) -> list[str]:
    first, *others = found
    wrong = sum(not each.right for each in seen)
    lines = [f"matches *{first.name}*: {first.sentence}"]
    lines += [f"or *{other.name}*: {other.sentence}" for other in others[: _MOST_NAMED - 1]]
    lines.append(f"it does the same on {len(seen)} calls tried, {wrong} of which it gets wrong")
    if first.links:
        lines.append(f"made before: {', '.join(first.links)}")
    return lines


def _unnamed(operation: str, seen: Sequence[_Seen], until: float) -> list[str]:
    """What it resembles, where it comes, and the mistakes that explain a part."""
    lines = ["matches no known mistake"]
    failing = seen[-1]
    actual, expected = (failing.observation.answers[0], _expected(failing))
    if isinstance(actual, np.ndarray) and isinstance(expected, np.ndarray):
        resembles = symptoms.resemblance(actual, expected, operation == "conv2d_backprop_filter")
        lines += [f"the answer is {resembles}"] if resembles else []
    plain = [each for each in seen if each.probe.kind == "integer"]
    right = [each.probe.case for each in plain if each.right]
    wrong = [each for each in plain if not each.right]
    if wrong:
        lines.append(symptoms.where(right, [each.probe.case for each in wrong]))
        lines += _partly(operation, wrong[-_MOST_EXPLAINED:], until)
    return lines


def _expected(each: _Seen) -> object:
    return _observation_of(_RIGHT.name, each.probe, each.dtype).answers[0]


def _partly(operation: str, wrong: Sequence[_Seen], until: float) -> list[str]:
    """Which mistakes give some of the wrong answers: of several made at once, each may be alone on some cases."""
    explained: dict[str, list[_Seen]] = {}
    for mistake in MISTAKES:
        if operation in mistake.operations and time.monotonic() < until:
            alike = [each for each in wrong if each.like(mistake)]
            if alike:
                explained[mistake.name] = alike
    lines, left = [], list(wrong)
    while explained and left:
        name = max(explained, key=lambda name: sum(each in left for each in explained[name]))
        covered = [each for each in explained.pop(name) if each in left]
        if not covered:
            break
        left = [each for each in left if each not in covered]
        lines.append(
            f"on {len(covered)} of {len(wrong)} wrong answers looked at it does as *{name}*: {by_name(name).sentence}"
        )
    if lines:
        lines.append("so there may be several mistakes, or that one under a condition")
    return lines


def _smallest(subject: Subject, record: Record, seconds: float) -> list[str]:
    (check,) = (check for check in CHECKS if check.name == record.check)

    def fails(case: Case) -> bool:
        judged = judge(subject, case, record.operation, record.seed, checks=[check])
        return any(one.outcome in (outcome.FAIL, outcome.REFUSED) for one in judged)

    case = smallest(Case.parse(record.case), fails, seconds)
    lines = [f"smallest failing case found: {case}"]
    (there,) = _seen(subject, [Probe(record.operation, case, seed=record.seed)])
    actual, expected = there.observation.answers[0], _expected(there)
    if (
        check.name == "exact"
        and isinstance(actual, np.ndarray)
        and isinstance(expected, np.ndarray)
        and expected.size <= 8
    ):
        lines.append(f"    actual {_elements(actual)}, expected {_elements(expected)}")
    return lines


def _elements(array: np.ndarray) -> str:
    return f"[{', '.join(f'{value:g}' for value in array.ravel())}]"
