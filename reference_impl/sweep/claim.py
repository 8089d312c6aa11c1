"""The claim of a sweep: how many configurations agree, of how many, on which backend.

It says no more than was judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ..bugs import line
from ..exit_status import ExitStatus
from ..run.sweep.store import Backend, Store, Sweep, Totals
from ..words import counted
from .distinct import Found

# The most reasons that are listed of those why calls were not offered.
_MOST_REASONS = 12


def claims(store: Store, backends: Sequence[Backend]) -> Iterator[str]:
    """Yield a sentence on each backend, then what it did not answer, by reason."""
    for backend in backends:
        totals = store.totals(backend.argument)
        yield claim(store.sweep, backend, totals)
        yield from _listed("not offered", totals.unsupported)
        yield from _listed("not asked", totals.unasked)
        yield from (f"  the ORACLE is suspect: {doubt}" for doubt in totals.doubts[:_MOST_REASONS])


def claim(sweep: Sweep, backend: Backend, totals: Totals) -> str:
    """Say how many configurations of the scope agree on a backend."""
    name = f"{backend.name} {backend.version}"
    if not totals.asked:
        return f"nothing was judged on {name}"
    scope = f"scope {sweep.scope}" + (f" in {sweep.dtype}" if sweep.dtype else "")
    offered = " that it offers" if totals.unsupported else ""
    is_whole = sweep.configurations == totals.configurations and not totals.unasked and not totals.doubts
    if is_whole and totals.passed == totals.asked:
        return f"all {totals.passed:,} configurations of {scope}{offered} agree to the bit on {name}"
    agree = f"{totals.passed:,} of {totals.asked:,} configurations of {scope}{offered} agree to the bit on {name}"
    if totals.passed == totals.asked:
        agree = f"all {totals.asked:,} configurations of {scope} that were judged agree to the bit on {name}"
    parts = [agree]
    if totals.failed:
        parts.append(_fail(totals.failed))
    if totals.known:
        parts.append(f"{_fail(totals.known)} as known_failures/ expects")
    if totals.doubts:
        parts.append(f"{len(totals.doubts):,} {'is' if len(totals.doubts) == 1 else 'are'} undecided")
    left = 0 if sweep.configurations is None else sweep.configurations - totals.configurations
    if left:
        parts.append(f"{left:,} of {sweep.configurations:,} are still to be judged")
    return "; ".join(parts)


def _fail(count: int) -> str:
    return f"{count:,} {'fails' if count == 1 else 'fail'}"


def _listed(what: str, reasons: Counter[str]) -> Iterator[str]:
    for reason, count in reasons.most_common(_MOST_REASONS):
        yield f"  {count:,} {what}: {reason}"
    rest = reasons.most_common()[_MOST_REASONS:]
    if rest:
        yield f"  {sum(count for _, count in rest):,} {what}, for {len(rest):,} other reasons"


def bug_lines(found: Found) -> Iterator[str]:
    """Yield a heading, then a line on each distinct bug."""
    if not found.bugs:
        return
    yield f"{counted(len(found.bugs), 'distinct bug')}:"
    for number, bug in enumerate(found.bugs, start=1):
        yield f"  {number}. {bug.backend}: {line(bug)}"
    if found.sample:
        yield f"  ({found.sample})"
    for number, bug in enumerate(found.bugs, start=1):
        if bug in found.only_fresh:
            yield f"  (bug {number}: no call of the sweep fails so. Fresh calls do, and the numbers are theirs)"
    if found.calls < found.judged:
        yield f"  (the numbers are those of {found.calls:,} calls, drawn evenly from {found.judged:,})"


def details(store: Store, backends: Sequence[Backend], description: str) -> Iterator[str]:
    """Yield the facts that a claim depends on: the scope, the versions, the machine."""
    yield f"Scope {store.sweep.scope}: {description}"
    yield f"Data: integers on which every correct kernel gives the same bits, seed {store.sweep.seed}"
    yield "Versions: " + ", ".join(f"{backend.name} {backend.version}" for backend in backends)
    yield from store.sweep.machine.lines()
    if store.path is not None:
        yield f"Results: {store.path}"


def exit_status(totals: Sequence[Totals]) -> ExitStatus:
    """Return the exit status of a sweep that ended by itself."""
    if any(one.doubts for one in totals):
        return ExitStatus.ORACLE_IS_SUSPECT
    if any(one.failed for one in totals):
        return ExitStatus.FAILED
    if any(one.unasked or not one.asked for one in totals):
        return ExitStatus.JUDGED_TOO_LITTLE
    return ExitStatus.PASSED
