"""Ask a backend the calls of a chunk in one batch, and go on after each that its process dies of.

The process says which call it is at, so a death costs one fresh child and, while there are few, another to see if the
call kills that one too. Nothing is searched by halves but a death that does not come back, and few of these.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ...bugs.judged_call import CRASH, HANG
from .. import known
from ..judge import KEEPS_TO_ITS_MEMORY
from ..processes.batches import ANSWERED, BEGUN, ENDED, LACKS, OTHER_ANSWER, RAISED, WAITING
from ..processes.late_deaths import Journal
from ..processes.requests import Request
from ..processes.worker import Died, Hung
from ..subject import Subject
from .preparing import Prepared

# Deaths of a chunk that are looked at in a child of their own; and those of a sweep.
MOST_REPLAYED, MOST_REPLAYED_IN_ALL = 16, 400
# Calls that are known to kill the process, or to damage its memory, and share one while all of their answers are right.
TOGETHER = 16
# So many of them in a chunk are asked alone, while there were few in the sweep, and later. The others are not asked.
MOST_DEADLY, MOST_DEADLY_IN_ALL, MOST_DEADLY_LATER = 256, 1_000, 8
# Calls that may hang for the whole time, in a chunk and in a sweep. Later ones get a short time, and no verdict.
MOST_HUNG, MOST_HUNG_IN_ALL, SHORT = 3, 24, 0.25
# So many short waits in a chunk; the calls after them are not asked.
MOST_SHORT = 40
# The process may end in between calls so often without any call being made.
_MOST_STARTS = 5


@dataclass
class Troubles:
    """The deaths and hangs of a backend so far."""

    replayed: int = 0
    late: int = 0
    hung: int = 0
    deadly: int = 0


@dataclass
class Answers:
    """The answers to a batch, copied from shared memory.

    Parameters
    ----------
    states : of each call, as in `processes.batches`
    values : all answers, one after the other
    deaths : (place, kind, check, message) of each call that the process died of
    unasked : the reason, by place, for each call without a verdict
    """

    states: np.ndarray
    values: np.ndarray
    seconds: np.ndarray
    notes: np.ndarray
    lines: list[Any]
    deaths: list[tuple[int, str, str, str]] = field(default_factory=list)
    unasked: dict[int, str] = field(default_factory=dict)

    def told(self, place: int) -> Any:
        """The text that the process wrote of a call; None if there was no room."""
        number = int(self.notes[place])
        return self.lines[number] if 0 <= number < len(self.lines) else None


class Asking:
    """Asks one backend the calls of one dtype."""

    def __init__(self, subject: Subject, calls: Prepared, result_dtype: str, time_limit: float) -> None:
        self.subject, self.calls, self.time_limit = subject, calls, time_limit
        self.process, self.name = subject.backend.process, subject.backend.argument
        self.result_dtype, self.places = result_dtype, calls.places(result_dtype)
        self.view = self.process.place_batch(self.places)
        self.troubles: Troubles = self.process.troubles.setdefault(self.name, Troubles())
        self.deaths: list[tuple[int, str, str, str]] = []
        self.unasked: dict[int, str] = {}
        self._hung = self._short = self._replayed = self._alone = 0
        self._since: int | None = None
        """The first call that this child was asked; None if it is older than the batch."""

    def ask(self) -> Answers:
        """Make all calls; those that are known to kill the process, or to damage its memory, last."""
        view = self.view
        view.rows[:] = self.calls.rows
        view.arguments[:] = self.calls.arguments
        view.states[:], view.notes[:], view.seconds[:], view.used[0] = WAITING, -1, 0.0, 0
        view.answers.view(np.uint8)[:] = 0
        deadly = self.deadly
        view.states[deadly] = ENDED
        self._make(0, len(view.states))
        for start in range(0, len(deadly), TOGETHER):
            self._make_deadly(deadly[start : start + TOGETHER])
        return Answers(
            view.states.copy(),
            view.answers.copy(),
            view.seconds.copy(),
            view.notes.copy(),
            view.told(),
            self.deaths,
            self.unasked,
        )

    def again(self, places: list[int], times: int) -> dict[int, list[bool]]:
        """Make some calls again. Return for each if the further answers have the bits of the first."""
        view = self.view
        spans = {place: self._span(place) for place in places}
        first = {place: view.answers[span].tobytes() for place, span in spans.items()}
        found: dict[int, list[bool]] = {place: [] for place in places}
        for _ in range(times):
            view.states[places] = WAITING
            self._make(0, len(view.states))
            for place, span in spans.items():
                found[place].append(view.states[place] == ANSWERED and view.answers[span].tobytes() == first[place])
        return found

    @cached_property
    def deadly(self) -> list[int]:
        """The calls that are known to kill the process, or to damage its memory."""
        return [
            place
            for place, (operation, case) in enumerate(self.calls.configurations)
            if known.is_deadly(self.subject, operation, case)
        ]

    def _make_deadly(self, places: list[int]) -> None:
        """Make calls that are known to kill the process, or to damage its memory, each in a process of its own.

        Most survive, so they are made together first. That counts if all answers are right.
        """
        if self._are_right_together(places):
            return
        most = MOST_DEADLY if self.troubles.deadly < MOST_DEADLY_IN_ALL else MOST_DEADLY_LATER
        for number, place in enumerate(places):
            if self._alone >= most:
                self._leave(places[number:], f"known to kill the process; {most} in a chunk are asked alone")
                break
            self._alone += 1
            self.troubles.deadly += 1
            self.view.states[place] = WAITING
            self._make(place, place + 1)
            if self.view.states[place] != ENDED:
                self.process.renew()

    def _are_right_together(self, places: list[int]) -> bool:
        """Make calls in one process, and end it. Return True if all are answered rightly, or declared as a lack."""
        view = self.view
        view.states[places] = WAITING
        try:
            self.process.make_batch(self.name, self.places, view, places[0], places[-1] + 1, self._limit)
        except Died:
            view.states[places] = ENDED
            return False
        self.process.renew()
        right = all(
            view.states[place] == LACKS or (view.states[place] == ANSWERED and self._is_right(place))
            for place in places
        )
        if not right:
            view.states[places] = ENDED
        return right

    def _is_right(self, place: int) -> bool:
        span = self._span(place)
        return self.view.answers[span].tobytes() == self.calls.expected(self.result_dtype)[span].tobytes()

    def _span(self, place: int) -> slice:
        """The part of all answers that is the answer to a call."""
        starts = self.calls.starts
        return slice(starts[place], starts[place + 1] if place + 1 < len(starts) else len(self.view.answers))

    def _make(self, first: int, last: int) -> None:
        """Make the calls from `first` on, before `last`, that are waiting. Go on after each death."""
        view, starts = self.view, 0
        while (waiting := first + np.flatnonzero(view.states[first:last] == WAITING)).size:
            if self._short >= MOST_SHORT:
                self._leave(waiting.tolist(), f"{self._short} calls before it gave no answer within {self._limit:g} s")
                return
            limit = self._limit
            try:
                self.process.make_batch(self.name, self.places, view, first, last, limit)
                return
            except Died as died:
                begun = np.flatnonzero(view.states == BEGUN)
                if begun.size:
                    starts = 0
                    self._died(int(begun[0]), died, limit)
                    continue
                starts += 1
                if starts > _MOST_STARTS:
                    raise

    @property
    def _limit(self) -> float:
        """Seconds that a call may take."""
        if not self._waits_briefly:
            return self.time_limit
        return min(self.time_limit, max(SHORT, 10 * float(self.view.seconds.max(initial=0))))

    @property
    def _waits_briefly(self) -> bool:
        """True after so many hangs that a call without an answer gets no verdict."""
        return self._hung >= MOST_HUNG or self.troubles.hung >= MOST_HUNG_IN_ALL

    def _leave(self, places: list[int], reason: str) -> None:
        self.view.states[places] = ENDED
        self.unasked.update(dict.fromkeys(places, reason))

    def _died(self, place: int, died: Died, limit: float) -> None:
        """Tell a hang from a death, and a death of this call from one that an earlier call caused."""
        self.view.states[place] = ENDED
        since, self._since = self._since, place + 1
        if isinstance(died, Hung) or died.signal == signal.SIGALRM:
            if self._waits_briefly:
                self._short += 1
                self._leave([place], f"no answer within {limit:g} s, after other calls hung for {self.time_limit:g} s")
                return
            self._hung += 1
            self.troubles.hung += 1
            self.deaths.append((place, HANG, "", f"no answer within {limit:g} s"))
            return
        if place in self.deadly:
            self.deaths.append((place, CRASH, "", str(died)))
            return
        if self._replayed >= MOST_REPLAYED or self.troubles.replayed >= MOST_REPLAYED_IN_ALL:
            if self.troubles.late:
                self._leave([place], "the process died in it, maybe of an earlier call")
            else:
                self.deaths.append((place, CRASH, "", f"{died} (not asked again, as many died before)"))
            return
        self._replayed += 1
        self.troubles.replayed += 1
        if self._lives(place):
            if died.signal is not None:  # else it was ended from outside
                self._late(place, died, since)
        else:
            self.deaths.append((place, CRASH, "", str(died)))

    def _lives(self, place: int) -> bool:
        """Make a call that the process died of again, alone. Return True if it comes back."""
        self.view.states[place], self._since = WAITING, place
        try:
            self.process.make_batch(self.name, self.places, self.view, place, place + 1, self.time_limit)
        except Died:
            self.view.states[place], self._since = ENDED, place + 1
            return False
        return True

    def _late(self, place: int, died: Died, since: int | None) -> None:
        """Look for the earlier call that damaged memory, as a run does. The first few in a sweep are searched for."""
        self.troubles.late += 1
        before = Journal()
        before.is_whole = since is not None
        for earlier in range(since or 0, place):
            if self.view.states[earlier] in (ANSWERED, OTHER_ANSWER, RAISED):
                before.add(self._request(earlier))
        late = self.process.looked_into(before, self._request(place), died)
        guilty = late.guilty.operation, late.guilty.case
        places = [place, *range(since or 0, place)]
        found = next((one for one in places if self.calls.configurations[one] == guilty), place)
        self.deaths.append((found, CRASH, KEEPS_TO_ITS_MEMORY, late.message))

    def _request(self, place: int) -> Request:
        call = self.calls.call(place)
        size = self.calls.answer(place).size * self.view.answers.itemsize
        return Request(self.name, ((call.operation, call.positional(), call.case.options),), size)
