"""What a process of its own does for `isolation.Worker`: loads a backend, and answers a job a line."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from ..backends import load
from . import known
from .cases import Case
from .invalid_calls import answer_to
from .real_data import real_problem
from .runner import Subject, judge


def records(subject: Subject, operation: str, case: str, seed: int, checks: list[str]) -> list[dict[str, Any]]:
    """Those of `judge`, by the names of the checks."""
    from .checks import CHECKS

    chosen = [check for check in CHECKS if check.name in checks]
    judged = judge(subject, Case.parse(case), operation, seed, checks=chosen)
    return [asdict(record) for record in judged]


def digest(subject: Subject, operation: str, case: str, seed: int) -> str:
    """SHA-256 of the bits of an answer on real data."""
    call = real_problem(Case.parse(case), operation, seed, "normal").call
    return hashlib.sha256(np.ascontiguousarray(call.run(subject.backend)).tobytes()).hexdigest()


def invalid(subject: Subject, name: str, operation: str) -> dict[str, Any]:
    """What came of an invalid call."""
    return answer_to(subject.backend, name, operation)


JOBS: dict[str, Callable[..., Any]] = {"records": records, "digest": digest, "invalid": invalid}


def main(backend: str) -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # what the backend prints must not be taken for an answer
    known.known_failures = lambda: ()  # type: ignore[assignment]  # what is expected is for the caller to say
    subject = Subject.of(load(backend))
    if not hasattr(os, "fork"):
        _serve(subject, answers)
        return
    # A child for the jobs: when it dies, the next one need not import the framework again.
    while (child := os.fork()) != 0:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == _AT_THE_END:
            return
        os.write(answers, json.dumps({"died": status}).encode() + b"\n")
    _serve(subject, answers)
    os._exit(_AT_THE_END)


# No backend exits with this one.
_AT_THE_END = 93


def _serve(subject: Subject, answers: int) -> None:
    for line in iter(_read_line, b""):
        job, arguments = json.loads(line)
        answer = JOBS[job](subject, *arguments)
        os.write(answers, json.dumps({"answer": answer}).encode() + b"\n")


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
    main(sys.argv[1])
