"""Judge calls: ask a backend, run the checks on its answers, and record what they found.

An error that a backend raises is its own. An error of ours is told as ours, and the backend is not judged.
"""

from __future__ import annotations

import functools
import hashlib
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from math import inf
from typing import Any

import numpy as np

from ..backends.protocol import Misdeclared
from ..cases.case import Case
from ..operations import OPERATIONS
from ..verdicts import second_opinion
from ..verdicts.agreement import Accuracy, Disagreement
from ..verdicts.checks import OTHER_OPTIONS, REPEATABLE, Check, Remark, Trial
from ..verdicts.task import Task
from . import known, outcome
from .outcome import Record
from .place import told
from .processes.remote import RemoteBackend
from .processes.worker import Died, Hung, NotAsked, Raised
from .selection import Asked, Selection
from .shares import checks_of
from .speed import was_slow
from .subject import Subject


def judge(
    subject: Subject,
    case: Case,
    operation: str,
    seed: int = 0,
    task: Task | None = None,
    *,
    checks: Sequence[Check] | None = None,
    until_failure: bool = False,
    patience: float = inf,
) -> list[Record]:
    """Run checks on one operation of one backend on one case, in this process: a record each.

    By default all checks that say something about the case. The checks after the one that the process dies of are not
    run; with `until_failure`, nor are those after the first that fails. What is expected to fail is for `known` to say.
    A call of a user's backend that would take more than `patience` seconds, by the time of smaller ones, is not made.
    """
    declared = subject.capabilities
    checks = checks_of(case) if checks is None else checks
    records: list[Record] = []
    blank = subject.blank(operation, str(case), seed)
    is_deadly = subject.is_apart and known.is_deadly(subject, operation, case)
    if is_deadly:
        subject = replace(subject, backend=subject.backend.known_to_damage())
    try:
        lack = declared.unsupported(operation, case)
        if lack is None and subject.adapter is None:
            lack = subject.speed.too_slow(subject.backend, operation, case, seed, patience)
        if lack is not None:
            return [replace(blank, check=check.name, outcome=outcome.UNSUPPORTED, message=lack) for check in checks]
        composed = declared.composition(operation, case)
        if composed is not None:
            blank = replace(blank, mode=f"composed: {composed}")
        trial = Trial(
            _Asked(subject.backend),
            task or Task(case, operation, seed),
            declared,
            partial(known.is_known, subject),
            repeats=any(check.name == REPEATABLE for check in checks) and REPEATABLE not in declared.unclaimed,
        )
        checks = [check for check in checks if check.offered(trial)]
        if is_deadly:
            subject.backend.process.renew()  # what calls before this one damaged is not its own
        for check in checks:
            records.append(_run(check, trial, replace(blank, check=check.name)))
            if until_failure and records[-1].unexpected:
                break
        if is_deadly:
            subject.backend.process.renew()  # a call that may kill may have damaged the memory of the process
    except Died as died:
        rest = checks[len(records) :]
        slow = _was_slow(subject, operation, case, seed, died) if isinstance(died, Hung) and rest else None
        if slow is not None:
            return records + [replace(blank, check=one.name, outcome=outcome.UNSUPPORTED, message=slow) for one in rest]
        blank = replace(blank, case=died.case or blank.case)
        name = rest[0].name if rest else KEEPS_TO_ITS_MEMORY
        records.append(replace(blank, check=name, outcome=outcome.CRASHED, message=str(died)))
        return records + _late_deaths(subject, blank, is_deadly=is_deadly)
    except Misdeclared as error:
        return [replace(blank, check=DECLARES, outcome=outcome.FAIL, message=str(error))]
    return records + _printed(subject, blank) + _late_deaths(subject, blank, is_deadly=is_deadly)


def _was_slow(subject: Subject, operation: str, case: Case, seed: int, hung: Hung) -> str | None:
    """Say that a call which gave no answer in time is too slow, or was not made; nothing if it hangs."""
    if isinstance(hung, NotAsked):
        return str(hung)
    if subject.adapter is not None:
        return None
    try:
        slow = was_slow(subject.speed, subject.backend, operation, case, seed)
    except Died:
        return None
    if slow is not None:
        subject.backend.process.hung.clear()
    return slow


class _Asked:
    """A backend whose errors are marked as its own: it raises Raised, Died or Disagreement."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._backend, name)
        return functools.wraps(found)(partial(_asked, found)) if name in OPERATIONS else found


def _asked(function: Callable, *given: Any, **options: Any) -> Any:
    """Call a function of a backend's. It may raise anything."""
    try:
        return function(*given, **options)
    except (Died, Raised, Disagreement):
        raise
    except (Exception, SystemExit) as error:
        raise Raised(*told(error)) from error


def failed_ourselves(blank: Record, error: Exception) -> Record:
    """Record that the suite itself failed, by this error. The backend is not judged."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    kind, said, _ = told(error)
    return replace(blank, outcome=outcome.SUITE, message=f"the suite itself failed: {kind}: {said}{where}")


def judge_call(asked: Asked, task: Task | None = None) -> list[Record]:
    """Judge one call. If it is known to kill the process, a backend in this one is asked in another."""
    subject = asked.subject
    if not subject.is_apart and subject.argument and asked.may_kill:
        subject = subject.apart
    return judge(subject, asked.case, asked.operation, asked.seed, task, checks=asked.checks)


def judge_here(selection: Selection) -> Generator[tuple[Subject, list[Record]], None, None]:
    """Judge every call of a selection in this process: the backend, and the records of the call."""
    for subjects, cases in selection.groups:
        for case in cases:
            tasks: dict[str, Task] = {}  # each is made once for all backends
            for asked in selection.calls_on(case, subjects):
                task = tasks.setdefault(asked.operation, Task(case, asked.operation, selection.seed))
                yield asked.subject, judge_call(asked, task)


# The name of the check that a backend's declarations answer for every call.
DECLARES = "declares"
# The names of checks that run on every call in a process of its own.
PRINTS_NOTHING, KEEPS_TO_ITS_MEMORY = "prints_nothing", "keeps_to_its_memory"


def _printed(subject: Subject, blank: Record) -> list[Record]:
    """Record a failure if the backend has printed."""
    if not isinstance(subject.backend, RemoteBackend):
        return []
    size, begins = subject.backend.take_printed()
    if not size or PRINTS_NOTHING in subject.capabilities.unclaimed:
        return []
    message = (
        "a kernel must not write to stdout, which belongs to the program that calls it; "
        f"it wrote {size} bytes, beginning with {begins!r}"
    )
    return [replace(blank, check=PRINTS_NOTHING, outcome=outcome.FAIL, message=message)]


def _late_deaths(subject: Subject, blank: Record, *, is_deadly: bool) -> list[Record]:
    """Record each call that corrupted memory, so that the process died later. It may be another one than `blank`'s.

    It is `blank`'s if that `is_deadly`, as is known.
    """
    if not isinstance(subject.backend, RemoteBackend):
        return []
    records = []
    for late in subject.backend.take_late_deaths():
        guilty, case = late.guilty, late.guilty.case
        of_guilty = replace(
            blank,
            backend=blank.backend if guilty.name == blank.argument else guilty.name,
            argument=guilty.name,
            operation=guilty.operation,
            case=str(case) if case else blank.case,
        )
        of_guilty = blank if is_deadly else of_guilty
        records.append(replace(of_guilty, check=KEEPS_TO_ITS_MEMORY, outcome=outcome.CRASHED, message=late.message))
    return records


def _run(check: Check, trial: Trial, blank: Record) -> Record:
    reason = trial.declared.unclaimed.get(check.name)
    if reason is not None:
        return replace(blank, outcome=outcome.UNSUPPORTED, message=reason)
    try:
        found = check.run(trial)
    except Disagreement as error:
        doubt = second_opinion.doubt(trial.task, error)
        if doubt is not None:
            return replace(blank, outcome=outcome.ORACLE, message=doubt)
        said = "\n".join(filter(None, [str(error), second_opinion.unconfirmed(error)]))
        failed = replace(blank, outcome=outcome.FAIL, ratio=error.ratio, diagnosis=error.diagnosis, message=said)
        return replace(failed, answer=_digest(error.difference.actual)) if error.difference is not None else failed
    except Died as died:
        if check.name != OTHER_OPTIONS:
            raise
        # Another case killed it, so the other checks of this one stand.
        return replace(blank, outcome=outcome.CRASHED, message=f"in a row of calls with other options, {died}")
    except Raised as error:
        return _refused(trial, blank, str(error))
    except Exception as error:
        return failed_ourselves(blank, error)
    if isinstance(found, Accuracy):
        return replace(blank, ratio=found.worst, median_ratio=found.median)
    if isinstance(found, Remark):
        return replace(blank, outcome=outcome.MISTRUSTED if found.mistrusted else outcome.PASS, remark=found.text)
    return blank


def _refused(trial: Trial, blank: Record, said: str) -> Record:
    """Record that the backend raised an error; or that it was right to, as the oracle asked for wrong shapes."""
    doubt = second_opinion.doubt(trial.task)
    if doubt is not None:
        return replace(blank, outcome=outcome.ORACLE, message=f"{doubt}; the backend raised {said}")
    return replace(blank, outcome=outcome.REFUSED, message=said)


def _digest(answer: np.ndarray) -> str:
    """The digest of an answer's numbers, whatever its dtype."""
    with np.errstate(invalid="ignore"):  # memory that nobody wrote may hold a signalling NaN
        return hashlib.sha256((answer.astype(np.float64) + 0.0).tobytes()).hexdigest()[:16]
