"""End the processes that a worker started, even those that left its process group."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path

# A worker and its descendants have this variable. Its value is the worker's own.
VARIABLE = "REFERENCE_IMPL_WORKER"
_START_OF_ENVIRONMENT = 47  # in /proc/self/stat, counted from the state of the process


def kill_descendants(mark: str) -> None:
    """Kill every other process of this user that has `mark` in its environment. Does nothing outside Linux."""
    if not mark:
        return
    wanted = f"{VARIABLE}={mark}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        process = int(environment.parent.name)
        with contextlib.suppress(OSError):  # it may have ended, or be another user's
            if process != os.getpid() and wanted in environment.read_bytes().split(b"\0"):
                os.kill(process, signal.SIGKILL)


def place_of_mark() -> int:
    """Return the address at which `kill_descendants` finds the mark of this process. A forked process has the same."""
    environment = Path("/proc/self/environ").read_bytes()
    name = f"{VARIABLE}=".encode()
    before, found, _ = environment.partition(name + os.environ[VARIABLE].encode())
    begin = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[_START_OF_ENVIRONMENT])
    if not found or not begin:
        raise OSError("a process must find its own environment in its memory, and cannot")
    return begin + len(before) + len(name)


def take_mark(place: int, mark: str) -> None:
    """Give this process another mark of the same length. A forked process has that of the one it comes from."""
    ctypes.memmove(place, mark.encode(), len(mark))
