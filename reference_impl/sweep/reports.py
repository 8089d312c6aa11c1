"""One Markdown file for each distinct bug, with a reproducer that was run: to be pasted into an upstream report."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ..backends import environments
from ..bugs import Bug, JudgedCall, line
from ..bugs.bug import why_no_conditions
from ..bugs.reproducer import Run, run, script
from ..bugs.table import Table
from ..explain import FRAMEWORKS, snippets
from ..files import write_file
from ..run import outcome
from ..run.implementation import Implementations
from ..run.subject import Subject
from ..run.sweep.machine import Machine
from ..run.sweep.store import Sweep
from ..verdicts.call import oracle
from ..verdicts.integers import integer_call
from .distinct import Found, Swept, told

# Scripts that are run to find one that fails: of so many of the smallest calls, with data of so many seeds.
_CALLS, _SEEDS, _MOST_RUNS = 3, 2, 6
_WRITTEN_FOR = {name: name for name in FRAMEWORKS if name != "onnx"} | {"onnxruntime": "onnx"}


@dataclass(frozen=True)
class Tried:
    """A script, and how it ended."""

    text: str
    run: Run
    call: JudgedCall


class Reproducers:
    """The reproducers of the bugs of a sweep. Each is written and run once, when it is first asked for."""

    def __init__(self, swept: Swept) -> None:
        self._swept = swept
        self._tried: dict[Bug, Tried | None] = {}

    def of(self, bug: Bug) -> Tried | None:
        """Return the script that fails, or the first of those tried; None if none can be written."""
        if bug not in self._tried:
            sweep = self._swept.store.sweep
            self._tried[bug] = reproducer(bug, smallest_of(bug, self._failures), sweep.seed, sweep.machine)
        return self._tried[bug]

    @cached_property
    def _failures(self) -> list[JudgedCall]:
        return self._swept.failures()


def write_reports(folder: Path, found: Found, swept: Swept, reproducers: Reproducers) -> Iterator[tuple[Path, str]]:
    """Write a file for each bug to `folder`. Yield its path, and what was seen of its reproducer.

    Raises OSError if a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    implementations = Implementations(most=2 * len(found.bugs))
    try:
        for number, bug in enumerate(found.bugs, start=1):
            subject = next(one for one in swept.subjects.values() if is_of(bug.smallest, one))
            tried = reproducers.of(bug)
            failure = swept.failure(bug.smallest, subject)
            kernel = failure.call.implementation if failure else None
            kernel = kernel or _kernel(implementations, subject, bug.smallest, swept.store.sweep.seed)
            text = _page(bug, subject, swept.store.sweep, tried, kernel, failure.message if failure else "", found)
            path = folder / f"{number:02}-{_plain(f'{bug.backend} {bug.kind}')}.md"
            write_file(path, text.encode())
            yield path, seen(tried)
    finally:
        implementations.close()


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def is_of(call: JudgedCall, subject: Subject) -> bool:
    other = told(JudgedCall(subject.route, call.operation, call.case), subject)
    return (other.backend, other.route, other.environment) == (call.backend, call.route, call.environment)


def smallest_of(bug: Bug, failures: Sequence[JudgedCall]) -> list[JudgedCall]:
    """Return the smallest failures of a bug."""
    alike = [call for call in failures if call.backend == bug.backend and call.outcome == bug.kind]
    mine = [call for call, holds in zip(alike, bug.holds(alike), strict=True) if holds and call != bug.smallest]
    order = np.argsort(Table.of(mine).sizes(), kind="stable")[: _CALLS - 1]
    return [bug.smallest, *(mine[place] for place in order)]


def reproducer(bug: Bug, calls: Sequence[JudgedCall], seed: int, machine: Machine) -> Tried | None:
    """Write scripts and run them until one fails. Return it, or the first; None if none can be written."""
    first: Tried | None = None
    for _, (text, call) in zip(range(_MOST_RUNS), _scripts(bug, calls, seed, machine), strict=False):
        tried = Tried(text, run(text), call)
        if tried.run.shows_the_bug:
            return tried
        first = first or tried
    return first


def _scripts(bug: Bug, calls: Sequence[JudgedCall], seed: int, machine: Machine) -> Iterator[tuple[str, JudgedCall]]:
    framework = _WRITTEN_FOR.get(bug.backend)
    if framework is None:
        return
    for call in calls:
        variables = {
            **machine.variables,
            **environments.variables_of(environments.join(call.backend, call.environment)),
        }
        titles = [one.title for one in snippets(framework, call.case) if call.operation in one.operations]
        for data in range(seed, seed + _SEEDS):
            given = integer_call(call.case, call.operation, data)
            for title in titles:
                try:
                    text = script(
                        framework,
                        call.operation,
                        call.case,
                        given.arrays,
                        oracle(given),
                        about=f"{call.operation} of {bug.backend}: {bug.kind} on {call.case}.",
                        title=title,
                        environment=variables,
                    )
                except ValueError:  # too large, or no code for it
                    continue
                yield text, call


def _kernel(implementations: Implementations, subject: Subject, call: JudgedCall, seed: int) -> str | None:
    """Return the kernels of a call, where oneDNN names them."""
    blank = subject.blank(call.operation, str(call.case), seed, "exact")
    return implementations.added(subject, replace(blank, outcome=outcome.FAIL)).implementation


def _page(
    bug: Bug,
    subject: Subject,
    sweep: Sweep,
    tried: Tried | None,
    kernel: str | None,
    message: str,
    found: Found,
) -> str:
    smallest = bug.smallest
    where = "unknown" if bug.conditions is None else ", ".join(bug.conditions) or "every call"
    again = f"conv2d-reference verify --backend '{subject.argument or subject.name}' --cases {smallest.case}"
    lines = [
        f"# {bug.backend}: {bug.kind} in {smallest.operation}",
        "",
        f"{line(bug)}.",
        "",
        f"- Conditions: {where}",
        f"- On {'fresh calls alone' if bug in found.only_fresh else 'the calls of the sweep'}: {counts(bug)}",
        *([f"- Sample: {found.sample}"] if found.sample else []),
        f"- Smallest case: `{smallest.operation}` `{smallest.case}`",
        f"- Backend: {subject.name} {subject.version}",
        f"- Environment: {smallest.environment or 'none'}",
        f"- Implementation: {kernel or 'the framework does not name it'}",
        *(f"- {said}" for said in sweep.machine.lines()),
        f"- To run it again: `{again} --operation {smallest.operation} --check exact --seed {sweep.seed}`",
        "",
        "## Reproducer",
        "",
        *_shown(bug, tried),
    ]
    if message:
        lines += ["", "## What the sweep saw", "", "```text", message, "```"]
    return "\n".join(lines) + "\n"


def counts(bug: Bug) -> str:
    if bug.conditions is None:
        return f"{bug.failures:,} fail: {why_no_conditions(bug)}"
    under = f"{bug.failures:,} of {bug.calls:,} under the conditions fail"
    return f"{under}; elsewhere {bug.right:,} of {bug.elsewhere:,} are right"


def _shown(bug: Bug, tried: Tried | None) -> list[str]:
    if tried is None:
        return [f"No code that uses {bug.backend} alone can be written for this call. Run the command above."]
    ended = _ending(tried.run)
    if tried.run.shows_the_bug:
        said = f"It uses the framework and NumPy alone. Run in a fresh process, it fails: {ended}."
    else:
        said = (
            f"The call does NOT fail alone: in a fresh process, this script finds no fault ({ended}). The bug may need "
            "the calls before it, another route, or luck. Run the command above."
        )
    return [said, "", "```python", tried.text.rstrip(), "```", "", "```text", tried.run.output.rstrip(), "```"]


def seen(tried: Tried | None) -> str:
    if tried is None:
        return "without a reproducer, as no code that uses the framework alone can be written"
    if tried.run.shows_the_bug:
        return "its reproducer was run in a fresh process, and fails there"
    return "its reproducer does not fail alone"


def _ending(done: Run) -> str:
    if done.status is None:
        return "it does not end"
    return f"it dies of signal {-done.status}" if done.status < 0 else f"exit status {done.status}"
