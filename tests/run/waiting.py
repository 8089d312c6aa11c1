"""To wait for what happens in another process."""

from __future__ import annotations

import time
from collections.abc import Callable


def soon(happens: Callable[[], object], seconds: float = 60.0) -> object:
    """Wait until something happens, and return what says so; what is false if it does not happen in time."""
    until = time.monotonic() + seconds
    while not happens() and time.monotonic() < until:
        time.sleep(0.02)
    return happens()
