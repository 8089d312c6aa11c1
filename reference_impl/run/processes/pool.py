"""Runs checks x cases x backends in several processes, which may die without taking the run along."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ...cases.case import Case
from ...operations import OPERATIONS
from ...verdicts.checks import Check
from .. import known, outcome
from ..outcome import Record
from ..runner import Subject, calls_of, crashed, judge
from .worker import TIME_LIMIT, Died, Worker

TIME_LIMIT_OF_A_CALL = 10  # seconds, for all its checks

# Threads that spin while they wait for work take the processors from the other process: five times slower, measured.
_YIELDING = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}

_Call = tuple[Subject, str, list[Check]]


def judge_isolated(
    subjects: Sequence[Subject],
    cases: Sequence[Case],
    operations: Sequence[str] = OPERATIONS,
    seed: int = 0,
    *,
    full: bool = False,
    only: Collection[str] = (),
    processes: int | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[Record]:
    """The records of `judge_all`, in the order of the cases; each process has loaded all backends.

    Where one dies or hangs, the calls that it had been given are made again one by one, so that only those that it
    dies of are `crashed`. All subjects must have been loaded by name.
    """
    workers: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    names = [subject.argument or subject.name for subject in subjects]
    every = [Worker(*names, environment=_YIELDING) for _ in range(min(processes or os.cpu_count() or 1, len(cases)))]
    for worker in every:
        workers.put(worker)

    def judged(case: Case) -> list[list[Record]]:
        worker = workers.get()
        try:
            return _judge_case(
                worker, case, list(calls_of(subjects, case, operations, seed, full=full, only=only)), seed
            )
        finally:
            workers.put(worker)

    pool = ThreadPoolExecutor(len(every) or 1)
    try:
        for records_of_calls in pool.map(judged, cases):
            for records in records_of_calls:
                yield from records
                advance()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in every:
            worker.close(for_good=True)


def _judge_case(worker: Worker, case: Case, calls: Sequence[_Call], seed: int) -> list[list[Record]]:
    """The records of each call."""
    found: list[list[Record] | None] = []
    asked: list[_Call] = []
    for subject, operation, checks in calls:
        entry = known.find(subject.name, subject.version, subject.facts, operation, case)
        lacks = subject.capabilities.unsupported(operation, case) is not None
        if lacks or (entry is not None and entry.outcome == outcome.CRASHED):
            found.append(judge(subject, case, operation, seed, checks=checks))
        else:
            found.append(None)
            asked.append((subject, operation, checks))
    answered = iter(_ask(worker, case, asked, seed))
    return [next(answered) if records is None else records for records in found]


def _ask(worker: Worker, case: Case, calls: Sequence[_Call], seed: int) -> list[list[Record]]:
    if not calls:
        return []
    named = [
        (subject.argument or subject.name, operation, [check.name for check in checks])
        for subject, operation, checks in calls
    ]
    try:
        time_limit = TIME_LIMIT + TIME_LIMIT_OF_A_CALL * len(calls)
        answers = worker.ask("records", str(case), seed, named, time_limit=time_limit)
    except Died as died:
        if len(calls) > 1:
            return [_ask(worker, case, [call], seed)[0] for call in calls]
        ((subject, operation, _),) = calls
        judged = [crashed(subject.blank(operation, str(case), seed), named[0][2], died)]
    else:
        judged = [[Record(**fields) for fields in records] for records in answers]
    return list(map(partial(_as_known, case), calls, judged))


def _as_known(case: Case, call: _Call, records: list[Record]) -> list[Record]:
    subject, operation, _ = call
    entry = known.find(subject.name, subject.version, subject.facts, operation, case)
    return records if entry is None else known.expecting(entry, records)
