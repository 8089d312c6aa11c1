"""Make calls of a backend in the process where it is: one after the other, or several at once."""

from __future__ import annotations

import contextvars
import ctypes
import os
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import Any

import numpy as np

_SECONDS = 60.0
_MOST_WAITED = 1.0  # seconds
_MOST_SWITCHES = 40  # between lines, in a call
_SWITCHES = 1e-6  # seconds, in place of 5 ms: so threads meet within a small call


def answers_of(functions: Sequence[Callable[[], Any]], threads: int = 1) -> list[Any]:
    """Call each function, and return what they return, all held to the end.

    With several threads, as many functions are called at once, and the next ones when all of these have returned. The
    number of functions must be a multiple of `threads`.
    """
    if threads == 1:
        return [function() for function in functions]
    answers: list[Any] = [None] * len(functions)
    errors: list[BaseException] = []
    together = threading.Barrier(threads)

    def some(first: int) -> None:
        between_lines = _LetsOthersRun()
        sys.settrace(between_lines)
        try:
            for place in range(first, len(functions), threads):
                together.wait(_SECONDS)
                between_lines.left = _MOST_SWITCHES
                answers[place] = functions[place]()
        except threading.BrokenBarrierError:
            pass  # another thread's call raised an error
        except BaseException as error:  # a backend may raise anything, and exit
            errors.append(error)
            together.abort()

    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCHES)
    try:
        # NumPy keeps the allocator of arrays in the context.
        targets = [partial(contextvars.copy_context().run, some, first) for first in range(threads)]
        started = [threading.Thread(target=target, daemon=True) for target in targets]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()
    finally:
        sys.setswitchinterval(usual)
    if errors:
        raise errors[0]
    return answers


def repeated(function: Callable[[], Any], times: int, seconds: float) -> list[Any]:
    """Call a function `times` times, or until the time is over, but at least once. Return all that it returned.

    The time is over after `seconds` of processor time, which do not depend on what else runs, or when the clock has
    gone on by _MOST_WAITED more. Meanwhile the threads of a kernel in Python take turns often, so that a race shows.
    """
    answers: list[Any] = []
    spent, clock = time.process_time() + seconds, time.perf_counter() + seconds + _MOST_WAITED
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCHES)
    try:
        while not answers or (len(answers) < times and time.process_time() < spent and time.perf_counter() < clock):
            answers.append(function())
    finally:
        sys.setswitchinterval(usual)
    return answers


# Frameworks and Python's own library have many lines, and locks where they need them.
_LIBRARIES = tuple({sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")})


class _LetsOthersRun:
    """Lets another thread run before one line in eight of a kernel in Python, so that calls meet in the middle."""

    def __init__(self) -> None:
        self.lines = self.left = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not self.left or frame.f_code.co_filename.startswith(_LIBRARIES):
            return None  # no more is heard of the lines of this frame
        self.lines += 1
        if self.lines % 8 == 0:
            self.left -= 1
            time.sleep(0)
        return self


_libc = ctypes.CDLL(None) if os.name == "posix" else None
if _libc is not None:
    _libc.malloc.restype, _libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    _libc.free.restype, _libc.free.argtypes = None, [ctypes.c_void_p]

# NumPy keeps up to 7 freed blocks of each size below this for itself.
_KEPT_BY_NUMPY, _MOST_KEPT = 1024, 7


def fill_and_free(size: int) -> None:
    """Leave NaN in free memory of this size, so that an answer that is partly unwritten shows."""
    block = _libc.malloc(size) if _libc is not None else None
    if block:
        ctypes.memset(block, 0xFF, size)
        _libc.free(block)  # type: ignore[union-attr]
    kept = [np.empty(size, np.uint8) for _ in range(_MOST_KEPT if size < _KEPT_BY_NUMPY else 1)]
    for memory in kept:
        memory.fill(0xFF)
