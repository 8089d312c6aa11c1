"""A list of what a run would ask: backends, calls and cases. Nothing is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..cases.case import Case
from ..console import plain_name
from ..run.selection import Selection


def listing(asked: Selection) -> Iterator[str]:
    """Yield a line for each backend with its number of calls, then one for each case with the calls on it."""
    supported, given, on_case = Counter[str](), Counter[str](), Counter[Case]()
    for subjects, cases in asked.groups:
        for case in cases:
            for call in asked.calls_on(case, subjects):
                name = call.subject.name
                given[name] += 1
                if call.subject.capabilities.supports(call.operation, case):
                    supported[name] += 1
                    on_case[case] += 1
    for subject in asked.subjects:
        unsupported = given[subject.name] - supported[subject.name]
        name = f"{plain_name(subject.name)} {plain_name(subject.version)}"
        yield f"{name}: {supported[subject.name]:,} calls" + (f", {unsupported:,} unsupported" if unsupported else "")
    if asked.whole:
        names = ", ".join(plain_name(subject.name) for subject in asked.asked_as_a_whole)
        yield f"checks on whole backends ({', '.join(asked.whole)}): {names}"
    yield f"{len(asked.cases):,} cases, each with its number of calls:"
    for case in asked.cases:
        yield f"{case} {on_case[case]}"
