"""Measure the diagnosis on wrong kernels: python benchmarks/forty_kernels.py [--SET] [NAME ...].

SET is twenty, ten, twelve or eight; without it, the forty are measured, which have tuned the diagnosis. The others were
held out: each file says what was measured before anything was changed for them.

Each kernel is judged on the smoke cases and 60 curated ones. Then its first failure is diagnosed. The truth is what the
kernel does on fresh calls, which the diagnosis has not seen.

- named: the diagnosis names one of the kernel's known mistakes first, and none for a kernel without any; or it says
  that a cache is a cache, and a race a race
- true: a condition that holds on all fresh calls that fail
- only: a diagnosis that says that the kernel is wrong nowhere else; false if a fresh call elsewhere fails. Beside it:
  those that also say that all calls under the conditions fail, though a fresh one passes
- agree: fresh calls that fail just where the conditions of a diagnosis say so
- minimal: it fails, and no failing case has each part as small as the smallest case found, and one part smaller
- shrunk: the same of the smallest cases that are found from three large failing cases
"""

from __future__ import annotations

import itertools
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from diagnosis import eight_kernels, forty_kernels, ten_kernels, twelve_kernels, twenty_kernels
from diagnosis.wrong_kernels import WrongKernel

from reference_impl.bugs import JudgedCall
from reference_impl.bugs.fresh_calls import FreshCalls
from reference_impl.bugs.table import Table
from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.cases.generation import generate
from reference_impl.diagnosis import Diagnoses, Diagnosis, diagnose
from reference_impl.diagnosis.conditions import outcomes_of
from reference_impl.diagnosis.matching import does
from reference_impl.diagnosis.probes import Probe
from reference_impl.diagnosis.shrinking import complexity
from reference_impl.diagnosis.shrinking import smallest as shrink
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.spread import in_dtypes
from reference_impl.run.subject import Subject
from reference_impl.verdicts.call import oracle
from reference_impl.verdicts.integers import integer_call
from reference_impl.verdicts.races import is_race

# The cases of a first run: those of smoke, and some that are chosen by hand.
CASES = [*in_dtypes(catalogue.load("smoke"), ("float32", "float64", "int32")), *catalogue.load("curated")[:60]]
MOST_SMALLER = 3000


def is_wrong(kernel: WrongKernel, case: Case) -> bool:
    """True if a fresh kernel is wrong on the case, by itself or after another call."""
    call = integer_call(case, kernel.operation, seed=0)
    backend, before = kernel.backend(), kernel.before(case)
    try:
        if before is not None:
            integer_call(before[0], kernel.operation, seed=before[1]).run(backend)
        answer = call.run(backend)
    except (NotImplementedError, IndexError, ValueError):
        return True
    return not np.array_equal(answer, oracle(call))


def first_diagnosis(kernel: WrongKernel) -> tuple[Diagnosis, float, bool]:
    """Judge the kernel on some cases.

    Return the diagnosis of the first failure that has one, its seconds, and True if the failure is told as a race.
    """
    subject = Subject.of(kernel.backend(), remake=kernel.backend)
    records = list(records_of(for_all([subject], CASES, [kernel.operation], full=True)))
    for record in records:
        if record.unexpected and record.outcome in ("fail", "refused"):
            chosen = Diagnoses(run=records).chosen(record)
            start = time.process_time()
            diagnosis = diagnose(subject, chosen, 60, outcomes=outcomes_of(records, chosen))
            return diagnosis, time.process_time() - start, is_race(chosen.message or "")
    return Diagnosis(), 0.0, False


def fresh_cases(kernel: WrongKernel, smallest: Case | None) -> list[Case]:
    """Draw cases that no diagnosis has seen: at random, and near some that fail."""
    cases = generate(250, seed=990_001, max_products=4000, dtypes=("float32", "float64"), empty=False)
    near = [case for case in (*CASES, *cases) if is_wrong(kernel, case)][:40]
    starts = [JudgedCall(kernel.name, kernel.operation, case) for case in (*near, *([smallest] if smallest else []))]
    changed = FreshCalls(starts, seed=990_002).like(starts, 250) if starts else []
    return [*cases, *(call.case for call in changed if call.case.multiply_adds < 20_000)]


@dataclass
class Truth:
    """The conditions of a diagnosis, compared with what the kernel does on fresh calls."""

    said: list[str]
    true: list[str]
    only: int
    refuted: int
    spared: int
    agree: int
    compared: int


def truth_of(kernel: WrongKernel, diagnosis: Diagnosis, fresh: list[Case], failed: set[Case]) -> Truth:
    shown = [case for case in fresh if not diagnosis.mistakes or does(diagnosis.mistakes[0], _probe(kernel, case))]
    calls = [JudgedCall(kernel.name, kernel.operation, case) for case in shown]
    inside = {id(bug): bug.holds(calls) for bug in diagnosis.bugs}
    found = Truth([], [], 0, 0, 0, 0, 0)
    if inside:
        found.compared = len(calls)
        held = np.logical_or.reduce([np.array(mask, bool) for mask in inside.values()])
        found.agree = sum(one == (call.case in failed) for one, call in zip(held, calls, strict=True))
    for bug in diagnosis.bugs:
        others = [inside[id(other)] for other in diagnosis.bugs if other is not bug]
        own = [
            call for row, call in enumerate(calls) if call.case in failed and not any(other[row] for other in others)
        ]
        for condition in bug.rule:
            found.said.append(condition.name)
            if condition.holds(Table.of(own)).all():
                found.true.append(condition.name)
        if "and only there" in diagnosis.text:
            found.only += 1
            outside = [row for row in range(len(calls)) if not any(held[row] for held in inside.values())]
            passed = any(held and call.case not in failed for held, call in zip(inside[id(bug)], calls, strict=True))
            found.refuted += any(calls[row].case in failed for row in outside)
            found.spared += passed and bug.failures == bug.calls
    return found


def _probe(kernel: WrongKernel, case: Case) -> Probe:
    return Probe(kernel.operation, case)


def smaller(case: Case) -> Iterator[Case]:
    """Yield the cases with each part as small as that of `case`, and one part smaller, the smallest first."""
    pads = [case.padding, "VALID"] if isinstance(case.padding, str) else ["VALID", *_smaller_pads(case.padding)]
    numbers = [
        range(1, case.batch + 1),
        range(1, case.height + 1),
        range(1, case.width + 1),
        range(1, case.kernel_size[0] + 1),
        range(1, case.kernel_size[1] + 1),
        range(1, case.strides[0] + 1),
        range(1, case.strides[1] + 1),
        range(1, case.dilations[0] + 1),
        range(1, case.dilations[1] + 1),
        range(1, case.groups + 1),
        range(1, case.input_channels // case.groups + 1),
        range(1, case.output_channels // case.groups + 1),
    ]
    for n, h, w, kh, kw, sh, sw, dh, dw, g, i, o in itertools.product(*numbers):
        for padding in dict.fromkeys(map(str, pads)):
            there = next(one for one in pads if str(one) == padding)
            try:
                found = Case(n, h, w, g * i, (kh, kw), g * o, (sh, sw), (dh, dw), g, there, case.dtype)
            except ValueError:
                continue
            if found != case:
                yield found


def _smaller_pads(padding: tuple) -> Iterator[tuple]:
    (top, bottom), (left, right) = padding
    for t, b, le, r in itertools.product(*(range(pad + 1) for pad in (top, bottom, left, right))):
        yield (t, b), (le, r)


def is_minimal(kernel: WrongKernel, case: Case) -> bool | None:
    """True if no smaller case fails, None if there are too many to try."""
    tried = list(itertools.islice(smaller(case), MOST_SMALLER + 1))
    if not is_wrong(kernel, case):
        return False
    return not any(is_wrong(kernel, one) for one in tried) if len(tried) <= MOST_SMALLER else None


def shrunk(kernel: WrongKernel, failed: list[Case]) -> list[bool]:
    """Shrink three large failing cases. Return for each if what is found is minimal."""
    largest = sorted(failed, key=complexity)[-3:]
    found = [is_minimal(kernel, shrink(case, partial(is_wrong, kernel))) for case in largest]
    return [one for one in found if one is not None]


def measure(kernel: WrongKernel) -> dict[str, object]:
    diagnosis, seconds, told_as_race = first_diagnosis(kernel)
    named = re.findall(r"\b(?:match|matches|fails the same checks as)\b[^*:]* \*([a-z0-9-]+)\*", diagnosis.text)
    is_cache = kernel.remembers and "a cache: " in diagnosis.text
    is_told = is_cache or (told_as_race and "differs-from-call-to-call" in kernel.mistakes)
    right = is_told or (named[0] if named else "") in (kernel.mistakes or ("",))
    smallest = diagnosis.smallest
    fresh = fresh_cases(kernel, smallest)
    failed = [case for case in fresh if is_wrong(kernel, case)]
    truth = truth_of(kernel, diagnosis, fresh, set(failed))
    return {
        "name": kernel.name,
        "named": right,
        "mistakes": named,
        "said": truth.said,
        "true": truth.true,
        "only": truth.only,
        "refuted": truth.refuted,
        "spared": truth.spared,
        "agree": truth.agree,
        "compared": truth.compared,
        "smallest": str(smallest),
        "minimal": is_minimal(kernel, smallest) if smallest else None,
        "shrunk": shrunk(kernel, failed),
        "seconds": seconds,
        "text": diagnosis.text,
        "failed": len(failed),
        "fresh": len(fresh),
    }


def main(names: list[str]) -> None:
    rows = []
    sets = {
        "--ten": ten_kernels.KERNELS,
        "--twelve": twelve_kernels.KERNELS,
        "--eight": eight_kernels.KERNELS,
        "--twenty": twenty_kernels.KERNELS,
    }
    kernels = next((sets[name] for name in names if name in sets), forty_kernels.KERNELS)
    names = [name for name in names if name not in sets]
    for kernel in kernels:
        if names and kernel.name not in names:
            continue
        row = measure(kernel)
        rows.append(row)
        print(
            f"{row['name']:<40} {'named' if row['named'] else 'MISNAMED'} {row['mistakes'][:2]} "
            f"conditions {len(row['true'])}/{len(row['said'])} {row['said']} "
            f"only {row['only']} refuted {row['refuted']} spared {row['spared']} "
            f"agree {row['agree']}/{row['compared']} "
            f"smallest {row['smallest']} {row['minimal']} {row['shrunk']} {row['seconds']:.1f} s, "
            f"{row['failed']}/{row['fresh']}",
            flush=True,
        )
        if names:
            print(row["text"])
    print(f"named rightly: {sum(row['named'] for row in rows)} of {len(rows)}")
    print(f"conditions true: {sum(len(r['true']) for r in rows)} of {sum(len(r['said']) for r in rows)}")
    shares = [row["agree"] / row["compared"] for row in rows if row["compared"]]
    print(
        f"fresh calls as the conditions say: {sum(shares) / max(len(shares), 1):.1%} of those of {len(shares)} kernels"
    )
    print(f"without a mistake or a condition: {sum(not r['said'] and not r['mistakes'] for r in rows)}")
    print(f"'all' false: {sum(r['spared'] for r in rows)} of {sum(r['only'] for r in rows)}")
    print(f"'only' false: {sum(r['refuted'] for r in rows)} of {sum(r['only'] for r in rows)}")
    found = [row["minimal"] for row in rows if row["minimal"] is not None]
    print(f"smallest cases minimal: {sum(found)} of {len(found)}")
    print(f"shrunk cases minimal: {sum(sum(r['shrunk']) for r in rows)} of {sum(len(r['shrunk']) for r in rows)}")
    seconds = [row["seconds"] for row in rows]
    print(f"seconds: {sum(seconds) / len(seconds):.1f} on average, at most {max(seconds):.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
