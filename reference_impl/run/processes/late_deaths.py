"""Late deaths: a process dies of memory that an earlier call corrupted, and the guilty call is searched for.

A call that the process dies of is made again alone, in a fresh child. If the process dies again, that call is to blame.
Otherwise the calls before it are made again, under the C library's own checks of memory (glibc's malloc debugging). The
search halves the calls until one is left: the process dies of the calls from this one on, but not of those behind it.

That does not prove it: an innocent call may only move what the guilty one writes over. So the call is made alone, and
after it only the call that the process died of, many times. It is guilty if the process dies of that, and lives through
the same without it. If it is not, every other call is tried in the same way.
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
from .worker import Died, Hung, Raised

if TYPE_CHECKING:
    from .asking import BackendProcess

# So many late deaths of a backend's process are searched, for so many seconds each.
MOST_SEARCHED, SECONDS = 4, 60.0
# The journal keeps so many requests, with so many bytes of arrays.
_MOST_KEPT, _MOST_BYTES = 2000, 32 * MIB
_MOST_NAMED = 6
# The call that the process died of is made so many times more than there were calls.
_FILLED, _MOST_FILLED = 32, 500


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


class _OutOfTime(Exception):
    """The search, or a call of it, takes too long. The message says which."""


Fresh = Callable[[Mapping[str, str]], "BackendProcess"]
"""Makes a process of the same backends, with more variables in its environment."""


def looked_into(before: Journal, last: Request, died: Died, fresh: Fresh, *, unsearched: str = "") -> LateDeath:
    """Search for the call that corrupts memory, for SECONDS at most. The process died of `last`, which comes back.

    `unsearched` says why no search is to be made.
    """
    requests = [*before.requests, last]
    until = time.monotonic() + SECONDS
    why = f"no search was made, as {unsearched}"
    for environment in () if unsearched else (_checks(), {}):
        process = fresh(environment)
        try:
            found, why = _guilty(requests, _Replay(process, until))
        except _OutOfTime as error:
            why = f"the search was ended {error}"
            break
        except (Died, Raised):  # the backend cannot be loaded in this environment
            continue
        finally:
            process.close()
        if found is not None:
            return LateDeath(found, _said(why, last, died, environment))
    return LateDeath(last, _undecided(before, last, died, why))


class _Replay:
    """Makes rows of calls again, each in a fresh child, until the time is over."""

    def __init__(self, process: BackendProcess, until: float) -> None:
        self._process, self._until = process, until

    def death(self, requests: Sequence[Request]) -> Died | None:
        """Make calls one after another. Return how the process died, or None if it lives."""
        self._process.renew()
        for request in requests:
            if time.monotonic() > self._until:
                raise _OutOfTime(f"after {SECONDS:g} s")
            try:
                self._process.make_once(request)
            except Hung as hung:  # it may be slow: that is no death
                raise _OutOfTime(f"as a call gave {hung}") from hung
            except Died as died:
                return died
            except (Raised, Disagreement):  # its own check has said so
                pass
        return None


def _guilty(requests: Sequence[Request], replay: _Replay) -> tuple[Request | None, str]:
    """Return the call that the process dies of, whatever other calls there are, and how; or None, and why."""
    first = _last_start(requests, replay)
    if first is None:
        return None, "and so does it after the others"
    filler = [requests[-1]] * min(len(requests) + _FILLED, _MOST_FILLED)
    if (how := replay.death(filler)) is not None:
        return requests[-1], f"made many times, {how}"
    candidates = {_call(request): request for request in (first, *reversed(requests[:-1]))}
    for call, request in candidates.items():
        how = replay.death([one for one in requests[:-1] if _call(one) == call] + filler)
        if how is not None:
            return request, str(how)
    return None, f"the process dies only of several calls together, such as those from {first} on"


def _last_start(requests: Sequence[Request], replay: _Replay) -> Request | None:
    """Return the last call such that the process dies of the calls from it on; None if it lives through all of them."""
    lives, dies = 0, 1  # numbers of calls at the end of the row
    while replay.death(requests[-dies:]) is None:
        if dies >= len(requests):
            return None
        lives, dies = dies, min(2 * dies, len(requests))
    while dies - lives > 1:
        middle = (lives + dies) // 2
        if replay.death(requests[-middle:]) is None:
            lives = middle
        else:
            dies = middle
    return requests[-dies]


def _call(request: Request) -> object:
    """What makes two requests the same call, whatever the numbers in their arrays."""
    return request.name, request.operation, request.case or id(request)


def _undecided(before: Journal, last: Request, died: Died, why: str) -> str:
    earlier = [str(request) for request in before.requests]
    named = ", ".join(dict.fromkeys(reversed(earlier[-_MOST_NAMED:])))
    more = ", ..." if len(earlier) > _MOST_NAMED else ""
    older = "" if before.is_whole else ", or an older one,"
    return (
        f"one of these {len(earlier) + 1} calls{older} corrupts memory: {last}, and those before it: {named}{more}. "
        f"In this one, {died}; but made alone it comes back; {why}"
    )


def _said(how: str, last: Request, died: Died, environment: Mapping[str, str]) -> str:
    checks = " ".join(f"{name}={value}" for name, value in environment.items())
    where = f"under the C library's checks of memory ({checks})" if environment else "again"
    return (
        f"this call corrupts memory. The process died in a later one, {last}, which comes back alone: {died}.\n"
        f"The two were made {where}: the process dies with this call, and lives without it. Then {how}"
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
