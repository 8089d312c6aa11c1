"""End the processes that a worker started, even those that left its process group."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

# A worker and its descendants have this variable. Its value is the worker's own.
VARIABLE = "REFERENCE_IMPL_WORKER"


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
