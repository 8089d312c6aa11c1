"""Counts of the calls that were judged. A run that judged nothing, or too little, is not a pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, replace

from ..cases.narrowing import TRIED
from ..console import plain_name, plain_text
from ..exit_status import ExitStatus
from ..run import outcome
from ..run.selection import Selection
from ..run.speed import LEFT_OUT
from ..run.subject import Subject
from ..run.whole_backend import LOADS
from ..words import counted
from .tally import Tally

_MOST_REASONS = 4


@dataclass(frozen=True)
class Judged:
    """The calls that a run made of one backend: how many were judged, and why the others are unsupported.

    Parameters
    ----------
    given : number of calls of the operations that the backend offers
    judged : the number of calls that were judged, by operation
    reasons : why calls are unsupported, each with their number
    fewest : calls of an operation that must be judged
    excused : True if it may be judged nothing
    no_cases : True if the run was given no cases, and no check that needs none
    """

    subject: Subject
    given: int
    judged: Counter[str]
    reasons: Counter[str]
    fewest: int
    excused: bool = False
    no_cases: bool = False

    @property
    def nothing(self) -> bool:
        return not self.judged.total()

    @property
    def verdict(self) -> str | None:
        """Say that nothing, or too little, was judged; None if it was enough."""
        if self.nothing:
            return None if self.excused else "judged nothing"
        few = [f"{count} of {operation}" for operation, count in self.judged.items() if count < self.fewest]
        return f"judged too few calls: {', '.join(few)}; {self.fewest} are needed" if few else None

    @property
    def left_out(self) -> Counter[str]:
        """Why calls were not made: they take too long, or too many before them hung."""
        return Counter({reason: count for reason, count in self.reasons.items() if reason.startswith(LEFT_OUT)})

    @property
    def lacks(self) -> Counter[str]:
        """The reasons of calls that the backend declares to lack."""
        return self.reasons - self.left_out

    @property
    def line(self) -> str:
        """Write how many calls were judged, and why not the others."""
        if not self.given:
            return f"{plain_name(self.subject.name)}: judged nothing, as it was given no call"
        judged, lacks = self.judged.total(), self.lacks
        said = f"{plain_name(self.subject.name)}: judged {judged or 'nothing'} of {counted(self.given, 'call')}"
        said += "".join(f"; {count} {reason}" for reason, count in self.left_out.items())
        told = [f"{plain_text(reason)} ({count})" for reason, count in lacks.most_common(_MOST_REASONS)]
        told += ["..."] if len(lacks) > _MOST_REASONS else []
        return said + (f"; {lacks.total()} unsupported: {', '.join(told)}" if told else "")

    @property
    def advice(self) -> str:
        """Say what to do if too few calls were judged."""
        if self.no_cases:
            return "No cases were given. Name some: check_backend(..., cases=[SPEC]); or leave out `cases`, for all."
        if not self.given:
            offered = ", ".join(self.subject.capabilities.dtypes)
            return f"Ask in a dtype that it offers: {offered}. Ask for checks that apply to it, or with --full."
        if self.left_out and not self.lacks:
            return "Name smaller cases, as --cases smoke; or give each call more time: --timeout SECONDS."
        tried = f"{TRIED} more cases were tried for each operation and dtype. " if self.fewest > 1 else ""
        return f"{tried}Name cases that it supports: --cases SPEC, or check_backend(..., cases=[SPEC])."


def judged(tally: Tally, selection: Selection, excusable: Container[str] = ()) -> list[Judged]:
    """Count the calls of each backend. Backends named in `excusable` may be judged nothing, if another one is."""
    counts = [_of(subject, tally, selection) for subject in selection.subjects]
    if all(one.nothing for one in counts):
        return counts
    return [replace(one, excused=one.subject.name in excusable) for one in counts]


def _of(subject: Subject, tally: Tally, selection: Selection) -> Judged:
    if not selection.cases and LOADS in selection.whole:  # it is loaded
        return Judged(subject, 1, Counter({LOADS: 1}), Counter(), 1)
    calls = tally.calls(subject.name, whole=not selection.cases)
    offered = [record for record in calls if record.operation in subject.capabilities.operations] or calls
    unsupported = [record for record in offered if record.outcome == outcome.UNSUPPORTED]
    by_operation = Counter(record.operation for record in offered if record.outcome != outcome.UNSUPPORTED)
    reasons = Counter(record.message or "" for record in unsupported)
    no_cases = not selection.cases and not selection.whole
    fewest = selection.fewest if selection.cases else 1
    return Judged(subject, len(offered), by_operation, reasons, fewest, no_cases=no_cases)


def exit_status(tally: Tally, counts: list[Judged], *, broken: bool = False, failed: bool | None = None) -> ExitStatus:
    """Return the exit status of a run that was not interrupted; `broken` if the suite itself failed.

    `failed` says if there are failures that count. By default each unexpected failure does.
    """
    if tally.suspects and not broken:  # a wrong oracle may well make the suite fail too
        return ExitStatus.ORACLE_IS_SUSPECT
    if broken or tally.not_judged:
        return ExitStatus.SUITE_FAILED
    if tally.unexpected if failed is None else failed:
        return ExitStatus.FAILED
    return ExitStatus.JUDGED_TOO_LITTLE if any(one.verdict for one in counts) else ExitStatus.PASSED
