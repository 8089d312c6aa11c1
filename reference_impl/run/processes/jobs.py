"""The process behind `worker.Worker`: it loads backends, then answers jobs, one a line."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...cases.case import Case
from ...verdicts.checks import CHECKS
from ...verdicts.integers import integer_call
from ...verdicts.invalid_calls import answer_to
from ...verdicts.real_data import real_task
from ...verdicts.task import Task
from .. import outcome
from ..judge import judge
from ..outcome import Record
from ..subject import Subject
from . import memory, stdout

Subjects = dict[str, Subject]


def records(subjects: Subjects, case: str, seed: int, calls: list[tuple[str, str, list[str]]]) -> list[list[dict]]:
    """Judge each of `calls`: a backend, an operation and the names of the checks."""
    parsed = Case.parse(case)
    tasks: dict[str, Task] = {}
    answers = []
    for backend, operation, checks in calls:
        task = tasks.setdefault(operation, Task(parsed, operation, seed))
        chosen = [check for check in CHECKS if check.name in checks]
        stdout.take()
        judged = judge(subjects[backend], parsed, operation, seed, task, checks=chosen)
        printed = _printed(subjects[backend], subjects[backend].blank(operation, case, seed, stdout.PRINTS_NOTHING))
        answers.append([asdict(record) for record in judged + printed])
    return answers


def _printed(subject: Subject, blank: Record) -> list[Record]:
    """Record a failure if the backend has printed."""
    written = stdout.take()
    if not written or stdout.PRINTS_NOTHING in subject.capabilities.unclaimed:
        return []
    begins = written.decode(errors="replace").strip().partition("\n")[0][:_MOST_QUOTED]
    message = (
        "a kernel must not write to stdout, which belongs to the program that calls it; "
        f"it wrote {len(written)} bytes, beginning with {begins!r}"
    )
    return [replace(blank, outcome=outcome.FAIL, message=message)]


_MOST_QUOTED = 80


def digest(subjects: Subjects, backend: str, operation: str, case: str, seed: int) -> dict[str, Any]:
    """Return the SHA-256 of an answer on real data."""
    call = real_task(Case.parse(case), operation, seed, "normal").call
    run = partial(call.run, subjects[backend].backend)
    return _tried(lambda: hashlib.sha256(np.ascontiguousarray(run()).tobytes()).hexdigest())


def growth(subjects: Subjects, backend: str, operation: str, case: str, seed: int) -> dict[str, Any]:
    """Make the same call many times. Return how often, and by how many bytes the process grew."""
    call = integer_call(Case.parse(case), operation, seed)
    return _tried(lambda: memory.growth(partial(call.run, subjects[backend].backend)))


def _tried(job: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"found": job()}
    except Exception as error:  # a backend may raise anything
        return {"raised": f"{type(error).__name__}: {error}"}


def invalid(subjects: Subjects, backend: str, name: str, operation: str) -> dict[str, Any]:
    """Make an invalid call."""
    return answer_to(subjects[backend].backend, name, operation)


def diagnosis(subjects: Subjects, backend: str, record: dict[str, Any], plain: bool = False) -> list[str]:
    """Diagnose a failure: the lines that explain it. `plain` asks non-empty integer calls only."""
    from ...diagnosis import diagnose  # by its name: it stands above `run`, and its catalogue is large

    return diagnose(subjects[backend], Record(**record), plain=plain).lines


def picture(subjects: Subjects, backend: str, record: dict[str, Any], path: str) -> str | None:
    """Draw a failure to a file. Return the reason if it cannot be drawn."""
    from ...drawing.failures import draw_failure  # by its name: it stands above `run`, and needs matplotlib

    return draw_failure(subjects[backend], Record(**record), Path(path))


JOBS: dict[str, Callable[..., Any]] = {
    "records": records,
    "digest": digest,
    "growth": growth,
    "invalid": invalid,
    "diagnosis": diagnosis,
    "picture": picture,
}


def main(*backends: str) -> None:
    answers = stdout.redirect()  # text that a backend prints is no answer
    gc.disable()  # collecting garbage takes a fifth of an import, and finds next to none
    subjects = {name: Subject.load(name) for name in backends}
    gc.freeze()
    gc.enable()
    if not hasattr(os, "fork"):
        _serve(subjects, answers)
        return
    stdout.take()  # printing while it is loaded is no fault
    # A child answers the jobs. When it dies, the next child need not import the frameworks again.
    asker = os.getppid()
    while (child := os.fork()) != 0:
        status, taken = _end_of(child, asker)
        if status == _AT_THE_END:
            os.killpg(os.getpid(), signal.SIGKILL)  # the whole group, with what backends started
        if status != _GROWN:
            os.write(2, stdout.take()[-_MOST_QUOTED:])  # its last words
            _answer(answers, {"died": status, "taken": taken})
    _serve(subjects, answers)
    os._exit(_AT_THE_END)


# Exit statuses that no backend uses.
_AT_THE_END, _GROWN = 93, 94


def _end_of(child: int, asker: int) -> tuple[int, int | None]:
    """Wait for the child. Return its exit status and, if it is ended for taking memory, how many bytes it took.

    The child does not outlive the process that asks, even if it hangs.
    """
    taken, start = None, memory.held(child)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), taken
        grown = memory.held(child) - start
        if grown > memory.LIMIT:
            taken = grown
            os.kill(child, signal.SIGKILL)
        if os.getppid() != asker:
            os.kill(child, signal.SIGKILL)
            return _AT_THE_END, taken
        time.sleep(0.02)


def _serve(subjects: Subjects, answers: int) -> None:
    start = memory.peak()
    for line in iter(_read_line, b""):
        job, arguments = json.loads(line)
        _answer(answers, {"answer": JOBS[job](subjects, *arguments)})
        if memory.peak() - start > memory.LIMIT // 2:
            os._exit(_GROWN)


def _answer(answers: int, answer: dict[str, Any]) -> None:
    with os.fdopen(answers, "w", closefd=False) as pipe:
        pipe.write(json.dumps(answer) + "\n")


def _read_line() -> bytes:
    """Read one line of stdin and no more: the rest is for the next child if this one dies."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return b""
        line += byte
    return line


if __name__ == "__main__":
    main(*sys.argv[1:])
