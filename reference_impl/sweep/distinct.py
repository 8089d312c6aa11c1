"""The failures in a store as distinct bugs: grouped, tried on fresh calls, and counted on the calls of the sweep."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..bugs import PASSED, Bug, JudgedCall, distinct_bugs
from ..bugs.table import Table
from ..cases.case import Case
from ..operations import OPERATIONS
from ..run.processes.worker import Died, Raised
from ..run.subject import Subject
from ..run.sweep.judging import Failure, judge_chunk
from ..run.sweep.scope import Scope
from ..run.sweep.store import Store

# The most calls of the store from which conditions are learned, and the most on which they are counted.
MOST_FAILURES, MOST_PASSES, MOST_COUNTED = 6_000, 20_000, 400_000
# The most calls for the number that is shown while a sweep runs.
_MOST_SHOWN, _MOST_CHUNKS = 500, 40
# The most fresh calls for each group of failures, and the seconds for all. A call that hangs takes its limit.
_MOST_ASKED, _SECONDS = 400, 120.0


@dataclass
class Found:
    """The distinct bugs of a store.

    Parameters
    ----------
    calls : the calls of the sweep on which the bugs are counted; fewer than `judged` if they were too many to count
    judged : the calls of the sweep that passed or failed unexpectedly
    failed : the calls that failed unexpectedly
    learned : the failures, and the right answers, from which the conditions were learned
    only_fresh : the bugs that fresh calls alone showed. They are counted on the calls they were learned from
    """

    bugs: list[Bug] = field(default_factory=list)
    calls: int = 0
    judged: int = 0
    failed: int = 0
    learned: tuple[int, int] = (0, 0)
    only_fresh: list[Bug] = field(default_factory=list)

    @property
    def sample(self) -> str | None:
        """Say from how many calls the conditions were learned; None if from all."""
        failures, passes = self.learned
        passed = self.judged - self.failed
        if (failures, passes) == (self.failed, passed):
            return None
        right = f"{passes:,} of {passed:,} right answers"
        return f"the conditions were learned from {failures:,} of {self.failed:,} failures and {right}, drawn evenly"


class Swept:
    """The calls of a store by one backend after another. Calls that passed are not stored: they are made again.

    `subjects` are the backends, by the argument that loads them.
    """

    def __init__(self, store: Store, scope: Scope, subjects: Mapping[str, Subject]) -> None:
        self.store, self.scope, self.subjects = store, scope, subjects

    def failures(self, most: int | None = None) -> list[JudgedCall]:
        """Return the unexpected failures, or `most` of them that are drawn evenly, always the same."""
        calls = [
            told(failure.call, subject)
            for argument, subject in self.subjects.items()
            for _, failure in self.store.failures(argument)
            if failure.known is None
        ]
        return calls if most is None or len(calls) <= most else random.Random(0).sample(calls, most)

    def failure(self, call: JudgedCall, subject: Subject) -> Failure | None:
        """Return what the store has of a failing call; None if it is a fresh one."""
        failures = self.store.failures(subject.argument or subject.name)
        same = (one for _, one in failures if (one.call.operation, one.call.case) == (call.operation, call.case))
        return next(same, None)

    def passes(self, most: int, chunks: int | None = None) -> list[JudgedCall]:
        """Return the calls that passed, or about `most` of them, drawn evenly, always the same.

        With `chunks`, they are drawn from so many chunks of each backend alone, which is faster.
        """
        some = {name: self._some_done(name, chunks) for name in self.subjects}
        total = sum(self.store.totals(name).passed * of_all for name, (_, of_all) in some.items())
        share = min(most / max(total, 1), 1.0)
        return [call for name, (numbers, _) in some.items() for call in self._passed(name, numbers, share)]

    def _some_done(self, argument: str, most: int | None) -> tuple[list[int], float]:
        """Return the numbers of some chunks that are done, and their share of all that are."""
        done = sorted(self.store.done(argument))
        some = done if most is None or len(done) <= most else sorted(random.Random(0).sample(done, most))
        return some, len(some) / max(len(done), 1)

    def _passed(self, argument: str, numbers: Sequence[int], share: float) -> Iterator[JudgedCall]:
        subject, dtype = self.subjects[argument], self.store.sweep.dtype
        failed: dict[int, set[tuple[str, Case]]] = {}
        for number, failure in self.store.failures(argument):
            failed.setdefault(number, set()).add((failure.call.operation, failure.call.case))
        for number in numbers:
            if self.store.has_gaps(argument, number):  # nobody knows which of its calls were asked
                continue
            chosen = random.Random(f"{argument} {number}")
            drawn = [
                (operation, case.with_dtype(dtype or case.dtype))
                for operation, case in self.scope.chunk(number)
                if share == 1.0 or chosen.random() < share
            ]
            right = [one for one in drawn if one not in failed.get(number, ())]
            offered = {
                operation: set(
                    subject.capabilities.supported(operation, [case for word, case in right if word == operation])
                )
                for operation in OPERATIONS
            }
            for operation, case in right:
                if case in offered[operation]:
                    yield told(JudgedCall(subject.route, operation, case, PASSED), subject)

    def ask(self, seed: int, time_limit: float) -> _Ask:
        return _Ask(self.subjects.values(), seed, time_limit)


class _Ask:
    """Makes fresh calls, for a limited time."""

    def __init__(self, subjects: Iterable[Subject], seed: int, time_limit: float) -> None:
        self._subjects = {_place(told(_call_of(subject), subject)): subject for subject in subjects}
        self._seed, self._time_limit = seed, time_limit
        self._until = time.monotonic() + _SECONDS

    def __call__(self, call: JudgedCall) -> JudgedCall | None:
        """Judge a fresh call. None if the backend does not offer it, or if the time is over."""
        subject = self._subjects.get(_place(call))
        if subject is None or call.check or time.monotonic() > self._until:
            return None
        try:
            (result,) = judge_chunk(
                [subject], [(call.operation, call.case)], seed=self._seed, time_limit=self._time_limit
            )
        except (Died, Raised):
            return None
        if result.passed:
            return replace(call, outcome=PASSED)
        return replace(call, outcome=result.failures[0].call.outcome) if result.failures else None


def told(call: JudgedCall, subject: Subject) -> JudgedCall:
    """Return a call under the name of its framework, with the route and the environment beside it.

    So the routes and environments of a framework are grouped together, and can be conditions. The implementation
    cannot, as it is known of failures alone.
    """
    backend, _, route = subject.route.partition(":") if subject.adapter else (subject.route, "", "")
    environment = subject.environment or ""
    return replace(call, backend=backend, route=route, environment=environment, implementation=None)


def _call_of(subject: Subject) -> JudgedCall:
    return JudgedCall(subject.route, OPERATIONS[0], Case.parse("n1_h1w1c1_k1x1o1"))


def _place(call: JudgedCall) -> tuple[str, str, str]:
    return call.backend, call.route, call.environment


def found(swept: Swept, *, ask: bool = True, time_limit: float = 10.0) -> Found:
    """Group all unexpected failures of a store into distinct bugs.

    With `ask`, the conditions are tried on fresh calls.
    """
    failures = swept.failures()
    totals = [swept.store.totals(argument) for argument in swept.subjects]
    judged = sum(one.passed + one.failed for one in totals)
    if not failures:
        return Found(judged=judged)
    checks = {call.check for call in failures}
    some_failures, some_passes = swept.failures(MOST_FAILURES), swept.passes(MOST_PASSES)
    learned = [*some_failures, *_under(checks, some_passes)]
    asked = swept.ask(swept.store.sweep.seed, time_limit) if ask else None
    bugs = distinct_bugs(learned, ask=asked, most_asked=_MOST_ASKED)
    calls = [*failures, *_under(checks, swept.passes(MOST_COUNTED))]
    sizes = len(some_failures), len(some_passes)
    counted = _counted(bugs, calls)
    only_fresh = [
        after for before, after in zip(bugs, counted, strict=True) if after is before and before.rule is not None
    ]
    return Found(counted, len(calls), judged, len(failures), sizes, only_fresh)


def _under(checks: Collection[str], passes: Sequence[JudgedCall]) -> list[JudgedCall]:
    """Return calls that passed, once for each check that others failed: they passed all of them."""
    return [replace(call, check=check) for check in checks for call in passes]


def _counted(bugs: Sequence[Bug], calls: Sequence[JudgedCall]) -> list[Bug]:
    """Count the failures and passes of each bug on the calls of the sweep, most of which it was not learned from.

    A bug stays as it is if no call of the sweep fails so: fresh calls showed it, or there are too few failures.
    """
    table = Table.of(calls)
    outcomes = np.array([call.outcome for call in calls], object)
    groups = np.array([f"{call.backend} {call.check}" for call in calls], object)
    mine = {id(bug): groups == f"{bug.backend} {bug.check}" for bug in bugs}
    within = {id(bug): np.array(bug.holds(calls), bool) & mine[id(bug)] for bug in bugs}
    counted = []
    for bug in bugs:
        failed, passed = outcomes == bug.kind, outcomes == PASSED
        inside = within[id(bug)]
        rows = np.flatnonzero(inside & failed)
        if not len(rows):
            counted.append(bug)
            continue
        outside = mine[id(bug)] & ~np.logical_or.reduce([within[id(other)] & mine[id(bug)] for other in bugs])
        counted.append(
            replace(
                bug,
                smallest=calls[rows[np.argmin(table.sizes()[rows])]],
                failures=int((inside & failed).sum()),
                calls=int((inside & (failed | passed)).sum()),
                right=int((outside & passed).sum()),
                elsewhere=int(outside.sum()),
            )
        )
    return counted


class BugsSoFar:
    """The number of distinct bugs while a sweep runs: counted anew, from a few calls, when there are new failures.

    Counting takes a twentieth of the time at most.
    """

    def __init__(self, swept: Swept) -> None:
        self._swept = swept
        self.number = 0
        self._known = 0
        self._next = 0.0

    def add(self, failures: int) -> None:
        """Count anew if there are this many failures now, more than before."""
        begun = time.monotonic()
        if failures == self._known or begun < self._next:
            return
        calls = [*self._swept.failures(_MOST_SHOWN), *self._swept.passes(_MOST_SHOWN, _MOST_CHUNKS)]
        self.number, self._known = len(distinct_bugs(calls)), failures
        self._next = time.monotonic() + 20 * (time.monotonic() - begun)


def known_failures(swept: Swept) -> Counter[str]:
    """Count the failures that known_failures/ expects, by what it says of them."""
    return Counter(
        failure.known
        for argument in swept.subjects
        for _, failure in swept.store.failures(argument)
        if failure.known is not None
    )
