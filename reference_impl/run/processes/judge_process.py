"""A process that judges: it computes the right answers, asks backends in processes of theirs, and compares.

It never imports a backend.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from math import inf

from ...cases.case import Case
from ...verdicts.checks import CHECKS
from ...verdicts.task import Task
from ..judge import judge
from ..outcome import CRASHED, Record
from ..subject import NotLoaded, Subject, process_for, process_of
from . import memory, numpy_threads
from .asking import BackendProcess
from .channel import Closed, receive, send
from .sent_records import Sent, sent
from .worker import Died

_BY_NAME = {check.name: check for check in CHECKS}


def records(subjects: Subjects, case: str, seed: int, calls: list[tuple[str, str, list[str]]]) -> list[Sent]:
    """Judge each of `calls`: a backend, an operation and the names of the checks."""
    parsed = Case.parse(case)
    tasks: dict[str, Task] = {}
    judged = []
    for backend, operation, checks in calls:
        task = tasks.setdefault(operation, Task(parsed, operation, seed))
        try:
            subject = subjects(backend)
        except (Died, NotLoaded) as error:
            blank = Record(backend, "", operation, case, "", CRASHED, message=str(error), seed=seed, argument=backend)
            judged.append(sent([replace(blank, check=check) for check in checks]))
        else:
            chosen = [_BY_NAME[name] for name in checks]
            found = judge(subject, parsed, operation, seed, task, checks=chosen, patience=subjects.patience)
            judged.append(sent(found))
    return judged


class Subjects:
    """The backends by name. Those of a framework are in one process for each environment, others in their own.

    `threads` are those of matrix products in kernels in NumPy.
    """

    def __init__(self, names: list[str], time_limit: float, threads: str | None = None, patience: float = inf) -> None:
        self._names, self._time_limit, self._threads, self.patience = names, time_limit, threads, patience
        self._processes: dict[str, BackendProcess] = {}
        self._subjects: dict[str, Subject] = {}

    def __call__(self, name: str) -> Subject:
        if name not in self._subjects:
            shared = process_of(name)
            if shared not in self._processes:
                together = [other for other in self._names if process_of(other) == shared]
                environment = numpy_threads.for_kernel(name, self._threads)
                self._processes[shared] = process_for(
                    name, *together, time_limit=self._time_limit, environment=environment
                )
            self._subjects[name] = Subject.load(name, self._processes[shared])
        return self._subjects[name]


def main(time_limit: str, patience: str, *names: str) -> None:
    """Judge what is asked, until the channel is closed or the process that asks has ended."""
    threads = numpy_threads.restore()
    memory.keep_freed()
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    subjects = Subjects(list(names), float(time_limit), threads, float(patience))
    memory.collect_rarely()
    while True:
        try:
            job, arguments = receive(0)
        except Closed:
            return
        assert job == "records"
        send(1, {"answer": records(subjects, *arguments)})


def end_with(asker: int) -> None:
    """End this process and all that it started when the process that asks has ended, even in the middle of a call."""
    while os.getppid() == asker:
        time.sleep(0.2)
    os.killpg(0, signal.SIGKILL)
