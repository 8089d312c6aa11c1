"""What backends write to stdout, from Python or C, in a process that answers jobs."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile

# The claim, of every call that is made in a process of its own.
PRINTS_NOTHING = "prints_nothing"

_C = ctypes.CDLL(None) if os.name == "posix" else None


def redirect() -> int:
    """Make stdout a file that `take` reads, and give the descriptor of what it was."""
    former = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
    return former


def take() -> bytes:
    """What was written to it since it was last taken."""
    sys.stdout.flush()
    if _C is not None:
        _C.fflush(None)
    size = os.fstat(1).st_size
    if not size:
        return b""
    os.lseek(1, 0, os.SEEK_SET)
    written = os.read(1, size)
    os.lseek(1, 0, os.SEEK_SET)
    os.ftruncate(1, 0)
    return written
