"""Judge a selection in several processes: in each, a judge that asks backends in processes of theirs."""

from __future__ import annotations

import contextlib
import heapq
import os
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count as count_from
from itertools import groupby
from operator import attrgetter

from ...cases.case import Case
from ..judge import failed_ourselves
from ..outcome import Record
from ..selection import Asked, Selection
from ..speed import patience_of
from ..subject import Subject
from . import numpy_threads, origins
from .asking import CALL_TIME_LIMIT
from .sent_records import received
from .worker import Died, Worker

_CALL = attrgetter("argument", "operation", "case")  # of a record
_NEVER = 1e9  # seconds: the judge itself limits each call
_AT_ONCE = 2  # cases for each judge: it works on one, and the next is prepared
_HEAD_START = 0.7  # seconds of the first judge: about what two processes without a framework take to start


class Judges:
    """The judges that are free. Each goes to the first of the cases that wait, whichever began to wait first.

    So a case that is prepared while all judges work waits for no case after it.
    """

    def __init__(self) -> None:
        self._free: list[Worker] = []
        self._waiting: list[int] = []
        self._changed = threading.Condition()

    def add(self, *judges: Worker) -> None:
        with self._changed:
            self._free += judges
            self._changed.notify_all()

    @contextlib.contextmanager
    def judge_of(self, number: int) -> Iterator[Worker]:
        """Wait until a judge is free for the case of this number. It is free again at the end."""
        with self._changed:
            heapq.heappush(self._waiting, number)
            self._changed.wait_for(lambda: self._free and self._waiting[0] == number)
            heapq.heappop(self._waiting)
            judge = self._free.pop(0)
            self._changed.notify_all()  # another judge may be free for the next case
        try:
            yield judge
        finally:
            self.add(judge)


def judge_isolated(
    selection: Selection, processes: int | None = None, time_limit: float = CALL_TIME_LIMIT
) -> Generator[tuple[Subject, list[Record]], None, None]:
    """Judge every call of a selection in processes of their own, and yield the same as `judge_here`.

    All subjects must have been loaded by name. A call that a backend dies of, or that takes longer than `time_limit`
    seconds, is `crashed`.
    """
    for subjects, cases in selection.groups:
        for together in _by_environment(subjects):
            yield from _judge_group(selection, together, cases, processes, time_limit)


def _by_environment(subjects: Sequence[Subject]) -> list[list[Subject]]:
    """Group the backends by environment. The frameworks of all environments at once would fill the memory."""
    groups: dict[str | None, list[Subject]] = {}
    for subject in subjects:
        groups.setdefault(subject.environment, []).append(subject)
    return list(groups.values())


def _judge_group(
    selection: Selection, subjects: Sequence[Subject], cases: Sequence[Case], processes: int | None, time_limit: float
) -> Iterator[tuple[Subject, list[Record]]]:
    free = Judges()
    named = {subject.argument or subject.name: subject for subject in subjects}
    names = list(named)
    count = min(processes or os.cpu_count() or 1, len(cases))
    environment = {**numpy_threads.shared_by(count), **origins.told()}
    patience = patience_of(time_limit, chosen=selection.fewest > 1)
    told = [str(time_limit), str(patience), *names]
    judges = [Worker("judge_process", told, environment=environment) for _ in range(count)]
    free.add(*judges[:1])
    # A short run is over before the others come. Their processes are started by their first call.
    later = threading.Timer(_HEAD_START, free.add, judges[1:])
    later.daemon = True
    later.start()

    def judged(number: int, case: Case) -> list[tuple[Subject, list[Record]]]:
        calls = list(selection.calls_on(case, subjects))
        described = [
            (asked.subject.argument or asked.subject.name, asked.operation, [check.name for check in asked.checks])
            for asked in calls
        ]
        try:
            with free.judge_of(number) as judge:
                answers = judge.ask("records", str(case), selection.seed, described, time_limit=_NEVER)
        except Died as died:  # of our own computing: a backend has another process
            return [(asked.subject, [_not_judged(asked, died)]) for asked in calls]
        found = []
        for asked, records in zip(calls, answers, strict=True):
            for (argument, *_), alike in groupby(received(records), key=_CALL):  # a late death may be another call's
                subject = named.get(argument, asked.subject)
                found.append((subject, [_named(record, subject.name) for record in alike]))
        return found

    # While each judge works on a case, another one is prepared, so that no judge waits.
    pool = ThreadPoolExecutor(_AT_ONCE * len(judges) or 1)
    try:
        for records_of_calls in pool.map(judged, count_from(), cases):
            yield from records_of_calls
    finally:
        later.cancel()
        pool.shutdown(wait=False, cancel_futures=True)
        for judge in judges:
            judge.close(for_good=True)


def _named(record: Record, name: str) -> Record:
    """Give the record the name by which the run tells its backend from others."""
    return record if record.backend == name else replace(record, backend=name)


def _not_judged(asked: Asked, died: Died) -> Record:
    check = asked.checks[0].name if asked.checks else ""
    return failed_ourselves(asked.subject.blank(asked.operation, str(asked.case), asked.seed, check), died)
