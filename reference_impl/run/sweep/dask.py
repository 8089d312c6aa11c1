"""The engine for many machines: a Dask scheduler hands the chunks to its workers.

Each worker judges in isolated processes beside it, as `engine.Here` does. So a framework that dies ends no worker.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ... import __version__
from ..processes.worker import Raised
from .engine import EngineError, Judge, close_all
from .jobs import Answer, Job, Lost, Setting
from .machine import set_variables

_CONNECT_SECONDS = 10
# After so many seconds without any worker, the sweep ends. Workers may come and go before that.
_SECONDS_ALONE = 60.0
# Jobs that are handed out for each that is judged, so that no worker waits for the next.
_AHEAD = 2


class OnDask:
    """Judges jobs on the workers of a Dask scheduler.

    A job of a worker that dies is given to another. Raises EngineError if the scheduler cannot be reached.
    """

    def __init__(self, setting: Setting, scheduler: str) -> None:
        try:
            import distributed
        except ImportError as error:
            raise EngineError("needs Dask: pip install 'conv2d-reference-impl[sweep]'") from error
        self._dask: Any = distributed
        self._setting, self._scheduler = setting, scheduler
        try:
            self._client = distributed.Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, distributed.TimeoutError) as error:
            raise EngineError(
                f"no Dask scheduler answers at {scheduler}: start one with `dask scheduler`, or correct the address"
            ) from error

    @property
    def processes(self) -> int:
        """The number of threads of all workers: each judges in one process."""
        return sum(self._client.nthreads().values())

    def answers(self, jobs: Iterator[Job]) -> Iterator[Answer | Lost]:
        """Judge all jobs, and yield their answers as they come. Raises EngineError if no worker is left."""
        asked: dict[Any, Job] = {}
        while True:
            while len(asked) < max(_AHEAD * self.processes, 1) and (job := next(jobs, None)) is not None:
                asked[self._client.submit(judge_on_worker, self._setting, job, pure=False)] = job
            if not asked:
                return
            for future in self._some_done(list(asked)):
                yield self._result(future, asked.pop(future))

    def _some_done(self, futures: list[Any]) -> list[Any]:
        """Wait until some are done. Raises EngineError if there is no worker for too long."""
        alone = time.monotonic() + _SECONDS_ALONE
        while True:
            try:
                with self._client.as_current():
                    return list(self._dask.wait(futures, timeout=2, return_when="FIRST_COMPLETED").done)
            except self._dask.TimeoutError:
                if self._client.status != "running":
                    raise EngineError(f"the Dask scheduler at {self._scheduler} ended") from None
                if self.processes:
                    alone = time.monotonic() + _SECONDS_ALONE
                elif time.monotonic() > alone:
                    raise EngineError(
                        f"the Dask scheduler at {self._scheduler} has had no worker for {_SECONDS_ALONE:g} s: "
                        "start some with `dask worker`"
                    ) from None

    def _result(self, future: Any, job: Job) -> Answer | Lost:
        if future.status == "cancelled":
            raise EngineError(f"the Dask scheduler at {self._scheduler} ended, or gave up chunk {job.chunk}")
        try:
            answer = future.result()
        except self._dask.KilledWorker as error:
            return Lost(job, f"several workers of Dask died while they judged it; the last was {error.last_worker}")
        except Exception as error:  # a worker may lack this package, or the module of a backend
            raise EngineError(
                f"a worker of Dask could not judge chunk {job.chunk}: {type(error).__name__}: {error}. It must have "
                f"conv2d-reference-impl {__version__}, and all modules of the backends"
            ) from error

        if isinstance(answer, Broken):
            raise Raised(answer.kind, answer.said)
        return answer

    def close(self) -> None:
        """End the processes that judge, on all workers, and leave the scheduler."""
        try:
            self._client.run(close_judges, on_error="ignore")
        finally:
            self._client.close()


# The functions below run in the workers.

_idle: list[Judge] = []
_idle_of = b""
_lock = threading.Lock()


@dataclass(frozen=True)
class Broken:
    """An error of the suite itself, as plain values: that of a worker cannot be sent."""

    kind: str
    said: str


def judge_on_worker(setting: Setting, job: Job) -> Answer | Lost | Broken:
    """Judge a chunk in an isolated process of this worker, which is kept for the next one."""
    global _idle_of
    mark = pickle.dumps(setting)
    with _lock:
        if mark != _idle_of:
            close_all(_idle)
            _idle.clear()
            _idle_of = mark
        set_variables(setting.variables)
        judge = _idle.pop() if _idle else Judge(setting)
    found: Answer | Lost | Broken
    try:
        found = judge.judged(job)
    except Raised as error:
        found = Broken(error.kind, error.said)
    with _lock:
        if mark == _idle_of:
            _idle.append(judge)
        else:
            judge.close()
    return found


def close_judges() -> None:
    """End the idle processes of this worker."""
    global _idle_of
    with _lock:
        close_all(_idle)
        _idle.clear()
        _idle_of = b""
