"""The records of a run: every call of a selection judged, and each expected failure marked as such."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice

from .judge import failed_ourselves, judge_here
from .known import Watch, is_deadly
from .outcome import CRASHED, REFUSED, Record
from .processes.asking import CALL_TIME_LIMIT
from .processes.pool import judge_isolated
from .processes.worker import Died, Raised
from .selection import Selection
from .subject import Subject, process_of
from .whole_backend import STEADY_CASE, judge_whole_backend, not_loaded


def records_of(
    selection: Selection,
    *,
    processes: int | None = 0,
    time_limit: float = CALL_TIME_LIMIT,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[Record]:
    """Run a selection.

    Parameters
    ----------
    processes : run backends in this many processes of their own, which may die; 0: in this one; None: one for each
        processor. Checks on whole backends always have processes of their own. They run beside the calls, one backend
        at a time; without calls, so many at once as there are processes.
    time_limit : seconds for one call of a backend in a process of its own
    advance : called after each call
    """
    watch = Watch()
    yield from (not_loaded(name, error, selection.seed) for name, error in selection.errors.items())
    isolated = processes != 0
    calls = judge_isolated(selection, processes, time_limit) if isolated else judge_here(selection)
    at_once = 1 if selection.cases else processes or os.cpu_count() or 1
    with contextlib.closing(calls), _whole_backends_begun(selection, at_once) as of_whole_backends:
        # The first answer starts the judges. They go on meanwhile, as a backend alone rarely fills all processors.
        first = list(islice(calls, 1)) if isolated else []
        for subject, record in of_whole_backends:
            yield from watch.marked([record], subject)
        for subject, records in chain(first, calls):
            yield from watch.marked(records, subject)
            advance()
    yield from watch.fixed()


@contextlib.contextmanager
def _whole_backends_begun(selection: Selection, threads: int) -> Iterator[Iterator[tuple[Subject, Record]]]:
    """Begin to judge backends as a whole, so many at once, and give the records. Those that share a process wait."""
    groups: dict[str, list[Subject]] = {}
    for subject in selection.asked_as_a_whole:
        groups.setdefault(process_of(subject.argument or subject.name), []).append(subject)
    found: dict[str, queue.SimpleQueue[tuple[Subject, Record] | None]] = {name: queue.SimpleQueue() for name in groups}
    waiting = deque(groups)

    def work() -> None:
        with contextlib.suppress(IndexError):  # none is left
            while name := waiting.popleft():
                try:
                    for subject in groups[name]:
                        for record in _of_whole_backend(selection, subject):
                            found[name].put((subject, record))
                finally:
                    found[name].put(None)

    for _ in range(min(threads, len(groups))):
        threading.Thread(target=work, daemon=True).start()  # a run that is interrupted does not wait for it
    try:
        yield (one for name in groups for one in iter(found[name].get, None))
    finally:
        waiting.clear()


def _of_whole_backend(selection: Selection, subject: Subject) -> Iterator[Record]:
    names = selection.whole_of(subject)
    blank = subject.blank(selection.operations[0], str(STEADY_CASE), selection.seed, names[-1])
    try:
        yield from judge_whole_backend(names, subject, selection.operations, selection.seed, is_deadly)
    except Died as died:
        yield replace(blank, outcome=CRASHED, message=str(died))
    except Raised as error:
        yield replace(blank, outcome=REFUSED, message=str(error))
    except Exception as error:
        yield failed_ourselves(blank, error)
