"""Judge calls: ask a backend, run the checks on its answers, and record what they found."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..cases.case import Case
from ..verdicts.agreement import Accuracy, Disagreement
from ..verdicts.checks import Check, Remark, Trial
from ..verdicts.task import Task
from . import outcome
from .outcome import Record
from .processes.worker import Died
from .selection import Asked, Selection, checks_of
from .subject import Subject


def judge(
    subject: Subject,
    case: Case,
    operation: str,
    seed: int = 0,
    task: Task | None = None,
    *,
    checks: Sequence[Check] | None = None,
) -> list[Record]:
    """Run checks on one operation of one backend on one case, in this process: a record each.

    By default all checks that say something about the case. What is expected to fail is for `known` to say.
    """
    declared = subject.capabilities
    checks = checks_of(case) if checks is None else checks
    blank = subject.blank(operation, str(case), seed)
    lack = declared.unsupported(operation, case)
    if lack is not None:
        return [replace(blank, check=check.name, outcome=outcome.UNSUPPORTED, message=lack) for check in checks]
    composed = declared.composed(operation, case)
    if composed is not None:
        blank = replace(blank, mode=f"composed: {composed}")
    trial = Trial(subject.backend, task or Task(case, operation, seed), declared)
    return [_run(check, trial, replace(blank, check=check.name)) for check in checks]


def judge_call(asked: Asked, task: Task | None = None) -> list[Record]:
    """Judge one call in this process or, if it is known to kill the process, in one of its own."""
    subject, case = asked.subject, asked.case
    if asked.may_kill and subject.capabilities.unsupported(asked.operation, case) is None:
        return _apart(asked)
    return judge(subject, case, asked.operation, asked.seed, task, checks=asked.checks)


def judge_here(selection: Selection) -> Iterator[tuple[Subject, list[Record]]]:
    """Judge every call of a selection in this process: the backend, and the records of the call."""
    for subjects, cases in selection.groups:
        for case in cases:
            tasks: dict[str, Task] = {}  # each is made once for all backends
            for asked in selection.calls_on(case, subjects):
                task = tasks.setdefault(asked.operation, Task(case, asked.operation, selection.seed))
                yield asked.subject, judge_call(asked, task)


def crashed(asked: Asked, died: Died) -> list[Record]:
    """The records of a call that its process died of."""
    blank = asked.subject.blank(asked.operation, str(asked.case), asked.seed)
    return [replace(blank, check=check.name, outcome=outcome.CRASHED, message=str(died)) for check in asked.checks]


def _apart(asked: Asked) -> list[Record]:
    """Judge a call in a process of its own, which may die of it."""
    subject = asked.subject
    call = subject.argument or subject.name, asked.operation, [check.name for check in asked.checks]
    try:
        (judged,) = subject.worker.ask("records", str(asked.case), asked.seed, [call])
    except Died as died:
        return crashed(asked, died)
    return [Record(**fields) for fields in judged]


def _run(check: Check, trial: Trial, blank: Record) -> Record:
    reason = trial.declared.unclaimed.get(check.name)
    if reason is not None:
        return replace(blank, outcome=outcome.UNSUPPORTED, message=reason)
    try:
        found = check.run(trial)
    except Disagreement as error:
        return replace(blank, outcome=outcome.FAIL, ratio=error.ratio, diagnosis=error.diagnosis, message=str(error))
    except Exception as error:  # a backend may raise anything: an outcome of its own, never a skip
        return replace(blank, outcome=outcome.REFUSED, message=f"{type(error).__name__}: {error}{_place(error)}")
    if isinstance(found, Accuracy):
        return replace(blank, ratio=found.worst, median_ratio=found.median)
    if isinstance(found, Remark):
        return replace(blank, outcome=outcome.MISTRUSTED if found.mistrusted else outcome.PASS, remark=found.text)
    return blank


# Python's own files, installed packages, and our own files.
_LIBRARIES = (*(Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")), Path(__file__).parents[1])


def _place(error: Exception) -> str:
    """The last line of the user's own code on the way to the error."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not any(map(Path(frame.filename).is_relative_to, _LIBRARIES))]
    return f" ({theirs[-1].filename}, line {theirs[-1].lineno}, in {theirs[-1].name})" if theirs else ""
