"""Seconds and scratch memory of calls, for the benchmarks."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

REST = 0.003  # seconds between two calls
ENOUGH = 0.5  # seconds of one call: then it has no more rounds
# Calls of fewer seconds have three times as many rounds: a time slice of another process is as long as they are.
SHORT = 0.01


def medians(calls: dict[str, Callable[[], Any]], repeats: int, threads: int) -> dict[str, float]:
    """Return the seconds that each call takes: in turns, each round in another order.

    With one thread these are seconds of the processor, which other processes on the machine hardly change.
    """
    clock = time.process_time if threads == 1 else time.perf_counter
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(3 * repeats):
        names = list(calls)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            if sum(taken[name]) <= ENOUGH and (turn < repeats or min(taken[name]) < SHORT):
                time.sleep(REST)
                start = clock()
                calls[name]()
                taken[name].append(clock() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def scratch(call: Callable[[], Any]) -> int:
    """Return the peak bytes of a call beyond its result."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    result = call()
    peak = tracemalloc.get_traced_memory()[1] - before - result.nbytes
    tracemalloc.stop()
    return peak
