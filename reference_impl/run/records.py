"""The records of a run: every call of a selection judged, and each expected failure marked as such."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .judge import judge_here
from .known import Watch
from .outcome import Record
from .processes.pool import judge_isolated
from .processes.remote import CALL_TIME_LIMIT
from .selection import Selection
from .whole_backend import judge_whole_backend, not_loaded


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
        processor. Checks on whole backends always have processes of their own.
    time_limit : seconds for one call of a backend in a process of its own
    advance : called after each call
    """
    watch = Watch()
    yield from (not_loaded(name, error, selection.seed) for name, error in selection.errors.items())
    for subject in selection.asked_as_a_whole:
        for record in judge_whole_backend(selection.whole, subject, selection.operations, selection.seed):
            yield from watch.marked([record], subject)
    calls = judge_here(selection) if processes == 0 else judge_isolated(selection, processes, time_limit)
    for subject, records in calls:
        yield from watch.marked(records, subject)
        advance()
    yield from watch.fixed()
