"""Worker: a process that answers jobs, one at a time, and may die of one."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import IO, Any

from . import origins
from .channel import Closed, Late, receive, send
from .descendants import VARIABLE, kill_descendants
from .interpreter import command
from .memory import GIB

TIME_LIMIT = 120  # seconds, most of them to import a framework


Process = subprocess.Popen[bytes] | origins.Forked


class Died(Exception):
    """The process ended, or was ended, without an answer. The message says how, `signal` which one it died of."""

    is_death = True
    wrote = ""
    """The end of what it wrote to stdout."""
    case = ""
    """The case of the call that it died of, if that is another one than was asked about."""

    def __init__(self, message: str, signal: int | None = None) -> None:
        super().__init__(message)
        self.signal = signal


class Hung(Died):
    """The process gave no answer in time, and was ended."""


class NotAsked(Hung):
    """The call was not made, as too many before it hung."""


class Raised(Exception):
    """The job raised an error of type `kind` with the message `said`. Our message adds where."""

    def __init__(self, kind: str, said: str, place: str = "") -> None:
        super().__init__(f"{kind}: {said}{place}")
        self.kind, self.said = kind, said


class Worker:
    """A process of a module of ours, which answers jobs.

    The first job starts it. If it dies, the next job starts it again. `environment` is added to ours, and `descriptors`
    are those of open files that it inherits. If `origin` names an adapter, the process is forked from its origin, where
    that is possible.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        *,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
        origin: str | None = None,
    ) -> None:
        self._module, self._arguments, self._origin = module, arguments, origin
        path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}  # it must find the modules that we find
        self._mark = uuid.uuid4().hex
        self._environment = {**os.environ, **path, **(environment or {}), VARIABLE: self._mark}
        self._descriptors = tuple(descriptors)
        self._lock = threading.Lock()
        self._closed = False
        self._process: Process | None = None
        self._stderr: IO[bytes] | None = None

    def ask(
        self,
        job: str,
        *arguments: Any,
        time_limit: float = TIME_LIMIT,
        progress: Callable[[], Any] | None = None,
    ) -> Any:
        """Run a job there. Arguments and answer go through JSON.

        Raises Died if the process dies, exits or takes longer than `time_limit` seconds, and Raised if the job does.
        The time begins anew whenever `progress`, which is asked when it is over, returns something else than before.
        """
        with self._lock:
            if self._closed:
                raise Died("the run was ended")
            if self._process is None:
                self._start()
                if self._closed:  # by another thread, which may not have seen the process
                    self.close(for_good=True)
                    raise Died("the run was ended")
            process = self._process
            assert process is not None and process.stdin is not None and process.stdout is not None  # noqa: PT018
            try:
                send(process.stdin.fileno(), [job, arguments])
                _wait(process.stdout.fileno(), time_limit, progress)
                answer = receive(process.stdout.fileno(), time_limit)
            except Late:
                self.close()
                raise Hung(f"no answer within {time_limit:g} s") from None
            except (OSError, Closed):
                return self._dead({"died": process.wait() if process.poll() is not None else _ended(process)})
            if not isinstance(answer, dict) or not {"answer", "died", "raised"} & set(answer):
                return self._dead({"died": _ended(process)})
            if "died" in answer:
                died = self._death(answer["died"], answer.get("taken"))
                died.wrote = str(answer.get("wrote", ""))
                raise died
            if "raised" in answer:
                raise Raised(*map(str, answer["raised"]))
            return answer["answer"]

    @property
    def is_started(self) -> bool:
        return self._process is not None

    def _dead(self, answer: dict[str, Any]) -> Any:
        died = self._death(answer["died"])
        self.close()
        raise died

    def _death(self, status: int, taken: int | None = None) -> Died:
        of_itself = status < 0 and taken is None and -status != signal.SIGKILL
        return Died(_how(status, taken) + self._last_words(), -status if of_itself else None)

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
        self.close(for_good=True)

    def _start(self) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  it must live as long as the process
        self._told = 0  # bytes of it
        process: Process | None = None
        if self._origin is not None:
            given = [self._stderr.fileno(), *self._descriptors]
            process = origins.fork(self._origin, self._arguments, self._environment, given)
        process = process or subprocess.Popen(
            command(self._module, self._arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            bufsize=0,
            env=self._environment,
            start_new_session=True,
            pass_fds=self._descriptors,
        )
        self._end = weakref.finalize(self, _end, process, self._stderr, self._mark)  # also runs when it is garbage
        self._process = process

    def _last_words(self) -> str:
        """The end of what it wrote to stderr since its last death."""
        assert self._stderr is not None
        file = self._stderr.fileno()  # not `read`: the process shares the offset
        former, self._told = self._told, os.fstat(file).st_size
        said = os.pread(file, 300, max(self._told - 300, former)).decode(errors="replace").strip()
        return f"; its last words: {said}" if said else ""


def _wait(descriptor: int, time_limit: float, progress: Callable[[], Any] | None) -> None:
    """Wait until an answer begins, or until there has been no progress for so many seconds."""
    former = object()
    while progress is not None and not select.select([descriptor], [], [], time_limit)[0]:
        if (now := progress()) == former:
            raise Late
        former = now


def _ended(process: Process) -> int:
    """End a process that writes what is no answer, or nothing at all. Return its status."""
    try:
        return process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        _end(process)
        return process.wait()


def _end(process: Process, stderr: IO[bytes] | None = None, mark: str = "") -> None:
    if not (isinstance(process, origins.Forked) and process.is_reaped):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if mark:
        kill_descendants(mark)
    for pipe in (process.stdin, process.stdout, stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):  # if something was still to be written
                pipe.close()


def _how(status: int, taken: int | None = None) -> str:
    if taken is not None:
        return f"the process was ended as it had taken {taken / GIB:.2f} GiB of memory since the backends were loaded"
    if status < 0:
        return f"the process died of signal {-status} ({signal.Signals(-status).name})"
    return f"the process exited with status {status}, without an answer"
