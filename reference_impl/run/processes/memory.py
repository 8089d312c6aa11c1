"""How much memory a process holds that runs backends, and how much it may."""

from __future__ import annotations

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

# Why the peak is not known, if it is not.
UNKNOWN = None if resource else "this system does not tell what memory a process takes"

GIB, MIB, KIB = 2**30, 2**20, 2**10

# Beyond what it held when the backends were loaded: with more, the process is ended. Where it grew by half of that, it
# is exchanged for a fresh one after its answer, so that no backend pays for what another one keeps.
LIMIT = 4 * GIB

# Of the calls that must be steady: so many, or as long as there is time.
CALLS, FEWEST_CALLS, SECONDS = 512, 160, 3.0
_CALLS_TO_WARM_UP = 16


def held(process: int) -> int:
    """The bytes that the process has to itself now; 0 where that is not known."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{process}/statm").read_text().split()
    except OSError:  # no Linux, or no process any more
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def peak() -> int:
    """The most bytes that this process has held so far; 0 where that is UNKNOWN."""
    if resource is None:
        return 0
    unit = 1 if sys.platform == "darwin" else KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def growth(call: Callable[[], Any]) -> tuple[int, int]:
    """How often `call` was made, and by how many bytes the peak grew meanwhile, if it was not higher before."""
    gc.freeze()  # all that there is now need not be looked through again
    _repeat(call, _CALLS_TO_WARM_UP)
    start = peak()
    return _repeat(call, CALLS), peak() - start


def _repeat(call: Callable[[], Any], most: int) -> int:
    """How often there was time for it."""
    until, calls = time.monotonic() + SECONDS, 0
    while calls < most and time.monotonic() < until:
        call()
        gc.collect()  # what it frees is no leak
        calls += 1
    return calls
