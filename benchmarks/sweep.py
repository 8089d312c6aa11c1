"""Exact checks a second of a sweep, and where the time goes: the judge, the framework, and what lies between.

    python benchmarks/sweep.py [BACKEND ...]        by default the reference, and torch and tensorflow if installed

Each line is a sweep of some chunks of a scope by a backend, in one process and in two. "Wall" depends on what else
the machine does. So there is processor time too, of all processes of the sweep, those of the framework included.
The parts are microseconds a check, and wall time of the process that judges: "backend" is the framework's calls.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from reference_impl.backends import registry
from reference_impl.run.sweep import preparing
from reference_impl.run.sweep.engine import Here
from reference_impl.run.sweep.jobs import Answer, Job, Setting
from reference_impl.run.sweep.judging import PARTS
from reference_impl.run.sweep.machine import variables
from reference_impl.run.sweep.scope import Scope
from reference_impl.run.sweep.store import number_of_configurations

SCOPE, CHUNKS = "small", 8
_TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds():
    """Return the processor time of this process and of all below it, those that have ended included."""
    parents, spent = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        number = int(path.parent.name)
        parents[number], spent[number] = int(fields[1]), sum(map(int, fields[11:15])) / _TICKS
    mine = {os.getpid()}
    while more := {number for number, parent in parents.items() if parent in mine} - mine:
        mine |= more
    return sum(spent[number] for number in mine)


def spread(chunks):
    """Return numbers of chunks that are spread evenly over the scope."""
    return [int(number) for number in np.linspace(0, Scope.named(SCOPE).number_of_chunks - 2, chunks)]


def oracle():
    """Print the rate of the fast answers, with their data: here, without any process."""
    scope = Scope.named(SCOPE)
    chunks = [scope.chunk(number) for number in spread(CHUNKS)]
    start, busy = time.perf_counter(), time.process_time()
    made = sum(len(group.configurations) for chunk in chunks for group in preparing.prepared(chunk, None, 0))
    wall, busy = time.perf_counter() - start, time.process_time() - busy
    print(f"{'exact answers alone':<22} {1:>9} {made:>8,} {made / wall:>8,.0f} {made / busy:>12,.0f}", flush=True)


def sweep(name, processes):
    setting = Setting(Scope.named(SCOPE), None, 0, (name,), 10.0, variables())
    engine = Here(setting, processes)
    numbers = spread(CHUNKS * processes)
    try:
        # The first chunk of each process loads the framework, and is not counted.
        warm = [Job(setting.scope.number_of_chunks - 1, (name,))] * processes
        list(engine.answers(iter(warm)))
        start, busy = time.perf_counter(), processor_seconds()
        answers = list(engine.answers(iter([Job(number, (name,)) for number in numbers])))
        wall, busy = time.perf_counter() - start, processor_seconds() - busy
    finally:
        engine.close()
    results = [one.results[name] for one in answers if isinstance(one, Answer)]
    checks, all_of_them = sum(one.asked for one in results), sum(map(number_of_configurations, results))
    seconds = Counter()
    for one in results:
        seconds.update(one.seconds)
    parts = "".join(f"{seconds[part] / checks * 1e6:>10.0f}" for part in PARTS)
    print(
        f"{name:<22} {processes:>9} {checks:>8,} {checks / wall:>8,.0f} {checks / busy:>12,.0f} {parts}"
        f"{sum(one.seconds for one in answers if isinstance(one, Answer)) / checks * 1e6:>10.0f}"
        + (f"   ({all_of_them - checks:,} more are not offered)" if all_of_them > checks else ""),
        flush=True,
    )


def main(names):
    parts = "".join(f"{part:>10}" for part in PARTS)
    print(f"Scope {SCOPE}, {CHUNKS} chunks a process; load of the machine: {os.getloadavg()[0]:.1f}")
    print(f"{'':<41} {'checks/s':>8} {'checks/s of':>12}   microseconds a check")
    print(f"{'':<22} {'processes':>9} {'checks':>8} {'(wall)':>8} {'processor':>12} {parts}{'all':>10}")
    oracle()
    for name in names:
        for processes in (1, 2):
            sweep(name, processes)


if __name__ == "__main__":
    there = registry.installed()
    main(sys.argv[1:] or [name for name in ("reference", "torch", "tensorflow") if there[name]])
