"""The process of an origin: it imports one framework, then forks the processes of its backends.

A forked process leaves `main` of this module for that of `backend_process`, and goes on as if it had imported the
framework itself. The origin waits for its end, and tells it to whoever asked for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ...backends import registry
from . import backend_process, descendants
from .channel import Closed, Late, receive, send
from .origins import peer_of

_LOOK = 0.5  # seconds between two looks at the process that started it
_ASKED_WITHIN = 5.0  # seconds from a connection to what it asks for
_DESCRIPTORS = 4  # requests, answers, stderr, shared memory


@dataclass(frozen=True)
class _Fork:
    """A process that was forked here. `over` and `asker_over` can be read from when it, or its asker, has ended."""

    pid: int
    mark: str
    over: int
    asker_over: int
    connection: socket.socket

    @property
    def ends(self) -> list[Any]:
        """One of these can be read from when the process has ended, or is to be ended."""
        return [self.over, self.asker_over, self.connection]

    def end(self) -> None:
        """End it and its descendants. Tell its status."""
        for kill in (os.killpg, os.kill):  # it may not lead a group yet
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        with contextlib.suppress(OSError):  # nobody may wait for it any more
            send(self.connection.fileno(), {"status": status})
        descendants.kill_descendants(self.mark)
        self.forget()

    def forget(self) -> None:
        os.close(self.over)
        os.close(self.asker_over)
        self.connection.close()


@dataclass(frozen=True)
class _Asked:
    """A process that is asked for."""

    connection: socket.socket
    asker_over: int
    descriptors: list[int]
    arguments: list[str]
    environment: dict[str, str]
    folder: str


def main(listener: str, adapter: str, idle: str) -> None:
    """Import what the adapters of a framework need, then fork whatever is asked for.

    This ends after so many `idle` seconds without a process that was forked here.
    """
    place = descendants.place_of_mark()
    alive = backend_process.take_stdin()
    with _ended_with(alive):
        _import(adapter)
    said = os.pread(2, os.fstat(2).st_size, 0)
    asked = _serve(socket.socket(fileno=int(listener)), alive, float(idle))
    # Only a forked process comes here.
    os.write(2, said)  # as if it had imported the framework
    os.chdir(asked.folder)
    os.environ.clear()
    os.environ.update(asked.environment)
    descendants.take_mark(place, asked.environment[descendants.VARIABLE])
    if "numpy.random" in sys.modules:  # Python's own random numbers begin anew by themselves
        sys.modules["numpy.random"].seed()
    (_, _, size), *names = asked.arguments[0].partition(":"), *asked.arguments[1:]
    backend_process.run(f"{asked.descriptors[-1]}:{size}", names, backend_process.is_hung_up)


@contextlib.contextmanager
def _ended_with(alive: int) -> Iterator[None]:
    """Let the system end this process when that which started it ends, even if an import hangs."""
    fcntl.fcntl(alive, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(alive, fcntl.F_GETFL)
    fcntl.fcntl(alive, fcntl.F_SETFL, flags | os.O_ASYNC)  # then it is sent SIGIO, which ends it
    yield
    fcntl.fcntl(alive, fcntl.F_SETFL, flags)


def _import(adapter: str) -> None:
    """Import the adapters that need the same framework as this one."""
    gc.disable()  # see backend_process
    for other, framework in registry.ADAPTERS.items():
        if framework == registry.ADAPTERS[adapter]:
            registry.routes(other)
    gc.freeze()
    gc.enable()
    sys.stdout.flush()
    sys.stderr.flush()


def _serve(listening: socket.socket, alive: int, idle: float) -> _Asked:
    """Fork processes until none is needed, and end this one. Return in those that are forked."""
    forks: list[_Fork] = []
    starter, used = os.getppid(), time.monotonic()
    open_ends: list[Any] = [listening, alive]
    while True:
        ready = select.select([*open_ends, *chain.from_iterable(fork.ends for fork in forks)], [], [], _LOOK)[0]
        for fork in [one for one in forks if any(end in ready for end in one.ends)]:
            forks.remove(fork)
            fork.end()
            used = time.monotonic()
        if alive in ready or os.getppid() != starter:
            listening.close()
            open_ends = []
        if listening in ready and open_ends and (asked := _asked(listening)) is not None:
            pid = os.fork()
            if not pid:
                os.setsid()
                listening.close()
                os.close(alive)
                for fork in forks:
                    fork.forget()
                os.close(asked.asker_over)
                asked.connection.close()
                for place, descriptor in enumerate(asked.descriptors[:3]):
                    os.dup2(descriptor, place)
                    os.close(descriptor)
                return asked
            for descriptor in asked.descriptors:
                os.close(descriptor)
            mark = asked.environment[descendants.VARIABLE]
            forks.append(_Fork(pid, mark, os.pidfd_open(pid), asked.asker_over, asked.connection))
            with contextlib.suppress(OSError):  # it is seen next time
                send(asked.connection.fileno(), {"pid": pid})
        if not forks and (not open_ends or time.monotonic() - used > idle):
            os._exit(0)


def _asked(listening: socket.socket) -> _Asked | None:
    """Receive what is asked for on a new connection. None if nothing comes, or not from this user."""
    connection, descriptors = listening.accept()[0], list[int]()
    try:
        asker = peer_of(connection)
        if select.select([connection], [], [], _ASKED_WITHIN)[0]:
            _, descriptors, *_ = socket.recv_fds(connection, 1, _DESCRIPTORS)
            arguments, environment, folder = receive(connection.fileno(), _ASKED_WITHIN)
            return _Asked(connection, os.pidfd_open(asker), descriptors, arguments, environment, folder)
    except (OSError, Closed, Late):
        pass
    for descriptor in descriptors:
        os.close(descriptor)
    connection.close()
    return None
