"""Engine: judges the chunks of a sweep in processes of this machine. `dask.py` has the engine for many machines."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from ..processes import numpy_threads, origins
from ..processes.chunk_process import packed, unpacked
from ..processes.worker import Died, Worker
from .jobs import Answer, Job, Lost, Setting

# A job is given up after so many deaths of the process that judges it. Backends have processes of their own.
MOST_DEATHS = 3
_NEVER = 1e9  # seconds: each call has a limit of its own


class EngineError(Exception):
    """Chunks cannot be judged. The message says why, and what to do."""


class Judge:
    """A process that judges chunks. If it dies, it is started again and judges the same chunk once more."""

    def __init__(self, setting: Setting, judges: int = 1) -> None:
        """`judges` is the number of such processes that share this machine."""
        self._setting = setting
        self._worker = Worker("chunk_process", environment={**numpy_threads.shared_by(judges), **origins.told()})
        self._is_set = False

    def judged(self, job: Job) -> Answer | Lost:
        """Judge a chunk. Raises Raised if the suite itself fails."""
        reason = ""
        for _ in range(MOST_DEATHS):
            try:
                if not self._is_set:
                    self._asked(self._setting)
                    self._is_set = True
                return self._asked(job)
            except Died as died:
                self._is_set, reason = False, str(died)
        return Lost(job, reason)

    def _asked(self, value: Any) -> Any:
        return unpacked(self._worker.ask("judged", packed(value), time_limit=_NEVER))

    def close(self) -> None:
        self._worker.close(for_good=True)


class Here:
    """Judges jobs in several processes of this machine."""

    def __init__(self, setting: Setting, processes: int) -> None:
        self.processes = processes
        self._judges = [Judge(setting, processes) for _ in range(processes)]

    def answers(self, jobs: Iterator[Job]) -> Iterator[Answer | Lost]:
        """Judge all jobs, and yield their answers as they come. Raises Raised if the suite itself fails."""
        found: queue.SimpleQueue[Answer | Lost | Exception | None] = queue.SimpleQueue()
        next_one = threading.Lock()

        def work(judge: Judge) -> None:
            try:
                while True:
                    with next_one:
                        job = next(jobs, None)
                    if job is None:
                        break
                    found.put(judge.judged(job))
            except Exception as error:
                found.put(error)
            finally:
                found.put(None)

        for judge in self._judges:
            threading.Thread(target=work, args=(judge,), daemon=True).start()  # one that is interrupted waits for none
        ended = 0
        while ended < len(self._judges):
            one = found.get()
            if isinstance(one, Exception):
                raise one
            if one is None:
                ended += 1
            else:
                yield one

    def close(self) -> None:
        """End all processes."""
        for judge in self._judges:
            judge.close()


def close_all(judges: Sequence[Judge]) -> None:
    for judge in judges:
        judge.close()
