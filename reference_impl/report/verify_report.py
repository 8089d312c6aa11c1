"""The report of `verify`: the answer for each backend, distinct bugs, tables, counts, and the answer again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..console import PlainConsole, plain_name, plain_text
from ..run.outcome import SUITE, Record
from ..run.selection import Selection
from ..run.subject import Subject
from ..run.whole_backend import WHOLE_BACKEND_CHECKS
from ..stopping import undisturbed
from ..verdicts.checks import MOST_ROUNDED
from ..words import counted
from . import tables
from .answer import WRONG, Answer, summary
from .failures import suspicion_text
from .finding import Finding
from .json_file import write_json
from .judged import Judged
from .robustness import robustness_of
from .searched import searched
from .tally import Tally

# Up to so many backends, a line on each says how many of its calls were judged.
_MOST_LINES = 4


class FirstFailure(Exception):
    """The run was told to stop at the first unexpected failure, and that has come."""


@dataclass
class Run:
    """A run of `verify`, as far as it came.

    Parameters
    ----------
    made : number of calls so far, of `asked.turns`
    found : the distinct bugs of each backend
    robustness : True if failures of robustness count in the exit status
    ended : the signal, the first failure, or the error of ours, that ended the run early
    """

    asked: Selection
    subjects: Sequence[Subject]
    tally: Tally = field(default_factory=Tally)
    made: int = 0
    found: Mapping[str, Sequence[Finding]] = field(default_factory=dict)
    robustness: bool = True
    ended: BaseException | None = None

    @property
    def failed(self) -> bool:
        """True if it found failures that count in the exit status."""
        return any(self.robustness or one.robustness is None for some in self.found.values() for one in some)

    @property
    def is_broken(self) -> bool:
        """True if an error of ours ended it."""
        return self.ended is not None and not isinstance(self.ended, (KeyboardInterrupt, FirstFailure))

    @property
    def came_so_far(self) -> str:
        """Say how the run ended early, and after how many calls; "" if it did not."""
        why = self.why if self.is_broken else self.why.lower()
        return f"{why} after {self.made:,} of {self.asked.turns:,} calls" if self.ended is not None else ""

    @property
    def why(self) -> str:
        """Say in a few words why it ended early."""
        if isinstance(self.ended, KeyboardInterrupt):
            return "Interrupted"
        if isinstance(self.ended, FirstFailure):
            return "Stopped at the first failure"
        return f"The suite itself failed ({type(self.ended).__name__}: {self.ended}; please report this)"


def counts_as_failure(record: Record, *, robustness: bool) -> bool:
    """Return True for an unexpected failure, unless it is one of robustness and these do not count."""
    return record.unexpected and (robustness or robustness_of(record) is None)


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


def print_report(
    console: PlainConsole,
    run: Run,
    counts: Sequence[Judged],
    told: Sequence[Answer],
    *,
    written: Path | None,
    notes: Sequence[str] = (),
) -> None:
    """Print what a run found. The answer comes first and last, whatever happens.

    `written` is the file of records, and `notes` are lines on backends that were not checked.
    """
    many = len(told) > 1
    try:
        print_answers(console, told)
        for line in notes:
            console.print(line, soft_wrap=True)
        if run.ended is not None:
            console.print(f"{run.why}: the table shows what was found until then.", style="bold yellow")
        console.print()
        if run.tally.suspects:
            console.print(suspicion_text(run.tally.suspects, failed=len(run.tally.unexpected)), soft_wrap=True)
            console.print()
        elif many:
            tables.print_summary(console, run.tally, run.subjects, run.asked.operations, full=run.asked.full)
        print_findings(console, run.found, robustness_counts=run.robustness)
        if not run.tally.suspects:
            tables.print_tables(console, run.tally, run.subjects, run.asked.operations)
        for paragraph in left_out(run):
            console.prose(paragraph)
        _print_counts(console, counts, early=run.ended is not None)
        if run.asked.fewest > 1 and not run.tally.suspects:  # the cases are of our choice
            for line in searched(run.tally, run.subjects, run.asked.reached):
                console.prose(line)
        if written is not None:
            console.print(f"{len(run.tally.records)} records written to {written}", soft_wrap=True)
    finally:
        console.verdict(_summary(run, counts))
        console.verdict(summary(told))


def print_quietly(console: PlainConsole, told: Sequence[Answer]) -> None:
    """Print the answers alone and, if there are many, one line on all of them."""
    if len(told) > 1:
        print_answers(console, told)
    console.verdict(summary(told))


def print_answers(console: PlainConsole, told: Sequence[Answer]) -> None:
    """Print a line for each backend, the wrong ones first."""
    for answer in told:
        console.print(answer.line, style="bold red" if answer.word == WRONG else "bold", soft_wrap=True)


def print_findings(
    console: PlainConsole, found: Mapping[str, Sequence[Finding]], *, robustness_counts: bool = True
) -> None:
    """Print the distinct bugs of each backend, the most telling first; then, apart, the failures of robustness."""
    counts = "these count in the exit status" if robustness_counts else "these do not count in the exit status"
    for robust, title in ((False, "Distinct bugs of {}"), (True, f"Robustness of {{}} ({counts})")):
        for name, all_found in found.items():
            mine = [finding for finding in all_found if (finding.robustness is not None) == robust]
            if not mine:
                continue
            console.print(f"{title.format(plain_name(name))}: {len(mine)}", style="bold", soft_wrap=True)
            for number, finding in enumerate(mine, start=1):
                console.print(f"{number}. {plain_text(finding.line)}", style="red", soft_wrap=True)
                for line in finding.text.splitlines():
                    console.print(f"    {line}", soft_wrap=True)
                console.print()


def left_out(run: Run) -> Iterator[str]:
    """Yield a paragraph on each kind of calls that a run leaves out."""
    large = sum(case.multiply_adds > MOST_ROUNDED for case in run.asked.cases)
    if large and not run.asked.full:
        yield (
            f"Accuracy, memory layouts and special values leave out {large} cases of over "
            f"{MOST_ROUNDED:,} multiply-adds. The other cases are sampled for routes, most of all in dtypes beyond "
            "float32, and for checks that rarely depend on shape. --full leaves out nothing."
        )
    if run.asked.full and any(map(run.asked.gives_a_part, run.subjects)):
        yield "Slow routes were given a part of the cases. --full gives them all."


def _print_counts(console: PlainConsole, counts: Sequence[Judged], *, early: bool) -> None:
    """Print how many calls of each backend were judged and, if they were too few, what to do."""
    for one in counts:
        if one.verdict or one.nothing or (one.reasons and len(counts) <= _MOST_LINES):
            console.print(one.line, soft_wrap=True)
        if one.verdict and not early:
            console.print(one.advice, soft_wrap=True)


def _summary(run: Run, counts: Sequence[Judged]) -> str:
    early = "" if run.ended is None else f" {run.why} after {run.made} of {run.asked.turns} calls;"
    given = sum(one.given for one in counts)
    calls = f"{sum(one.judged.total() for one in counts):,} of {counted(given, 'call')} judged"
    # Cases in dtypes that no backend offers were not asked.
    cases = {record.case for record in run.tally.records if record.check not in WHOLE_BACKEND_CHECKS}
    number = len(cases) if cases and not early else len(run.asked.cases)
    asked = f"{counted(number, 'case')}, {counted(len(counts), 'backend')}, seed {run.asked.seed}"
    return f"{asked}, {calls}:{early} {_verdict(run.tally, counts, early=bool(early))}."


def _verdict(tally: Tally, counts: Sequence[Judged], *, early: bool) -> str:
    if tally.suspects:
        return "the ORACLE is suspect, and no backend is accused"
    broken = len(tally.not_judged)
    whole = sum(record.check in WHOLE_BACKEND_CHECKS and record.outcome != SUITE for record in tally.unexpected)
    failed = len(tally.unexpected) - broken - whole
    of_whole = f"{counted(whole, 'check')} of a whole backend"
    if whole and not failed:
        verdict = f"{of_whole} failed unexpectedly"
    else:
        verdict = f"{failed:,} failed unexpectedly" if failed or broken or early else "nothing failed unexpectedly"
    verdict += " until then" if early else ""
    verdict += f", and {of_whole}" if whole and failed else ""
    if broken:
        verdict += f", and {broken} could not be judged, as the suite itself failed: please report this"
    little = [f"{plain_name(one.subject.name)} {one.verdict}" for one in counts if one.verdict and not early]
    return f"{verdict}, but {'; '.join(little)}" if little else verdict
