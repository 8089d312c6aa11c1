"""Judge a selection in several processes, which may die without taking the run along."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from ...cases.case import Case
from ..judge import crashed, judge, judge_call
from ..outcome import Record
from ..selection import Asked, Selection
from ..subject import Subject
from .worker import TIME_LIMIT, Died, Worker

TIME_LIMIT_OF_A_CALL = 10  # seconds, for all its checks

# Threads that spin while they wait for work take the processors from the other process: five times slower, measured.
_YIELDING = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}


def judge_isolated(selection: Selection, processes: int | None = None) -> Iterator[tuple[Subject, list[Record]]]:
    """Judge every call of a selection in processes of their own, and yield the same as `judge_here`.

    Each process has loaded all backends of a group. If one dies or hangs, the calls that it had been given are made
    again one by one, so that only those that it dies of are `crashed`. All subjects must have been loaded by name.
    """
    for subjects, cases in selection.groups:
        yield from _judge_group(selection, subjects, cases, processes)


def _judge_group(
    selection: Selection, subjects: Sequence[Subject], cases: Sequence[Case], processes: int | None
) -> Iterator[tuple[Subject, list[Record]]]:
    free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    names = [subject.argument or subject.name for subject in subjects]
    workers = [Worker(*names, environment=_YIELDING) for _ in range(min(processes or os.cpu_count() or 1, len(cases)))]
    for worker in workers:
        free.put(worker)

    def judged(case: Case) -> list[tuple[Subject, list[Record]]]:
        worker = free.get()
        try:
            calls = list(selection.calls_on(case, subjects))
            records = _judge_case(worker, case, calls, selection.seed)
            return [(call.subject, of_call) for call, of_call in zip(calls, records, strict=True)]
        finally:
            free.put(worker)

    pool = ThreadPoolExecutor(len(workers) or 1)
    try:
        for records_of_calls in pool.map(judged, cases):
            yield from records_of_calls
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.close(for_good=True)


def _judge_case(worker: Worker, case: Case, calls: Sequence[Asked], seed: int) -> list[list[Record]]:
    """The records of each call."""
    found: list[list[Record] | None] = []
    asked: list[Asked] = []
    for call in calls:
        if call.subject.capabilities.unsupported(call.operation, case) is not None:
            found.append(judge(call.subject, case, call.operation, seed, checks=call.checks))
        elif call.may_kill:  # in a process of its own, so that the others need not be asked again
            found.append(judge_call(call))
        else:
            found.append(None)
            asked.append(call)
    answered = iter(_ask(worker, case, asked, seed))
    return [next(answered) if records is None else records for records in found]


def _ask(worker: Worker, case: Case, calls: Sequence[Asked], seed: int) -> list[list[Record]]:
    if not calls:
        return []
    named = [
        (call.subject.argument or call.subject.name, call.operation, [check.name for check in call.checks])
        for call in calls
    ]
    try:
        time_limit = TIME_LIMIT + TIME_LIMIT_OF_A_CALL * len(calls)
        answers = worker.ask("records", str(case), seed, named, time_limit=time_limit)
    except Died as died:
        if len(calls) > 1:
            return [_ask(worker, case, [call], seed)[0] for call in calls]
        return [crashed(calls[0], died)]
    return [[Record(**fields) for fields in records] for records in answers]
