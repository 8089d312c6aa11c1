"""Find the known mistakes that do what a backend does."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np

from ..cases.case import Case
from ..mistakes import MISTAKES, NO_MISTAKE, Mistake
from ..run import known, outcome
from ..run.judge import judge
from ..run.outcome import Record
from ..run.subject import Subject
from ..verdicts.checks import TWO_THREADS
from ..verdicts.real_data import KINDS
from .observation import Observation, observe, room_of
from .probes import Probe


@dataclass(frozen=True, eq=False)
class Seen:
    """A probe and what the backend did with it."""

    probe: Probe
    observation: Observation
    dtype: str

    def like(self, mistake: Mistake, *, loosely: bool = False) -> bool:
        """True if `mistake` does the same; loosely, also if only the rounding differs, as in an FFT."""
        other = _observation_of(mistake, self.probe, self.dtype)
        return self.observation.alike(other, _room(self.probe, loosely))

    def shows(self, mistake: Mistake, *, loosely: bool = False) -> bool:
        """True if the backend is wrong here and `mistake` gives the same wrong answer."""
        other = _observation_of(mistake, self.probe, self.dtype)
        return other.answered and not self.right(loosely=loosely) and self.like(mistake, loosely=loosely)

    def right(self, *, loosely: bool = False) -> bool:
        return self.like(NO_MISTAKE, loosely=loosely)

    @property
    def is_empty(self) -> bool:
        """True if the answer has no elements."""
        return isinstance(self.answer, np.ndarray) and not self.answer.size

    @property
    def answer(self) -> object:
        return self.observation.answers[0]

    @property
    def expected(self) -> object:
        return _observation_of(NO_MISTAKE, self.probe, self.dtype).answers[0]


def see(subject: Subject, probe: Probe, *, once: bool = False) -> Seen:
    """See what the backend does with a probe; `once` makes one call, which shows no memory of earlier ones."""
    dtype = subject.capabilities.result_dtype(probe.case.dtype)
    return Seen(probe, observe(subject.backend, probe, pure=once), dtype)


def does(mistake: Mistake, probe: Probe) -> bool:
    """True if the mistake changes the answer to this probe."""
    made = _observation_of(mistake, probe, probe.case.dtype)
    return made.answered and not made.alike(_observation_of(NO_MISTAKE, probe, probe.case.dtype), None)


def look(subject: Subject, probes: Iterable[Probe], until: float = np.inf) -> Iterator[Seen]:
    """Yield what the backend does with the probes, until the time `until`.

    Probes that it does not claim to support, or is known to fail, are left out.
    """
    for probe in probes:
        supported = subject.capabilities.supports(probe.operation, probe.case)
        expected = known.expected(subject, probe.operation, probe.case)
        if supported and not expected and time.monotonic() < until:
            yield see(subject, probe)


def matching(operation: str, seen: Sequence[Seen]) -> list[Mistake]:
    """Return the mistakes that do the same on all plain probes, on as many others as possible, and show on one.

    The last of `seen` is the call that failed.
    """
    for loosely in (False, True):
        wrong = [each for each in seen if not each.right(loosely=loosely)]
        left = _of(operation) if wrong else []
        for each in sorted(seen[:-1], key=lambda each: not each.probe.plain):
            alike = [mistake for mistake in left if each.like(mistake, loosely=loosely)]
            left = alike if alike or each.probe.plain else left
        left = [mistake for mistake in left if any(each.shows(mistake, loosely=loosely) for each in wrong)]
        alike = [mistake for mistake in left if seen[-1].like(mistake, loosely=loosely)]
        # A backend that remembers calls answered the failing one from a past that cannot be repeated. It is now right
        # there, or wrong on plain probes too; if not, another mistake made that call fail.
        elsewhere = seen[-1].right() or any(each.probe.plain and each is not seen[-1] for each in wrong)
        if alike or (left and elsewhere):
            return alike or left
    return []


# Without padding, a stride or leftover, so that plans with too few keys differ.
_PLAIN = "n2_h7w8c2_k3x2o3"


def matching_by_checks(subject: Subject, record: Record) -> list[Mistake]:
    """Return the mistakes of state and memory that fail the same checks as a fresh subject, the likest first.

    One call does not show these mistakes, so the probes do not either.
    """
    own = {call: _failed(subject, *call) for call in _calls(record)}
    alike = []
    for mistake in _of(record.operation) if any(own.values()) else []:
        # After the first call that tells the two apart, no other is made.
        if mistake.family == "state" and all(
            _steady(_failed_by(mistake, *call)) == _steady(failed) for call, failed in own.items()
        ):
            other = {call: _failed_by(mistake, *call) for call in own}
            alike.append((other != own, mistake))
    return [mistake for _, mistake in sorted(alike, key=lambda each: each[0])]


def _calls(record: Record) -> list[tuple[str, str, int]]:
    """A plain call, and the one of the record: the case, the operation and the seed."""
    return [(spec, record.operation, record.seed) for spec in (_PLAIN, record.case)]


def _failed(subject: Subject, spec: str, operation: str, seed: int) -> dict[str, str | None]:
    """The checks that fail on the call, each with what it says."""
    judged = judge(subject.fresh() or subject, Case.parse(spec), operation, seed)
    return {each.check: each.message for each in judged if each.outcome in outcome.UNEXPECTED}


@lru_cache(256)  # a run has several diagnoses, and each asks for all mistakes of state on the plain call
def _failed_by(mistake: Mistake, *call: Any) -> dict[str, str | None]:
    return _failed(Subject.of(mistake.backend(), remake=mistake.backend), *call)


def _steady(failed: dict[str, str | None]) -> set[str]:
    """The checks that fail each time: threads may also meet too late to show a mistake."""
    return set(failed) - {TWO_THREADS} or set(failed)


def matching_sometimes(operation: str, seen: Sequence[Seen], near: Iterable[Seen]) -> list[Mistake]:
    """Return the mistakes that do the same wherever the backend is wrong, if that is on several plain probes.

    One of these is the last of `seen`, the call that failed, unless that is right alone. `near` are further calls, next
    to the smallest case that fails. They part mistakes that give the same answers to `seen`, and are made only if some
    mistakes are left. An answer without elements, where there should be some, tells nothing: no mistake gives it.
    """
    wrong, left = list[Seen](), _of(operation)
    for each in chain(seen, near):
        if each.probe.plain and not each.right() and not each.is_empty:
            wrong.append(each)
            left = [mistake for mistake in left if each.like(mistake)]
            if not left:
                return []
    left = left if seen[-1].right() else [mistake for mistake in left if seen[-1].shows(mistake)]
    return [mistake for mistake in left if sum(each.shows(mistake) for each in wrong) > 1]


def matching_in_part(operation: str, wrong: Sequence[Seen], until: float) -> list[tuple[Mistake, int]]:
    """Return mistakes that do the same on some of `wrong`, each with how many it explains that no earlier one does."""
    explained = {
        mistake: set(alike)
        for mistake in _of(operation)
        if time.monotonic() < until and (alike := [each for each in wrong if each.shows(mistake)])
    }
    found, left = [], set(wrong)
    while explained:
        best = max(explained, key=lambda mistake: len(explained[mistake] & left))
        covered = explained.pop(best) & left
        if not covered:
            break
        left -= covered
        found.append((best, len(covered)))
    return found


def _of(operation: str) -> list[Mistake]:
    return [mistake for mistake in MISTAKES if operation in mistake.operations]


@lru_cache(50_000)
def _observation_of(mistake: Mistake, probe: Probe, dtype: str) -> Observation:
    return observe(mistake.backend(), probe, dtype, pure=mistake.pure)


@lru_cache(1000)
def _room(probe: Probe, loosely: bool) -> np.ndarray | None:
    return room_of(probe, planewise=loosely) if loosely or probe.kind in KINDS else None
