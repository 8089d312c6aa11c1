"""Speed of a user's kernel. A call that would take too long, by the time of smaller ones, is not made.

A kernel in plain Python may take minutes for a layer of ResNet. That is slow, and not wrong.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..cases.case import Case
from ..verdicts.integers import integer_call
from .processes.asking import NOT_ASKED
from .processes.worker import Died

TOO_SLOW = "too slow to be asked"
# The messages on calls that were not made begin so.
LEFT_OUT = (TOO_SLOW, NOT_ASKED)
# A call with so few multiply-adds is made, whatever the speed.
FREE = 100_000
# Smaller calls have up to so many multiply-adds. One that takes SURE seconds is no longer mostly the cost of any call.
_LADDER, SURE = (30_000, 1_000_000, 30_000_000), 0.1
# A call on a case that we chose may take this part of the time limit. Every known mistake shows on small cases too.
PART = 1 / 6
# A call with a time limit of 60 s that was ended is slow, and no hang, if by its smaller ones it takes 15 s or more.
_PART_OF_SLOW = 1 / 4


class Speed:
    """The seconds that a backend took for small calls."""

    def __init__(self) -> None:
        self._least: dict[str, float] = {}
        """By operation: the least seconds for a multiply-add."""

    def too_slow(self, backend: Any, operation: str, case: Case, seed: int, patience: float) -> str | None:
        """Say that a call would take longer than `patience` seconds, or nothing if it may be made.

        Nothing is known of a backend that takes no smaller calls. Raises Died if a smaller call kills the process, or
        hangs. Then `case` of the error is that of the smaller call.
        """
        if case.multiply_adds <= FREE or math.isinf(patience):
            return None
        known = self._least.get(operation)
        # The time on other options may be off by a few times.
        if known is not None and known * case.multiply_adds <= patience * _PART_OF_SLOW:
            return None
        if not self._takes_longer(backend, operation, case, seed, patience):
            return None
        return f"{TOO_SLOW}: by the time of smaller calls, one takes more than {patience:.3g} s (--timeout)"

    def _takes_longer(self, backend: Any, operation: str, case: Case, seed: int, patience: float) -> bool:
        for most in _LADDER:
            small = smaller(case, most)
            if 2 * small.multiply_adds > case.multiply_adds or not backend.capabilities.supports(operation, small):
                return False
            times = case.multiply_adds / small.multiply_adds
            seconds = self._seconds(backend, operation, small, seed, patience / times)
            if seconds is None or seconds * times <= patience:
                return False
            if seconds >= SURE:
                return True
        return False

    def _seconds(self, backend: Any, operation: str, case: Case, seed: int, enough: float) -> float | None:
        """Return the time of a call. One that takes more than `enough` is made again: the first may compile.

        Return None if the backend raises an error.
        """
        call, seconds = integer_call(case, operation, seed), math.inf
        for _ in range(2):
            start = time.perf_counter()
            try:
                call.run(backend)
            except Died as died:
                died.case = str(case)
                raise
            except Exception:  # a backend may raise anything
                return None
            seconds = min(seconds, time.perf_counter() - start)
            if seconds <= enough:
                break
        self._least[operation] = min(self._least.get(operation, math.inf), seconds / max(case.multiply_adds, 1))
        return seconds


def smaller(case: Case, most: int) -> Case:
    """Return the case with batch 1, halved until it has at most `most` multiply-adds, if it can be.

    The image stays twice as large as the kernel, as a kernel may leave out taps in the padding. Then the channels are
    halved.
    """
    case = replace(case, batch=min(case.batch, 1))
    while case.multiply_adds > most and (halved := next(_halved(case), None)) is not None:
        case = halved
    return case


def _halved(case: Case) -> Iterator[Case]:
    """Yield the case with half the image, if the kernel leaves room, or half the channels, the larger number first."""
    extents = (case.convolution.height.kernel_extent, case.convolution.width.kernel_extent)
    sizes = [max(size // 2, 2 * extent) for size, extent in zip((case.height, case.width), extents)]
    height, width = min(sizes[0], case.height), min(sizes[1], case.width)
    if (height, width) != (case.height, case.width):
        yield replace(case, height=height, width=width)
    groups = case.groups
    inputs, outputs = case.input_channels // groups, case.output_channels // groups
    if inputs > 1 or outputs > 1:
        inputs, outputs = (inputs, outputs // 2) if outputs >= inputs else (inputs // 2, outputs)
        yield replace(case, input_channels=groups * inputs, output_channels=groups * outputs)
    if groups > 1:
        groups //= 2
        yield replace(case, input_channels=groups * inputs, output_channels=groups * outputs, groups=groups)


def patience_of(time_limit: float, *, chosen: bool) -> float:
    """Return the seconds that a call may take by the time of smaller ones; `chosen` if nobody named its case."""
    return time_limit * PART if chosen else time_limit


def was_slow(speed: Speed, backend: Any, operation: str, case: Case, seed: int) -> str | None:
    """Say that a call without an answer in time is too slow, or nothing if it hangs."""
    return speed.too_slow(backend, operation, case, seed, backend.process.time_limit * _PART_OF_SLOW)
