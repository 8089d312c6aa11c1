"""What a process of its own does for `worker.Worker`: loads backends, and answers a job a line."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from ...backends import load
from .. import known
from ..cases import Case
from ..checks import CHECKS
from ..outcome import Record
from ..problem import Problem
from ..real_data import real_problem
from ..runner import Subject, judge
from .invalid_calls import answer_to

Subjects = dict[str, Subject]


def records(subjects: Subjects, case: str, seed: int, calls: list[tuple[str, str, list[str]]]) -> list[list[dict]]:
    """Those of `judge` for each of `calls`: a backend, an operation and the names of the checks."""
    parsed = Case.parse(case)
    problems: dict[str, Problem] = {}
    answers = []
    for backend, operation, checks in calls:
        problem = problems.setdefault(operation, Problem(parsed, operation, seed))
        chosen = [check for check in CHECKS if check.name in checks]
        judged = judge(subjects[backend], parsed, operation, seed, problem, checks=chosen)
        answers.append([asdict(record) for record in judged])
    return answers


def digest(subjects: Subjects, backend: str, operation: str, case: str, seed: int) -> str:
    """SHA-256 of the bits of an answer on real data."""
    call = real_problem(Case.parse(case), operation, seed, "normal").call
    return hashlib.sha256(np.ascontiguousarray(call.run(subjects[backend].backend)).tobytes()).hexdigest()


def invalid(subjects: Subjects, backend: str, name: str, operation: str) -> dict[str, Any]:
    """What came of an invalid call."""
    return answer_to(subjects[backend].backend, name, operation)


def diagnosis(subjects: Subjects, backend: str, record: dict[str, Any], plain: bool = False) -> list[str]:
    """What can be said of a failure, line by line; `plain`, of plain probes alone."""
    from ..diagnosis import diagnose  # with its catalogue, which the other jobs do not need

    return diagnose(subjects[backend], Record(**record), plain=plain).lines


JOBS: dict[str, Callable[..., Any]] = {
    "records": records,
    "digest": digest,
    "invalid": invalid,
    "diagnosis": diagnosis,
}


def main(*backends: str) -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # what a backend prints must not be taken for an answer
    known.known_failures = lambda: ()  # type: ignore[assignment]  # what is expected is for the caller to say
    subjects = {name: Subject.of(load(name), name) for name in backends}
    if not hasattr(os, "fork"):
        _serve(subjects, answers)
        return
    # A child for the jobs: when it dies, the next one need not import the frameworks again.
    asker = os.getppid()
    while (child := os.fork()) != 0:
        status = _exit_status(child, asker)
        if status == _AT_THE_END:
            return
        os.write(answers, json.dumps({"died": status}).encode() + b"\n")
    _serve(subjects, answers)
    os._exit(_AT_THE_END)


# No backend exits with this one.
_AT_THE_END = 93


def _exit_status(child: int, asker: int) -> int:
    """That of the child, when it ends; it does not outlive the process that asks, even if it hangs."""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if os.getppid() != asker:
            os.kill(child, signal.SIGKILL)
            return _AT_THE_END
        time.sleep(0.02)


def _serve(subjects: Subjects, answers: int) -> None:
    for line in iter(_read_line, b""):
        job, arguments = json.loads(line)
        answer = JOBS[job](subjects, *arguments)
        with os.fdopen(answers, "w", closefd=False) as pipe:
            pipe.write(json.dumps({"answer": answer}) + "\n")


def _read_line() -> bytes:
    """The next line of stdin, and nothing of what follows, which is for the next child if this one dies."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return b""
        line += byte
    return line


if __name__ == "__main__":
    main(*sys.argv[1:])
