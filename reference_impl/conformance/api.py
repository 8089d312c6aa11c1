"""Check a backend of your own: at once, or as items of your own pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ..cases import catalogue
from ..cases.case import PADDING_MODES, Case
from ..cases.generation import generate
from ..operations import OPERATIONS
from ..report import failures as report
from ..report import tables
from ..run import whole_backend
from ..run.outcome import Record
from ..run.processes.pool import judge_isolated
from ..run.runner import Subject, in_dtypes, judge, judge_all
from ..run.whole_backend import WHOLE_BACKEND_CHECKS
from ..verdicts.checks import CHECKS, checks_of

DEFAULT_CASES = ("curated", "regressions")
DEFAULT_DTYPES = ("float32", "float64", "int32")


@dataclass(repr=False)
class Report:
    """What came of `check_backend`. Print it, or show it in a notebook."""

    subject: Subject
    tally: report.Tally
    cases: Sequence[Case]
    seed: int
    isolated: bool = False

    def __post_init__(self) -> None:
        # With the diagnoses, which the tally then has too.
        self._texts = list(report.failures(self.tally, [self.subject], isolate=self.isolated))

    @property
    def failures(self) -> list[Record]:
        """One for each call that failed: its operation, case, check, outcome, diagnosis and message."""
        return self.tally.unexpected

    @property
    def passed(self) -> bool:
        return not self.failures

    def __str__(self) -> str:
        console = Console(width=120, color_system=None)
        with console.capture() as captured:
            self._print(console)
        return captured.get()

    __repr__ = __str__  # which pytest shows of `assert report.passed, report`

    def _repr_html_(self) -> str:
        with Path("/dev/null").open("w") as nowhere:
            console = Console(width=120, record=True, file=nowhere)
            self._print(console)
            return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")

    def _print(self, console: Console) -> None:
        tables.print_tables(console, self.tally, [self.subject], full=True)
        for text in self._texts:
            console.print(text, markup=False, highlight=False, soft_wrap=True)
            console.print()
        verdict = "passed" if self.passed else f"failed {len(self.failures)} calls"
        console.print(
            f"{self.subject.name} {self.subject.version}: {verdict} ({len(self.cases)} cases, seed {self.seed})."
        )


def check_backend(
    backend: Any,
    cases: Iterable[Case | str] | None = None,
    examples: int = 100,
    seed: int = 0,
    *,
    isolate: bool = False,
) -> Report:
    """Hold a backend to the oracle.

    Parameters
    ----------
    backend : any object or module with one or more of the four functions, NumPy in and out, with the signatures of
        `reference_impl`; or the name of one, "torch" or "package.module:Object". An attribute `capabilities`
        (`Capabilities`) says what it lacks; without it, it must do all, in float32 and float64. `name` and `version`
        are shown.
    cases : specs, catalogue names, files or objects (`Case`), run as they are; by default the curated and regression
        cases and `examples` generated ones, in float32, float64 and int32
    seed : decides generated cases and all data
    isolate : run it in processes of its own, which may crash, hang or take too much memory; `backend` must then be a
        name, or a class that can be imported

    Raises
    ------
    ValueError
        If the backend has none of the four functions, a case cannot be read, or it cannot be isolated.
    """
    subject = _subject(backend, named=isolate)
    chosen = _cases(cases, examples, seed, subject.capabilities.dtypes)
    tally = report.Tally()
    if isolate:
        if cases is None:
            tally.extend(whole_backend.judge_whole_backend(tuple(WHOLE_BACKEND_CHECKS), subject, OPERATIONS, seed))
        tally.extend(judge_isolated([subject], chosen, seed=seed, full=True))
    else:
        tally.extend(judge_all([subject], chosen, seed=seed, full=True))
    return Report(subject, tally, chosen, seed, isolate)


def parametrize_with_checks(
    tested: Iterable[Any],
    *,
    cases: Iterable[Case | str] | None = None,
    examples: int = 20,
    seed: int = 0,
    expected_failures: str | Path | None = None,
) -> Callable:
    """Decorate a test of yours, `def test_mine(backend, check): check(backend)`, to be run for every claim.

    One pytest item for each backend x operation x check x padding mode, as `Kernel-conv2d-exact-SAME`. Arguments are
    those of `check_backend`.

    Parameters
    ----------
    expected_failures : a text file of yours with the id of an item on each line, and after # the reason: these are
        expected to fail, strictly. An id that no item has fails in an item of its own.
    """
    import pytest

    expected = _expected_failures(expected_failures)
    items = []
    for backend in tested:
        subject = _subject(backend)
        for claim in _claims(subject, _cases(cases, examples, seed, subject.capabilities.dtypes), seed):
            reason = expected.pop(claim.name, None)
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason is not None else []
            items.append(pytest.param(backend, claim, id=claim.name, marks=marks))
    if expected:
        items.append(pytest.param(None, _Unmatched(str(expected_failures), list(expected)), id="expected-failures"))
    return pytest.mark.parametrize(("backend", "check"), items)


@dataclass(frozen=True)
class Claim:
    """One check of one operation on the cases of one padding mode."""

    name: str
    subject: Subject
    operation: str
    check: str
    cases: tuple[Case, ...]
    seed: int

    def __call__(self, backend: Any) -> None:
        """Fail with a report of all cases on which `backend` fails."""
        subject = _subject(backend)
        checks = [check for check in CHECKS if check.name == self.check]
        failed = []
        for case in self.cases:
            records = judge(subject, case, self.operation, self.seed, checks=checks)
            failed += [record for record in records if record.unexpected]
        if failed:
            shown = [report.failure_text(record) for record in failed[:3]]
            more = [f"... and {len(failed) - 3} more of {len(self.cases)} cases"] if len(failed) > 3 else []
            raise AssertionError("\n\n".join(shown + more))


@dataclass(frozen=True)
class _Unmatched:
    file: str
    names: list[str]

    def __call__(self, backend: None) -> None:
        raise AssertionError(f"{self.file} expects failures of items that there are not: {', '.join(self.names)}")


def _claims(subject: Subject, cases: Sequence[Case], seed: int) -> Iterator[Claim]:
    for operation in subject.capabilities.operations:
        offered = [case for case in cases if subject.capabilities.unsupported(operation, case) is None]
        for check in CHECKS:
            if check.name in subject.capabilities.unclaimed:
                continue
            for mode in PADDING_MODES:
                group = tuple(case for case in offered if case.padding_mode == mode and check in checks_of(case, seed))
                if group:
                    name = f"{subject.name}-{operation}-{check.name}-{mode}"
                    yield Claim(name, subject, operation, check.name, group, seed)


def _subject(backend: Any, *, named: bool = False) -> Subject:
    if isinstance(backend, str):
        return Subject.load(backend)
    if not named:
        return Subject.of(backend() if isinstance(backend, type) else backend)
    # An instance made there would not have what this one was told or given.
    if not isinstance(backend, type):
        raise ValueError(f"isolate=True needs a class, or the name of what another process can load; not {backend!r}")
    name = f"{backend.__module__}:{backend.__qualname__}"
    if backend.__module__ == "__main__" or "<locals>" in name:
        raise ValueError(f"isolate=True needs a backend that another process can import by name; {name} is none")
    return _subject(name)


def _cases(asked: Iterable[Case | str] | None, examples: int, seed: int, dtypes: Sequence[str]) -> list[Case]:
    if asked is not None:
        found = [[word] if isinstance(word, Case) else catalogue.resolve(word) for word in asked]
        return [case for cases in found for case in cases]
    cases = [case for name in DEFAULT_CASES for case in catalogue.load(name)] + generate(examples, seed)
    return in_dtypes(cases, [dtype for dtype in DEFAULT_DTYPES if dtype in dtypes] or list(dtypes))


def _expected_failures(file: str | Path | None) -> dict[str, str]:
    """Item ids and reasons."""
    if file is None:
        return {}
    lines = (line.partition("#") for line in Path(file).read_text("utf-8").splitlines())
    return {name.strip(): reason.strip() for name, _, reason in lines if name.strip()}
