"""Origins: processes that have imported one framework, and fork the processes of its backends.

An import of TensorFlow takes three seconds of a processor, and a run has seven processes that need it. An origin
imports it once and calls nothing. So a process that is forked from it is as good as one that imports it anew.

All that ask for a framework under the same variables, interpreter, path and processors share an origin. They find it by
the name of its socket. Who finds none starts it. The origin ends after the process that started it, or when nobody has
needed it for a while, but not before the processes that it forked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import uuid
import weakref
from collections.abc import Mapping, Sequence

from ...backends import environments, registry
from .channel import Closed, Late, receive, send
from .descendants import VARIABLE
from .interpreter import command

# Names the origins of a run: its judges are told. With the value OFF every process imports its framework itself.
ORIGINS, OFF = "REFERENCE_IMPL_ORIGINS", "off"
TIME_LIMIT = 120.0  # seconds for an origin to import its framework
_TOLD_WITHIN = 10.0  # seconds from the death of a process until its origin has told of it
_IDLE = 20.0  # seconds that an origin waits for somebody who needs it
# A process keeps so many origins that it started. A further one takes the place of the oldest.
_MOST = 16
# Variables that no framework reads. They differ from one process, or one test, to the next.
_UNREAD = (VARIABLE, ORIGINS, "PYTHONPATH", "PYTEST_")
_CREDENTIALS = struct.Struct("3i")  # process, user and group

_run = uuid.uuid4().hex
_started: dict[bytes, _Origin] = {}
_unusable: set[bytes] = set()
_lock = threading.Lock()


class Forked:
    """A process that an origin forked, with the part of `subprocess.Popen` that a worker needs."""

    def __init__(self, connection: socket.socket, pid: int, requests: int, answers: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin, self.stdout = os.fdopen(requests, "wb", 0), os.fdopen(answers, "rb", 0)
        self._is_told = False
        self._connection, self._lock = connection, threading.Lock()

    @property
    def is_reaped(self) -> bool:
        """True if the process and its group have ended, and its number may soon be that of another."""
        self.poll()
        return self._is_told

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the status, which the origin tells. If the origin has died, that is the status of SIGKILL."""
        with self._lock:
            if (status := self.returncode) is None:
                ready = select.select([self._connection], [], [], _TOLD_WITHIN if timeout is None else timeout)[0]
                if not ready and timeout is not None:
                    raise subprocess.TimeoutExpired("a forked process", timeout)
                try:
                    status = int(receive(self._connection.fileno(), 1.0)["status"])
                    self._is_told = True
                except (OSError, Closed, Late):
                    status = -signal.SIGKILL
                self.returncode = status
                self._connection.close()
            return status


class _Origin:
    """An origin that this process has started. It ends soon after this object."""

    def __init__(self, listener: socket.socket, adapter: str, environment: Mapping[str, str]) -> None:
        with tempfile.TemporaryFile() as stderr:
            self.process = subprocess.Popen(
                command("origin_process", [str(listener.fileno()), adapter, str(_IDLE)]),
                stdin=subprocess.PIPE,  # open until this process ends
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                bufsize=0,
                env={**environment, VARIABLE: uuid.uuid4().hex},
                start_new_session=True,
                pass_fds=[listener.fileno()],
            )
        self.end = weakref.finalize(self, _end, self.process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let an origin end. It stays as long as other processes need what it forked."""
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1.0)


def adapter_of(names: Sequence[str]) -> str | None:
    """Return the adapter whose origin forks the process of these backends. None if that process imports for itself.

    They must be ours, of one framework, and in no environment that somebody chose.
    """
    adapters = [registry.adapter_of(name) for name in names]
    if any(environments.split(name)[1] for name in names):
        return None
    frameworks = {registry.ADAPTERS[one] if one else names for one in adapters}
    return adapters[0] if len(frameworks) == 1 else None


def told() -> dict[str, str]:
    """Return the variable by which a process that we start finds the origins of this one."""
    return {ORIGINS: os.environ.get(ORIGINS) or _run}


def fork(
    adapter: str, arguments: Sequence[str], environment: Mapping[str, str], descriptors: Sequence[int]
) -> Forked | None:
    """Fork a process of a backend from the origin of an adapter. Return None if there can be no such origin.

    Parameters
    ----------
    arguments : those of `backend_process.main`
    environment : the variables of the process
    descriptors : those of its stderr and of its shared memory
    """
    address = _address(adapter, environment)
    if told()[ORIGINS] == OFF or not _is_possible() or address in _unusable:
        return None
    connection = _connected(address) or _connected_to_new(address, adapter, environment)
    if connection is None:
        return None
    (requests, to_it), (from_it, answers) = os.pipe(), os.pipe()
    try:
        socket.send_fds(connection, [b"f"], [requests, answers, *descriptors])
        send(connection.fileno(), [list(arguments), dict(environment), os.getcwd()])
        return Forked(connection, int(receive(connection.fileno(), TIME_LIMIT)["pid"]), to_it, from_it)
    except (OSError, Closed, Late):  # the import failed, or hangs: a process that imports for itself tells how
        _unusable.add(address)
        _started.pop(address, None)  # which ends it
        connection.close()
        os.close(to_it)
        os.close(from_it)
        return None
    finally:
        os.close(requests)
        os.close(answers)


def peer_of(connection: socket.socket) -> int:
    """Return the process at the other end. Raises PermissionError if it is another user's.

    A socket without a file has no permissions of its own.
    """
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    process, user, _ = _CREDENTIALS.unpack(credentials)
    if user != os.geteuid():
        raise PermissionError(f"both ends of a connection must be of one user; here of {os.geteuid()} and {user}")
    return int(process)


def _is_possible() -> bool:
    """True on Linux, where a socket needs no file, and where `select` sees the end of a process."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def _address(adapter: str, environment: Mapping[str, str]) -> bytes:
    """The name of a socket that has no file. It depends on all that a framework reads when it is imported."""
    variables = sorted(one for one in environment.items() if not one[0].startswith(_UNREAD))
    path = list(dict.fromkeys(filter(None, sys.path)))
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    key = json.dumps([told(), registry.ADAPTERS[adapter], variables, sys.executable, path, processors])
    return b"\0reference_impl." + hashlib.sha256(key.encode()).hexdigest().encode()


def _connected(address: bytes) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    with contextlib.suppress(OSError):
        connection.connect(address)
        peer_of(connection)
        return connection
    connection.close()
    return None


def _connected_to_new(address: bytes, adapter: str, environment: Mapping[str, str]) -> socket.socket | None:
    """Start an origin and connect to it, or to that of another process that was quicker."""
    with _lock, socket.socket(socket.AF_UNIX) as listener, contextlib.suppress(OSError):
        listener.bind(address)
        listener.listen(64)
        for old in [old for old, origin in _started.items() if origin.process.poll() is not None]:
            del _started[old]
        if len(_started) >= _MOST:
            del _started[next(iter(_started))]
        _started[address] = _Origin(listener, adapter, environment)
    return _connected(address)
