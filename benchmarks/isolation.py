"""Time and memory of a call in a process of its own, beside the same call in this process.

    python benchmarks/isolation.py [BACKEND ...]        by default the reference, and torch and tensorflow if installed

Each line is a median over rounds in which the two ways take turns.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time

from reference_impl.backends import registry
from reference_impl.cases.case import Case
from reference_impl.run.subject import Subject
from reference_impl.verdicts.integers import integer_call

CASES = ["n1_h8w8c3_k3x3o4", "n1_h56w56c64_k3x3o64_SAME"]
ROUNDS = 15


def seconds(call, backend, calls):
    start = time.perf_counter()
    for _ in range(calls):
        call.run(backend)
    return (time.perf_counter() - start) / calls


def main(names):
    print(f"{'backend':<12} {'case':<28} {'here':>10} {'apart':>10} {'added':>10}   (microseconds a call)")
    for name in names:
        near, far = Subject.here(name).backend, Subject.load(name).backend
        for spec in CASES:
            call = integer_call(Case.parse(spec), "conv2d", 0)
            once = seconds(call, near, 3)
            calls = max(3, min(200, int(0.02 / once)))
            seconds(call, far, 3)
            rounds = [(seconds(call, near, calls), seconds(call, far, calls)) for _ in range(ROUNDS)]
            here, apart = (statistics.median(way) * 1e6 for way in zip(*rounds, strict=True))
            added = statistics.median(b - a for a, b in rounds) * 1e6
            print(f"{name:<12} {spec:<28} {here:>10.0f} {apart:>10.0f} {added:>10.0f}")
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"this process, which has loaded all of them: {mib:.0f} MiB at its peak")


if __name__ == "__main__":
    there = registry.installed()
    main(sys.argv[1:] or [name for name in ("reference", "torch", "tensorflow") if there[name]])
