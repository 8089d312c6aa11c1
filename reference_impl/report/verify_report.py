"""The report of `verify`: its records; tables, failures, the calls that were judged, and the verdict on one line."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..console import PlainConsole, plain_name
from ..run.selection import Selection
from ..run.subject import Subject
from ..stopping import undisturbed
from ..verdicts.checks import MOST_ROUNDED
from . import tables
from .failures import print_failures
from .json_file import write_json
from .judged import Judged
from .searched import searched
from .tally import Tally

# Up to so many backends, a line on each says how many of its calls were judged.
_MOST_LINES = 4


@dataclass
class Run:
    """A run of `verify`, as far as it came.

    Parameters
    ----------
    made : number of calls so far, of `asked.turns`
    texts : the text of each failure
    ended : the signal, or the error of ours, that ended the run early
    """

    asked: Selection
    subjects: Sequence[Subject]
    tally: Tally = field(default_factory=Tally)
    made: int = 0
    texts: list[str] = field(default_factory=list)
    ended: BaseException | None = None

    @property
    def why(self) -> str:
        """Say in a few words why it ended early."""
        if isinstance(self.ended, KeyboardInterrupt):
            return "Interrupted"
        return f"The suite itself failed ({type(self.ended).__name__}: {self.ended}; please report this)"


def write_records(path: Path | None, run: Run) -> OSError | None:
    """Write the records, if a file is given. Return the error if that fails."""
    if path is None:
        return None
    backends = {subject.name: subject.version for subject in run.subjects}
    settings = {"seed": run.asked.seed, "complete": run.ended is None, "backends": backends}
    try:
        with contextlib.nullcontext() if path.is_fifo() else undisturbed():  # a pipe may wait for a reader for ever
            write_json(path, run.tally, settings)
    except OSError as error:
        return error
    return None


def print_report(console: PlainConsole, run: Run, counts: Sequence[Judged], written: Path | None) -> None:
    """Print what a run found. The verdict comes last, whatever happens; `written` is the file of the records."""
    try:
        _print_tables(console, run)
        if run.ended is not None:
            console.print(f"{run.why}: the table shows what was found until then.", style="bold yellow")
        print_failures(console, run.texts)
        _print_counts(console, counts, early=run.ended is not None)
        if run.asked.fewest > 1 and not run.tally.suspects:  # the cases are of our choice
            for line in searched(run.tally, run.subjects):
                console.print(line, soft_wrap=True)
        if written is not None:
            console.print(f"{len(run.tally.records)} records written to {written}", soft_wrap=True)
    finally:
        console.verdict(_summary(run, counts))


def _print_tables(console: PlainConsole, run: Run) -> None:
    if not run.tally.suspects:
        tables.print_tables(console, run.tally, run.subjects, full=run.asked.full)
    left_out = sum(case.multiply_adds > MOST_ROUNDED for case in run.asked.cases)
    if left_out and not run.asked.full:
        console.print(
            f"Accuracy, memory layouts and special values leave out {left_out} cases of over "
            f"{MOST_ROUNDED:,} multiply-adds. The other cases are sampled for routes, and for checks that "
            "rarely depend on shape. --full leaves out nothing."
        )
    if run.asked.full and any(map(run.asked.gives_a_part, run.subjects)):
        console.print("Slow routes were given a part of the cases. --full gives them all.")


def _print_counts(console: PlainConsole, counts: Sequence[Judged], *, early: bool) -> None:
    """Print how many calls of each backend were judged and, if they were too few, what to do."""
    for one in counts:
        if one.verdict or one.nothing or (one.reasons and len(counts) <= _MOST_LINES):
            console.print(one.line, soft_wrap=True)
        if one.verdict and not early:
            console.print(one.advice, soft_wrap=True)


def _summary(run: Run, counts: Sequence[Judged]) -> str:
    early = "" if run.ended is None else f" {run.why} after {run.made} of {run.asked.turns} calls;"
    calls = f"{sum(one.judged.total() for one in counts)} of {sum(one.given for one in counts)} calls judged"
    asked = f"{len(run.asked.cases)} cases, {len(counts)} backends, seed {run.asked.seed}"
    return f"{asked}, {calls}:{early} {_verdict(run.tally, counts, early=bool(early))}."


def _verdict(tally: Tally, counts: Sequence[Judged], *, early: bool) -> str:
    if tally.suspects:
        return "the ORACLE is suspect, and no backend is accused"
    broken = len(tally.not_judged)
    failed = len(tally.unexpected) - broken
    verdict = f"{failed} failed unexpectedly" if failed else "nothing failed unexpectedly"
    if broken or early:
        verdict = f"{failed} failed unexpectedly until then" if early else f"{failed} failed unexpectedly"
    if broken:
        verdict += f", and {broken} could not be judged, as the suite itself failed: please report this"
    little = [f"{plain_name(one.subject.name)} {one.verdict}" for one in counts if one.verdict and not early]
    return f"{verdict}, but {'; '.join(little)}" if little else verdict
