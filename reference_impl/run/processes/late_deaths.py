"""Late deaths: a process dies of memory that an earlier call corrupted, and the guilty call is searched for.

A call that the process dies of is made again alone, in a fresh child. If the process dies again, that call is to blame.
Otherwise the calls before it are made again, under the C library's own checks of memory (glibc's malloc debugging). The
calls are halved until one is left: with it the process dies, and without it the process lives.
"""

from __future__ import annotations

import os
import platform
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...verdicts.agreement import Disagreement
from .memory import MIB
from .requests import Request
from .worker import Died, Raised

if TYPE_CHECKING:
    from .asking import BackendProcess

# So many late deaths of a backend's process are searched, for so many seconds each.
MOST_SEARCHED, SECONDS = 4, 60.0
# The journal keeps so many requests, with so many bytes of arrays.
_MOST_KEPT, _MOST_BYTES = 2000, 32 * MIB
_MOST_NAMED = 6


class Journal:
    """The last calls that a child was asked for since it was started, with their arrays."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()
        self._bytes = 0
        self.is_whole = True
        """False if older calls were left out."""

    def add(self, request: Request) -> None:
        self._requests.append(request)
        self._bytes += request.bytes
        while len(self._requests) > _MOST_KEPT or self._bytes > _MOST_BYTES:
            self._bytes -= self._requests.popleft().bytes
            self.is_whole = False

    @property
    def requests(self) -> list[Request]:
        return list(self._requests)


@dataclass(frozen=True, eq=False)
class LateDeath:
    """A death that did not come back when the call was made alone.

    `guilty` is the call that corrupts memory or, if none was found, the call that the process died of.
    """

    guilty: Request
    message: str


@dataclass(frozen=True, eq=False)
class _Found:
    """The guilty call, how the process died, and the number of calls between the two."""

    guilty: Request
    later: int
    how: Died


class _OutOfTime(Exception):
    pass


Fresh = Callable[[Mapping[str, str]], "BackendProcess"]
"""Makes a process of the same backends, with more variables in its environment."""


def looked_into(before: Journal, last: Request, died: Died, fresh: Fresh, *, searched: bool = True) -> LateDeath:
    """Search for the call that corrupts memory, for SECONDS at most. The process died of `last`, which comes back."""
    requests = [*before.requests, last]
    until = time.monotonic() + SECONDS
    why = "no search was made, as too many processes had died late" if not searched else ""
    for environment in (_checks(), {}) if searched else ():
        process = fresh(environment)
        try:
            found = _guilty(requests, process, until)
        except _OutOfTime:
            why = f"the search was ended after {SECONDS:g} s"
            break
        except (Died, Raised):  # the backend cannot be loaded in this environment
            continue
        finally:
            process.close()
        if found is not None:
            return LateDeath(found.guilty, _said(found, last, died, environment))
    earlier = [str(request) for request in before.requests]
    named = ", ".join(dict.fromkeys(reversed(earlier[-_MOST_NAMED:])))
    more = ", ..." if len(earlier) > _MOST_NAMED else ""
    older = "" if before.is_whole else ", or an older one,"
    return LateDeath(
        last,
        f"one of these {len(earlier) + 1} calls{older} corrupts memory: {last}, and those before it: {named}{more}. "
        f"In this one, {died}; but made alone it comes back"
        + (f"; {why}" if why else ", and so does it after the others"),
    )


def _guilty(requests: Sequence[Request], process: BackendProcess, until: float) -> _Found | None:
    """Halve the calls until one is left. None if the process lives, or if its death does not come back each time."""
    death = _death(requests, process, until)
    if death is None:
        return None
    end, _ = death
    first, alive = 0, end + 1  # the process dies of the calls from `first` on, and lives through those from `alive` on
    if _death(requests[end : end + 1], process, until) is not None:
        first = end
    while alive - first > 1:
        middle = (first + alive) // 2
        if _death(requests[middle : end + 1], process, until) is None:
            alive = middle
        else:
            first = middle
    again = _death(requests[first : end + 1], process, until)
    without = _death(requests[first + 1 : end + 1], process, until)
    if again is None or without is not None:
        return None
    later = sum(request.most_answers for request in requests[first + 1 : end + 1])
    return _Found(requests[first], later, again[1])


def _death(requests: Sequence[Request], process: BackendProcess, until: float) -> tuple[int, Died] | None:
    """Make calls one after another in a fresh child. Return the place of the one that it died of, and how."""
    process.renew()
    for place, request in enumerate(requests):
        if time.monotonic() > until:
            raise _OutOfTime
        try:
            process.make_once(request)
        except Died as died:
            return place, died
        except (Raised, Disagreement):  # its own check has said so
            pass
    return None


def _said(found: _Found, last: Request, died: Died, environment: Mapping[str, str]) -> str:
    checks = " ".join(f"{name}={value}" for name, value in environment.items())
    where = f"under the C library's checks of memory ({checks})" if environment else "again"
    when = f"{found.later} calls later" if found.later else "in it"
    return (
        f"this call corrupts memory: the run's process died in a later call, {last}, which comes back alone ({died}). "
        f"The calls were made {where}: with this one, the process dies {when}, and without it, it lives. {found.how}"
    )


def _checks() -> dict[str, str]:
    """Variables that turn on glibc's checks of memory; none for another C library."""
    library, version = platform.libc_ver()
    if library != "glibc":
        return {}
    checks = {"MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "165"}
    if tuple(map(int, version.split(".")[:2])) < (2, 34):
        return checks
    tunables = ":".join(filter(None, [os.environ.get("GLIBC_TUNABLES"), "glibc.malloc.check=3"]))
    preloaded = ":".join(filter(None, ["libc_malloc_debug.so.0", os.environ.get("LD_PRELOAD")]))
    return {**checks, "GLIBC_TUNABLES": tunables, "LD_PRELOAD": preloaded}
