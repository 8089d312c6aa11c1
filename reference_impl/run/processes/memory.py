"""The memory of a process that runs backends: what it holds, the most that it may hold, and what it keeps."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import resource
except ModuleNotFoundError:  # not a Unix
    resource = None  # type: ignore[assignment]

# The reason if the peak is not known.
UNKNOWN = None if resource else "this system does not tell what memory a process takes"

GIB, MIB, KIB = 2**30, 2**20, 2**10

# A process that grows by more, after the backends are loaded, is ended. One that grows by half is replaced by a fresh
# one after its answer, so that no backend pays for the memory that another one keeps.
LIMIT = 4 * GIB

# Steady memory is tested with this many calls, or as many as the time allows.
CALLS, FEWEST_CALLS, SECONDS = 512, 160, 3.0
_CALLS_TO_WARM_UP = 16

# Parameters of C's `mallopt`, in glibc: keep so much free memory at the end, take so much more than is asked for, and
# map blocks from this size on apart. The last value is the largest that glibc takes.
_KEEPING = {-1: GIB, -2: 8 * MIB, -3: 32 * MIB}


_MADE_BEFORE_A_LOOK = 50_000  # objects, in place of 700


def keep_freed() -> None:
    """Let C's `free` keep memory for the next `malloc`. A page that comes anew costs 20 times a page that is kept."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in _KEEPING.items():
            mallopt(parameter, value)


def collect_rarely() -> None:
    """Let Python look for garbage in cycles less often, and not in what exists already. We make next to none."""
    gc.freeze()
    gc.set_threshold(_MADE_BEFORE_A_LOOK)


def held(process: int) -> int:
    """Bytes that the process has to itself now; 0 if that is not known."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{process}/statm").read_text().split()
    except OSError:  # not Linux, or the process has ended
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def peak() -> int:
    """The most bytes that this process has held so far; 0 if that is UNKNOWN."""
    if resource is None:
        return 0
    unit = 1 if sys.platform == "darwin" else KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def growth(call: Callable[[], Any]) -> tuple[int, int]:
    """Make a call many times. Return how often, and by how many bytes the peak grew."""
    gc.freeze()  # spares the collector what exists already
    _repeat(call, _CALLS_TO_WARM_UP)
    start = peak()
    return _repeat(call, CALLS), peak() - start


def _repeat(call: Callable[[], Any], most: int) -> int:
    """Make the call `most` times, or as often as there is time. Return how often."""
    until, calls = time.monotonic() + SECONDS, 0
    while calls < most and time.monotonic() < until:
        call()
        gc.collect()  # garbage is not a leak
        calls += 1
    return calls
