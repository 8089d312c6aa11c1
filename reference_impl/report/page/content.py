"""The content of a page, as plain data. Any command can fill it; the templates show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ...run import outcome
from ..answer import CUT_SHORT, FIXED, KNOWN, NOT_JUDGED, RIGHT, Answer
from ..tally import SLOW
from .calls import Calls

_WARNINGS = (KNOWN, CUT_SHORT, NOT_JUDGED, FIXED)
_FAILED = tuple(name for name in outcome.UNEXPECTED if name != outcome.SUITE)
# The small print of a cell, in this order.
NOTED = {
    "composed": "composed",
    outcome.KNOWN: "known to fail",
    outcome.MISTRUSTED: "on weak data",
    outcome.SUITE: "not judged",
    SLOW: "too slow",
    outcome.UNSUPPORTED: "unsupported",
}


@dataclass(frozen=True)
class Cell:
    """The calls of one operation of one backend: their number by outcome, and "composed" of those that passed.

    With `failures_only`, calls that passed were not counted.
    """

    counts: Mapping[str, int]
    failures_only: bool = False

    @property
    def failed(self) -> int:
        return sum(self.counts.get(name, 0) for name in _FAILED)

    @property
    def judged(self) -> int:
        named = (outcome.PASS, outcome.KNOWN, outcome.MISTRUSTED)
        return self.failed + sum(self.counts.get(name, 0) for name in named)

    @property
    def kind(self) -> str:
        """The style of the cell."""
        if self.failed:
            return "bad"
        if self.counts.get(outcome.SUITE) or self.counts.get(outcome.KNOWN):
            return "warn"
        return "good" if self.judged else "none"

    @property
    def said(self) -> str:
        if self.failures_only:
            return f"✗ {self.failed:,} fail" if self.failed else "none fails"
        if self.failed:
            return f"✗ {self.failed:,} of {self.judged:,} fail"
        right = self.counts.get(outcome.PASS, 0) + self.counts.get(outcome.MISTRUSTED, 0)
        if self.counts.get(outcome.KNOWN):
            return f"{right:,} right"
        return f"✓ {right:,} right" if right else "none judged"

    @property
    def has_calls(self) -> bool:
        """True if the page can list calls of the cell."""
        return bool(sum(self.counts.values()))

    @property
    def notes(self) -> list[str]:
        return [f"{self.counts[name]:,} {word}" for name, word in NOTED.items() if self.counts.get(name)]


@dataclass(frozen=True)
class Row:
    """A row of the matrix. `backend` is the number of the backend among those of the calls."""

    name: str
    version: str
    environment: str
    cells: Sequence[Cell | None]
    backend: int = 0
    note: str = ""

    @property
    def is_bad(self) -> bool:
        return any(cell is not None and cell.failed for cell in self.cells)


@dataclass(frozen=True)
class BugText:
    """A distinct bug.

    Parameters
    ----------
    title : its kind and conditions
    facts : the counts, and what else its line says
    robustness : the kind of robustness that it is about, or None for wrong answers
    message, diagnosis, implementation : those of the smallest call that shows it
    command : the line that runs this call again
    script : a reproducer that uses the framework alone; `script_note` says what came of it
    text : the full text of the failure
    picture : PNG bytes
    """

    backend: str
    title: str
    facts: Sequence[str] = ()
    robustness: str | None = None
    message: str = ""
    diagnosis: str = ""
    implementation: str = ""
    command: str = ""
    script: str = ""
    script_note: str = ""
    text: str = ""
    picture: bytes | None = None


@dataclass(frozen=True)
class Table:
    """A table of text. `numbers` says which columns are numbers."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[bool] = ()
    title: str = ""


@dataclass(frozen=True)
class Plot:
    """An SVG picture that this package drew, so that its text is trusted."""

    title: str
    svg: str


@dataclass(frozen=True)
class Plots:
    """The plots of one dtype. `legend` gives the number of the line colour of each name; None: the grey lines."""

    title: str
    plots: Sequence[Plot]
    legend: Sequence[tuple[str, int | None]]
    numbers: Table


@dataclass(frozen=True)
class Section:
    """A section that a command adds: paragraphs, tables and plots."""

    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    plots: Sequence[Plots] = ()

    @property
    def anchor(self) -> str:
        return "".join(one if one.isalnum() and one.isascii() else "-" for one in self.title.lower())


class AnyPage(Protocol):
    """The content of a page, and the name of the template that shows it."""

    @property
    def template(self) -> str: ...


@dataclass(frozen=True)
class Page:
    """The content of a page about calls and bugs.

    Parameters
    ----------
    command : the command that made it, as "verify"
    summary : the answer on all backends, in one line
    notes : what else must be said first: how the run ended early, or that the oracle is suspect
    columns : the heads of the matrix, mostly operations; `rows` has a cell for each
    covered, not_covered : paragraphs
    reasons : a table of what was not judged, and why
    facts : versions and machine, as name and value
    calls : the calls that the page can list; None: it lists none
    sections : further sections, after the accuracy
    """

    command: str
    summary: str
    answers: Sequence[Answer]
    notes: Sequence[str] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Row] = ()
    bugs: Sequence[BugText] = ()
    accuracy: Sequence[Plots] = ()
    sections: Sequence[Section] = ()
    covered: Sequence[str] = ()
    not_covered: Sequence[str] = ()
    coverage: Sequence[Table] = ()
    facts: Sequence[tuple[str, str]] = ()
    calls: Calls | None = None
    legend: str = ""
    template: str = field(default="page.html", init=False)

    @property
    def kind(self) -> str:
        """The style of the verdict: that of the worst answer."""
        return min((kind_of(answer) for answer in self.answers), key=("bad", "warn", "good").index, default="warn")

    @property
    def told(self) -> tuple[list[Answer], list[Answer]]:
        """The answers that are not RIGHT without reserve, and those that are."""
        right = [answer for answer in self.answers if kind_of(answer) == "good"]
        return [answer for answer in self.answers if kind_of(answer) != "good"], right

    @property
    def environments(self) -> bool:
        return any(row.environment for row in self.rows)

    @property
    def groups(self) -> list[tuple[str, list[BugText]]]:
        """The bugs, wrong answers first, then robustness."""
        wrong = [bug for bug in self.bugs if bug.robustness is None]
        fragile = [bug for bug in self.bugs if bug.robustness is not None]
        return [(title, some) for title, some in (("Wrong answers", wrong), ("Robustness", fragile)) if some]


def kind_of(answer: Answer) -> str:
    """Return the style of an answer."""
    if answer.word == RIGHT:
        return "warn" if answer.robustness else "good"
    return "warn" if answer.word in _WARNINGS else "bad"


def total(counts: Sequence[Mapping[str, int]]) -> Cell | None:
    """Add counts up to a cell. None if there are none."""
    added: Counter[str] = Counter()
    for one in counts:
        added.update(one)
    return Cell(added) if added else None
