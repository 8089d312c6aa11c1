"""A process that judges chunks of a sweep. Like that of a run, it never imports a backend."""

from __future__ import annotations

import base64
import os
import pickle
import threading
import time
import traceback
from typing import Any

from ..place import told
from ..sweep.jobs import Answer, Job, Setting
from ..sweep.judging import judge_chunk
from ..sweep.machine import Machine
from . import numpy_threads
from .channel import Closed, receive, send
from .judge_process import Subjects, end_with


def packed(value: Any) -> str:
    """Pack a value for the channel, which takes JSON."""
    return base64.b64encode(pickle.dumps(value)).decode("ascii")


def unpacked(text: str) -> Any:
    """Unpack a value that another process of ours has packed."""
    return pickle.loads(base64.b64decode(text))


def judged(setting: Setting, job: Job, load: Subjects, machine: Machine) -> Answer:
    """Judge a chunk for each of the job's backends."""
    subjects = [load(name) for name in job.backends]
    begun = time.perf_counter()
    results = judge_chunk(
        subjects,
        setting.scope.chunk(job.chunk),
        dtype=setting.dtype,
        seed=setting.seed,
        time_limit=setting.time_limit,
    )
    return Answer(
        job,
        dict(zip(job.backends, results, strict=True)),
        time.perf_counter() - begun,
        machine,
        {name: subject.version for name, subject in zip(job.backends, subjects, strict=True)},
    )


def main() -> None:
    """Judge what is asked, until the channel is closed or the process that asks has ended."""
    numpy_threads.restore()
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    machine = Machine.here()
    setting: Setting | None = None
    load: Subjects | None = None
    while True:
        try:
            _, (given,) = receive(0)
        except Closed:
            return
        value: Any = None
        try:
            value = unpacked(given)
            if isinstance(value, Setting):
                setting, load = value, Subjects(list(value.backends), value.time_limit)
                answer: Any = None
            else:
                assert setting is not None and load is not None  # noqa: PT018
                answer = judged(setting, value, load, machine)
            send(1, {"answer": packed(answer)})
        except Exception as error:
            kind, said, _ = told(error)
            frame = traceback.extract_tb(error.__traceback__)[-1]
            send(1, {"raised": (kind, said, f" ({frame.filename}, line {frame.lineno}, in {value})")})
