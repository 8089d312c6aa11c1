"""Worker: a process that runs backends, and may die of a call."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Any

from .memory import GIB

TIME_LIMIT = 120  # seconds, most of them to import a framework


class Died(Exception):
    """The process ended, or was ended, without an answer. The message says how."""


class Worker:
    """A process that loads the backends of these names and answers jobs, one at a time.

    The first job starts it. If it dies, the next job starts it again. `environment` is added to ours.
    """

    def __init__(self, *backends: str, environment: Mapping[str, str] | None = None) -> None:
        self.backends = backends
        path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}  # it must find the modules that we find
        self.environment = {**os.environ, **path, **(environment or {})}
        self._lock = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._said: IO[bytes] | None = None

    def ask(self, job: str, *arguments: Any, time_limit: float = TIME_LIMIT) -> Any:
        """Run the function `job` of `jobs.py` there. Arguments and answer go through JSON.

        Raises Died if the process dies, exits or takes longer than `time_limit` seconds.
        """
        with self._lock:
            return self._ask(json.dumps([job, arguments]), time_limit)

    def _ask(self, job: str, time_limit: float) -> Any:
        if self._closed:
            raise Died("the run was ended")
        if self._process is None:
            self._start()
            if self._closed:  # by another thread, which may not have seen the process
                self.close(for_good=True)
                raise Died("the run was ended")
        process = self._process
        assert process is not None
        assert process.stdin is not None
        try:
            process.stdin.write(job + "\n")
            process.stdin.flush()
            line = self._answers.get(timeout=time_limit)
        except queue.Empty:
            self.close()
            raise Died(f"no answer within {time_limit:g} s") from None
        except OSError:  # it is gone
            line = ""
        answer = json.loads(line) if line else {"died": process.wait()}
        if "died" in answer:
            died = Died(_how(answer["died"], answer.get("taken")) + self._last_words())
            if not line:
                self.close()
            raise died
        return answer["answer"]

    def close(self, *, for_good: bool = False) -> None:
        """End the process and its children. After `for_good`, every later job raises Died."""
        self._closed = self._closed or for_good  # a thread that was waiting closes it again, not for good
        if self._process is not None:
            self._process = None
            self._end()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process
        self._answers = queue.SimpleQueue()
        process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.jobs", *self.backends],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env=self.environment,
            start_new_session=True,
        )
        threading.Thread(target=_forward, args=(process.stdout, self._answers), daemon=True).start()
        self._end = weakref.finalize(self, _end, process, self._said)  # also runs when the worker is garbage
        self._process = process

    def _last_words(self) -> str:
        """The end of its stderr."""
        assert self._said is not None
        file = self._said.fileno()  # not `read`: the process shares the offset
        said = os.pread(file, 300, max(os.fstat(file).st_size - 300, 0)).decode(errors="replace").strip()
        return f"; its last words: {said}" if said else ""


def _end(process: subprocess.Popen[str], said: IO[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
    process.wait()
    assert process.stdin is not None
    for pipe in (process.stdin, said):
        with contextlib.suppress(OSError):  # if something was still to be written
            pipe.close()


def _how(status: int, taken: int | None = None) -> str:
    if taken is not None:
        return f"the process was ended as it had taken {taken / GIB:.2f} GiB of memory since the backends were loaded"
    if status < 0:
        return f"the process died of signal {-status} ({signal.Signals(-status).name})"
    return f"the process exited with status {status}, without an answer"


def _forward(lines: IO[str], answers: queue.SimpleQueue[str]) -> None:
    """Put every line into the queue as it comes, and an empty one at the end."""
    with lines:
        for line in lines:
            answers.put(line)
    answers.put("")
