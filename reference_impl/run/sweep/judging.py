"""Judge a chunk of a sweep: ask backends in their processes, and hold each answer to the exact one.

Data and right answers are made once for all backends that are asked together. Each call is made once. Calls that fail
are made again, a bounded number of them, to tell a race, or a death that an earlier call caused. Of the calls that
passed, a small share is made again too: a race may give a right answer first.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...bugs import JudgedCall
from ...bugs.judged_call import CRASH, HANG, RACE, REFUSED, WRONG_SHAPE, WRONG_VALUES
from ...cases.case import Case
from ...verdicts import second_opinion
from ...verdicts.agreement import Disagreement
from ...verdicts.task import Task
from ...verdicts.trial import Trial
from .. import known, outcome
from ..judge import DECLARES
from ..processes.batches import ANSWERED, ENDED, LACKS, MISDECLARED, OTHER_ANSWER, RAISED
from ..subject import Subject
from .asking import Answers, Asking
from .preparing import Prepared, prepared

# Wrong answers of a chunk that are asked again, and how often, to tell races; and that the definition confirms.
MOST_ASKED_AGAIN, TIMES_AGAIN, MOST_CONFIRMED = 32, 3, 8
# Of so many calls with a right answer, the middle one is made once more: less than 2 %. The number is odd, as the four
# operations of a case follow each other.
RIGHT_AGAIN = 51
# The calls themselves; data and right answers; comparing, with the calls that are made again for it; and all that lies
# between the two processes.
PARTS = ("backend", "oracle", "judging", "transport")
_KNOWN_AS = {CRASH: outcome.CRASHED, HANG: outcome.CRASHED, REFUSED: outcome.REFUSED}


@dataclass(frozen=True)
class Failure:
    """A call that failed; `call.outcome` is its kind. `known` is what known_failures/ says, if an entry expects it."""

    call: JudgedCall
    message: str
    known: str | None = None


@dataclass
class ChunkResult:
    """The outcome of one chunk for one backend.

    Parameters
    ----------
    backend : the argument that loads it
    asked : the number of calls that were judged
    passed : the number of right answers
    unsupported : the number of calls that the backend declares not to offer, by its reason
    unasked : the number of calls without a verdict, by the reason: too many before them died or hung
    failures, known : the calls that failed; `known` are those that known_failures/ expects
        A call with a right answer is among them too, if it damaged memory and the process died of it later.
    doubts : reasons to suspect the oracle, and not the backend
    seconds : by part, as in `PARTS`
    """

    backend: str
    asked: int = 0
    passed: int = 0
    unsupported: Counter[str] = field(default_factory=Counter)
    unasked: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    known: list[Failure] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))


def judge_chunk(
    subjects: Sequence[Subject],
    chunk: Sequence[tuple[str, Case]],
    *,
    dtype: str | None = None,
    seed: int = 0,
    time_limit: float = 10.0,
) -> list[ChunkResult]:
    """Judge every configuration of a chunk for each backend: a result each, in their order.

    The seconds of the oracle stand in the first result, as it works once for all backends.

    Parameters
    ----------
    subjects : backends in processes of their own, as `Subject.load` gives them
        Keep them from chunk to chunk: deaths and hangs that were seen make later ones cheaper.
        Their processes must have been made with the backends' names, as by `process_for(name, *names)`. Those of
        `subject.load` were not: they import the framework again after each death.
    chunk : pairs of an operation and a case, as from `Scope.chunk`
    dtype : of the arguments, in place of the cases' own
    seed : of the data
    time_limit : seconds that one call may take

    Raises
    ------
    Died
        If the process of a backend cannot be started again.
    """
    groups = prepared(chunk, dtype, seed)
    results = []
    for subject in subjects:
        subject = subject.apart
        result = ChunkResult(subject.argument or subject.name)
        for group in groups:
            _Judge(subject, group, time_limit, seed, result).judge()
        results.append(result)
    if results:
        results[0].seconds["oracle"] += sum(group.seconds for group in groups)
    return results


class _Judge:
    """Judges the calls of one dtype for one backend."""

    def __init__(self, subject: Subject, calls: Prepared, time_limit: float, seed: int, result: ChunkResult) -> None:
        self.subject, self.calls, self.seed, self.result = subject, calls, seed, result
        self.result_dtype = subject.capabilities.result_dtype(calls.dtype)
        self.asking = Asking(subject, calls, self.result_dtype, time_limit)
        self.trial = Trial(None, Task(calls.configurations[0][1], "conv2d", seed), subject.capabilities)

    def judge(self) -> None:
        start = time.perf_counter()
        answers = self.asking.ask()
        came = time.perf_counter()
        self._tell(answers)
        seconds = self.result.seconds
        seconds["backend"] += (spent := float(answers.seconds.sum()))
        seconds["transport"] += came - start - spent
        seconds["judging"] += time.perf_counter() - came

    def _tell(self, answers: Answers) -> None:
        states, result = answers.states, self.result
        wrong = self._wrong(answers)
        passed = (states == ANSWERED) & ~wrong
        result.passed += int(passed.sum())
        result.asked += len(states) - int((states == LACKS).sum()) - len(answers.unasked)
        for place in np.flatnonzero(~passed & ~wrong).tolist():
            self._tell_of(place, int(states[place]), answers)
        self._tell_wrong(np.flatnonzero(wrong).tolist(), answers)
        self._ask_some_again(np.flatnonzero(passed)[RIGHT_AGAIN // 2 :: RIGHT_AGAIN])
        for place, kind, check, message in answers.deaths:
            self._failed(place, kind, message, check)

    def _tell_of(self, place: int, state: int, answers: Answers) -> None:
        """Tell of a call without an answer of the right shape and dtype. Deaths are told apart."""
        said = answers.told(place)
        if state == LACKS:
            self.result.unsupported[str(said)] += 1
        elif state == MISDECLARED:
            self._failed(place, WRONG_VALUES, str(said), DECLARES)
        elif state == RAISED:
            kind, message, where = said or ("Exception", "its message had no room", "")
            self._failed(place, REFUSED, f"{kind}: {message}{where}")
        elif state == OTHER_ANSWER:
            self._failed(place, WRONG_SHAPE, self._unlike(place, said))
        elif place in answers.unasked:
            self.result.unasked[answers.unasked[place]] += 1

    def _wrong(self, answers: Answers) -> np.ndarray:
        """A mask of the calls whose answer has other bits than the right one."""
        bits = f"u{answers.values.dtype.itemsize}"
        unlike = np.flatnonzero(answers.values.view(bits) != self.calls.expected(self.result_dtype).view(bits))
        # Calls with empty answers begin where the next one does: the last call that begins there has the element.
        wrong = np.zeros(len(answers.states), bool)
        wrong[np.unique(np.searchsorted(self.calls.starts, unlike, side="right") - 1)] = True
        return wrong & (answers.states == ANSWERED)

    def _tell_wrong(self, places: list[int], answers: Answers) -> None:
        """Tell of answers with other bits: a zero may have the other sign, and some backends declare no plain sum."""
        errors: dict[int, Disagreement] = {}
        for place in places:
            operation, case = self.calls.configurations[place]
            expected = self.calls.answer(place)
            start = self.calls.starts[place]
            actual = answers.values[start : start + expected.size].reshape(expected.shape)
            task = Task(case, operation, self.seed)
            task.__dict__.update(call=self.calls.call(place), expected=expected)
            try:
                self.trial.require_exact(actual, task)
            except Disagreement as error:
                if len(errors) < MOST_CONFIRMED and (doubt := second_opinion.doubt(task, error)):
                    self.result.doubts.append(doubt)
                else:
                    errors[place] = error
            else:
                self.result.passed += 1
        asked_again = self.asking.again(list(errors)[:MOST_ASKED_AGAIN], TIMES_AGAIN) if errors else {}
        for place, wrong in errors.items():
            message = "\n".join(filter(None, [str(wrong), wrong.diagnosis]))
            alike = asked_again.get(place)
            if alike is None or all(alike):
                self._failed(place, WRONG_VALUES, message)
            else:
                said = f"asked {len(alike)} times again, {alike.count(False)} answers have other bits"
                self._failed(place, RACE, f"race, or it depends on the calls before: {said}. The first: {message}")

    def _ask_some_again(self, places: np.ndarray) -> None:
        """Make a few calls that passed once more. Fail those whose second answer has other bits.

        A call that dies or hangs then is among the deaths.
        """
        asking = self.asking
        for place, (alike,) in asking.again(np.setdiff1d(places, asking.deadly).tolist(), 1).items():
            if alike or place in asking.unasked:
                continue
            self.result.passed -= 1
            if asking.view.states[place] != ENDED:
                said = "the first answer is right, and the second has other bits"
                self._failed(place, RACE, f"race, or it depends on the calls before: {said}")

    def _unlike(self, place: int, said: list | None) -> str:
        if said is None:
            return "the answer must be an array of the right shape and dtype"
        kind, *others = said
        if not others:
            return f"the answer must be a NumPy array, not {kind}"
        shape, dtype = others
        right = self.calls.answer(place).shape
        if tuple(shape) != right:
            return f"the answer's shape must be {right}, not {tuple(shape)}"
        return f"the answer's dtype must be {self.result_dtype}, not {dtype}"

    def _failed(self, place: int, kind: str, message: str, check: str = "") -> None:
        operation, case = self.calls.configurations[place]
        subject = self.subject
        name, _, route = subject.route.partition(":") if subject.adapter else (subject.argument or subject.name, "", "")
        call = JudgedCall(name, operation, case, kind, route, subject.environment or "", check)
        entry = next(
            (
                entry
                for entry in known.expected(subject, operation, case)
                if entry.outcome == _KNOWN_AS.get(kind, outcome.FAIL)
                and (not entry.checks or "exact" in entry.checks or "shape_and_dtype" in entry.checks)
            ),
            None,
        )
        told = self.result.failures if entry is None else self.result.known
        told.append(Failure(call, message, None if entry is None else entry.does))
