"""Where the time of a run goes: one judge, in this process, asks the backends as `verify` does.

python benchmarks/suite.py --backend torch --backend tensorflow --operation conv2d

It prints a row for each backend. There are the seconds in which its process made calls, said what it supports, and was
exchanged around calls that may kill it. The rest is our own: data, right answers and comparison. Start-up and the
checks on whole backends are left out.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from reference_impl.operations import OPERATIONS
from reference_impl.run import choice
from reference_impl.run.judge import judge
from reference_impl.run.processes.asking import CALL_TIME_LIMIT, BackendProcess
from reference_impl.run.processes.judge_process import Subjects
from reference_impl.run.subject import load
from reference_impl.verdicts.task import Task

PARTS = {"make": "calls", "ask": "declarations", "renew": "exchanges"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", action="append")
    parser.add_argument("--operation", action="append", choices=OPERATIONS, default=[])
    parser.add_argument("--cases", action="append", default=[])
    given = parser.parse_args()

    loaded = load(given.backend) if given.backend else load()
    asked = choice.for_verify(loaded, given.cases, operations=given.operation)
    seconds: dict[str, Counter[str]] = defaultdict(Counter)
    by_name = Subjects([subject.argument or subject.name for subject in loaded.subjects], CALL_TIME_LIMIT)
    watched: dict[int, Counter[str]] = {}
    for subjects, cases in asked.groups:
        for case in cases:
            tasks: dict[str, Task] = {}
            for call in asked.calls_on(case, subjects):
                subject = by_name(call.subject.argument or call.subject.name)
                process = subject.backend.process
                spent = watched.setdefault(id(process), Counter())
                if not spent:
                    _watch(process, spent)
                task = tasks.setdefault(call.operation, Task(case, call.operation, asked.seed))
                before, begun = Counter(spent), time.perf_counter()
                judge(subject, case, call.operation, asked.seed, task, checks=call.checks)
                mine = seconds[subject.name]
                mine["all"] += time.perf_counter() - begun
                mine["number"] += 1
                mine.update({part: spent[part] - before[part] for part in PARTS.values()})
    _print(seconds)


def _watch(process: BackendProcess, spent: Counter[str]) -> None:
    """Add the seconds that each way to ask the process takes to `spent`."""
    spent["watched"] = 1
    for name, part in PARTS.items():
        setattr(process, name, _timed(getattr(process, name), part, spent))
    of_damage: list[BackendProcess] = []

    def for_damage(make: Callable[[], BackendProcess] = process.for_damage) -> BackendProcess:
        other = make()
        if other is not process and not of_damage:
            of_damage.append(other)
            _watch(other, spent)
        return other

    process.for_damage = for_damage  # type: ignore[method-assign]


def _timed(function: Callable[..., Any], part: str, spent: Counter[str]) -> Callable[..., Any]:
    def timed(*positional: Any, **options: Any) -> Any:
        begun = time.perf_counter()
        try:
            return function(*positional, **options)
        finally:
            spent[part] += time.perf_counter() - begun

    return timed


def _print(seconds: dict[str, Counter[str]]) -> None:
    total: Counter[str] = sum(seconds.values(), Counter())
    columns = ("number", "all", *PARTS.values())
    print("| backend | judged | seconds | calls | declarations | exchanges | our own |\n|---|---|---|---|---|---|---|")
    for name, mine in sorted([*seconds.items(), ("all", total)], key=lambda one: -one[1]["all"]):
        own = mine["all"] - sum(mine[part] for part in PARTS.values())
        cells = [f"{mine[column]:,.0f}" if column == "number" else f"{mine[column]:.1f}" for column in columns]
        print(f"| {name} | {' | '.join(cells)} | {own:.1f} |")


if __name__ == "__main__":
    main()
