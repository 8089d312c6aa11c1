"""Check a backend of your own: at once, or as items of your own pytest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cases.case import PADDING_MODES, Case
from ..console import PlainConsole
from ..diagnosis import Diagnoses
from ..report import tables
from ..report.answer import answers, summary
from ..report.failures import explained, failure_text, suspicion_text
from ..report.judged import Judged, judged
from ..report.page.page import as_part
from ..report.page.verify_page import part_of
from ..report.searched import least_shares
from ..report.tally import Tally
from ..report.verify_report import print_answers, print_findings
from ..run import choice, outcome, shares
from ..run.choice import EXAMPLES, PYTEST_EXAMPLES
from ..run.judge import judge_call
from ..run.known import mark_expected
from ..run.outcome import Record
from ..run.records import records_of
from ..run.selection import Asked, Selection
from ..run.subject import Subject
from ..verdicts.checks import CHECKS, Check


@dataclass(repr=False)
class Report:
    """The report of `check_backend`. Print it, or show it in a notebook."""

    subject: Subject
    tally: Tally
    selection: Selection
    seed: int
    isolated: bool = False
    robustness: bool = True

    def __post_init__(self) -> None:
        # Puts the diagnoses into the tally too.
        self._found = explained(self.tally, [self.subject], isolate=self.isolated)
        (self.judged,) = judged(self.tally, self.selection)
        shares = {}
        if self.selection.fewest > 1:
            shares = least_shares(self.tally, [self.subject], self.selection.reached)
        self._answers = answers(self.tally, self.selection, [self.judged], self._found, shares=shares)

    @property
    def cases(self) -> list[Case]:
        return self.selection.cases

    @property
    def failures(self) -> list[Record]:
        """One record for each call that failed: its operation, case, check, outcome, diagnosis and message."""
        return self.tally.unexpected

    @property
    def verdict(self) -> str:
        """The answer on one line, which the report begins and ends with."""
        return summary(self._answers)

    @property
    def passed(self) -> bool:
        """True if nothing failed, and enough calls were judged. Robustness counts unless it was asked not to."""
        found = [finding for some in self._found.values() for finding in some]
        failed = any(self.robustness or finding.robustness is None for finding in found)
        broken = self.oracle_is_suspect or self.tally.not_judged
        return not (failed or broken) and self.judged.verdict is None

    @property
    def oracle_is_suspect(self) -> bool:
        """True if the definition does not confirm the oracle. Then the backend is not accused."""
        return bool(self.tally.suspects)

    def __str__(self) -> str:
        console = PlainConsole(width=120, color_system=None)
        with console.capture() as captured:
            self._print(console)
        return captured.get()

    __repr__ = __str__  # pytest shows it for `assert report.passed, report`

    def _repr_html_(self) -> str:
        try:
            return as_part(part_of(self.tally, [self.subject], self._answers, self._found, self.judged.line))
        except ModuleNotFoundError:  # Jinja2 is in the extra `report`
            return self._as_preformatted()

    def _as_preformatted(self) -> str:
        with Path("/dev/null").open("w") as nowhere:
            console = PlainConsole(width=120, record=True, file=nowhere)
            self._print(console)
            return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")

    def _print(self, console: PlainConsole) -> None:
        print_answers(console, self._answers)
        console.print()
        if self.oracle_is_suspect:
            console.print(suspicion_text(self.tally.suspects, failed=len(self.failures)), soft_wrap=True)
            console.print()
        print_findings(console, self._found, robustness_counts=self.robustness)
        if not self.oracle_is_suspect:
            tables.print_tables(console, self.tally, [self.subject])
        console.print(self.judged.line, soft_wrap=True)
        if self.judged.verdict is not None:
            console.print(self.judged.advice, soft_wrap=True)
        console.print(f"{self._counts} ({len(self.cases)} cases, seed {self.seed}).", soft_wrap=True)
        console.print(self.verdict, soft_wrap=True)

    @property
    def _counts(self) -> str:
        if self.oracle_is_suspect:
            return "neither passed nor failed, as the ORACLE is suspect"
        broken = len(self.tally.not_judged)
        said = (
            f"failed {len(self.failures) - broken} calls" if self.failures else self.judged.verdict or "no call failed"
        )
        return said + (f", and the suite itself failed on {broken}" if broken else "")


def check_backend(
    backend: Any,
    cases: Iterable[Case | str] | None = None,
    examples: int = EXAMPLES,
    seed: int = 0,
    *,
    isolate: bool = False,
    robustness: bool = True,
) -> Report:
    """Hold a backend to the oracle.

    Parameters
    ----------
    backend : object, module or str
        Any object or module with one or more of the four functions, NumPy in and out, with the signatures of
        `reference_impl`; or the name of one, "torch" or "package.module:Object". An attribute `capabilities`
        (`Capabilities`) says what it lacks; without it, it must do all, in float32 and float64. `name` and `version`
        are shown.
    cases : specs, catalogue names, files or `Case` objects, run as they are
        By default the curated and regression cases and `examples` generated ones, in those of float32, float64 and
        int32 that the backend offers, and some of them in its other dtypes. Where it supports few of these, or of the
        catalogues curated, regressions and smoke, more are drawn that it supports.
    examples : int
        Number of generated cases.
    seed : int
        Decides generated cases and all data.
    isolate : bool
        Run the backend in processes of its own, which may crash, hang or take too much memory. `backend` must then be
        a name, a class that can be imported, or what a wrapper (`torch_style`) makes of a function or class that can.
    robustness : bool
        If False, failures on invalid calls, memory layouts, special values, empty arrays, batches beyond 65,535, and
        printing do not count in `passed`. They are shown in either case.

    Raises
    ------
    ValueError
        If the backend has none of the four functions, a case cannot be read, or the backend cannot be isolated.
    """
    subject = _subject(backend, named=isolate)
    asked = choice.for_own_backend(subject, cases, examples, seed, as_a_whole=isolate)
    tally = Tally()
    tally.extend(records_of(asked, processes=None if isolate else 0))
    return Report(subject, tally, asked, seed, isolate, robustness)


def parametrize_with_checks(
    tested: Iterable[Any],
    *,
    cases: Iterable[Case | str] | None = None,
    examples: int = PYTEST_EXAMPLES,
    seed: int = 0,
    expected_failures: str | Path | None = None,
) -> Callable:
    """Decorate a test of yours, `def test_mine(backend, check): check(backend)`, to run every check on every backend.

    It makes one pytest item for each backend x operation x check x padding mode, as `Kernel-conv2d-exact-SAME`. The
    other arguments are those of `check_backend`. A backend that supports too few of the cases has an item that fails.

    Parameters
    ----------
    expected_failures : path of a text file
        Each line is the id of an item and, after #, a reason. These items are expected to fail, strictly. An id that
        no item has fails in an item of its own.
    """
    import pytest

    expected = _expected_failures(expected_failures)
    items = []
    names: set[str] = set()
    for backend in tested:
        subject = _subject(backend)
        if subject.name in names:
            raise ValueError(f"each backend must have another name; two are called {subject.name!r}")
        names.add(subject.name)
        for check in _items(subject, choice.for_own_backend(subject, cases, examples, seed)):
            reason = expected.pop(check.name, None)
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason is not None else []
            items.append(pytest.param(backend, check, id=check.name, marks=marks))
    if expected:
        items.append(pytest.param(None, _Unmatched(str(expected_failures), list(expected)), id="expected-failures"))
    return pytest.mark.parametrize(("backend", "check"), items)


@dataclass(frozen=True)
class CheckItem:
    """One pytest item: one check of one operation on the cases of one padding mode."""

    name: str
    subject: Subject
    operation: str
    check: Check
    cases: tuple[Case, ...]
    seed: int

    def __call__(self, backend: Any) -> None:
        """Fail with a report of all cases on which `backend` fails."""
        __tracebackhide__ = True  # pytest shows the report alone
        subject = _subject(backend)
        judged: list[Record] = []
        for case in self.cases:
            records = judge_call(Asked(subject, self.operation, case, (self.check,), self.seed))
            judged += mark_expected(records, subject)
        failed = [record for record in judged if record.unexpected and not self._is_told_elsewhere(record)]
        if failed:
            diagnoses = Diagnoses(run=judged)
            shown = [failure_text(diagnoses.added(subject, record)) for record in failed[:3]]
            more = [f"... and {len(failed) - 3} more of {len(self.cases)} cases"] if len(failed) > 3 else []
            raise AssertionError("\n\n".join(shown + more))

    def _is_told_elsewhere(self, record: Record) -> bool:
        """True if the plain call is refused, which fails its first check; the others do not repeat it."""
        case, first = Case.parse(record.case), CHECKS[0]
        is_asked = first in shares.checks_due(self.subject, case, self.seed, share=1.0)
        if record.outcome != outcome.REFUSED or self.check == first or not is_asked:
            return False
        subject = self.subject.fresh() or self.subject
        told = judge_call(Asked(subject, self.operation, case, (first,), self.seed))
        return any(one.outcome == outcome.REFUSED for one in told)


@dataclass(frozen=True)
class _Unmatched:
    file: str
    names: list[str]

    def __call__(self, backend: None) -> None:
        __tracebackhide__ = True
        raise AssertionError(f"{self.file} expects failures of items that do not exist: {', '.join(self.names)}")


@dataclass(frozen=True)
class _TooLittle:
    """An item that fails, as the others judge nothing or too few calls."""

    name: str
    said: str

    def __call__(self, backend: Any) -> None:
        __tracebackhide__ = True
        raise AssertionError(self.said)


def _items(subject: Subject, asked: Selection) -> Iterator[CheckItem | _TooLittle]:
    cases, seed, supported = asked.cases, asked.seed, Counter[str]()
    due = {case: shares.checks_due(subject, case, seed, share=1.0) for case in cases}
    for operation in subject.capabilities.operations:
        offered = subject.capabilities.supported(operation, cases)
        supported += Counter({operation: len(offered)})
        for check in CHECKS:
            if check.name in subject.capabilities.unclaimed:
                continue
            for mode in PADDING_MODES:
                group = tuple(case for case in offered if case.padding_mode == mode and check in due[case])
                if group:
                    name = f"{subject.name}-{operation}-{check.name}-{mode}"
                    yield CheckItem(name, subject, operation, check, group, seed)
    given = len(cases) * len(subject.capabilities.operations)
    counted = Judged(subject, given, supported, Counter(), asked.fewest, no_cases=not cases)
    if counted.verdict is not None:
        said = f"{subject.name}: {counted.verdict}. {counted.advice}"
        yield _TooLittle(f"{subject.name}-judges-enough", said)


def _subject(backend: Any, *, named: bool = False) -> Subject:
    """Make a subject; `named` if another process must be able to load it."""
    if isinstance(backend, str):
        return Subject.load(backend)
    if not named:
        return Subject.of(backend(), remake=backend) if isinstance(backend, type) else Subject.of(backend)
    # An instance that the other process makes would not have what this one was told or given.
    made_by = getattr(backend, "making", None)
    if made_by is not None:  # a wrapper's: it says itself how it is made again
        try:
            return Subject.load(made_by.name())
        except ValueError as error:
            raise ValueError(f"isolate=True needs a backend that another process can make again: {error}") from None
    if not isinstance(backend, type):
        raise ValueError(f"isolate=True needs a class, or the name of what another process can load; not {backend!r}")
    name = f"{backend.__module__}:{backend.__qualname__}"
    if backend.__module__ == "__main__" or "<locals>" in name:
        raise ValueError(f"isolate=True needs a backend that another process can import by name; {name} is none")
    return _subject(name)


def _expected_failures(file: str | Path | None) -> dict[str, str]:
    """Read item ids and reasons."""
    if file is None:
        return {}
    try:
        text = Path(file).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: must be UTF-8 text; byte {error.start} is not") from None
    lines = (line.partition("#") for line in text.splitlines())
    return {name.strip(): reason.strip() for name, _, reason in lines if name.strip()}
