"""Runs checks x cases x backends, and says for each what came of it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import backends
from ..backends.protocol import Capabilities
from . import known, outcome
from .agreement import Disagreement
from .cases import OPERATIONS, Case
from .checks import Check, Trial, checks_of
from .data import Call, integer_call, oracle
from .isolation import judge_apart
from .outcome import Record
from .real_data import FORMATS, RealProblem, real_problem


@dataclass(frozen=True)
class Subject:
    """A backend, with defaults for what it does not declare."""

    backend: Any
    name: str
    version: str
    capabilities: Capabilities
    facts: dict[str, Any] = field(default_factory=dict, compare=False)
    argument: str | None = None

    @classmethod
    def of(cls, backend: Any, argument: str | None = None) -> Subject:
        """Any object or module with at least one of the four operations; `argument` is what `load` takes for it.

        Undeclared capabilities are: the operations that it has, float32 and float64, everything else.
        """
        offered = tuple(name for name in OPERATIONS if callable(getattr(backend, name, None)))
        if not offered:
            raise ValueError(f"a backend must offer at least one of {', '.join(OPERATIONS)}; {backend!r} has none")
        capabilities = getattr(backend, "capabilities", None) or Capabilities(operations=offered)
        missing = set(capabilities.operations) - set(offered)
        if missing:
            raise ValueError(f"{backend!r} declares {', '.join(sorted(missing))}, which it does not have")
        name = str(getattr(backend, "name", None) or getattr(backend, "__name__", type(backend).__name__))
        version = str(getattr(backend, "version", "unversioned"))
        return cls(backend, name, version, capabilities, dict(getattr(backend, "facts", {})), argument)


def subjects(words: Iterable[str] = ()) -> list[Subject]:
    """The backends that `words` name (see `backends.expand`); without any, all that is installed.

    Raises ImportError or ValueError if one cannot be loaded.
    """
    return [Subject.of(backends.load(name), name) for name in backends.expand(words)]


@dataclass(frozen=True)
class Problem:
    """One call with the oracle's answer, made once for all backends."""

    call: Call
    expected: np.ndarray
    real: RealProblem | None

    @classmethod
    def of(cls, case: Case, operation: str, seed: int) -> Problem:
        call = integer_call(case, operation, seed)
        real = real_problem(case, operation, seed) if case.dtype in FORMATS else None
        return cls(call, oracle(call), real)


def judge(
    subject: Subject,
    case: Case,
    operation: str,
    seed: int = 0,
    problem: Problem | None = None,
    *,
    checks: Sequence[Check] | None = None,
) -> list[Record]:
    """Every check of one operation of one backend on one case: a record each."""
    declared = subject.capabilities
    checks = checks_of(case) if checks is None else checks
    blank = Record(
        subject.name, subject.version, operation, str(case), "", outcome.PASS, seed=seed, argument=subject.argument
    )
    lack = declared.unsupported(operation, case)
    if lack is not None:
        return [replace(blank, check=check.name, outcome=outcome.UNSUPPORTED, message=lack) for check in checks]
    composed = declared.composed(operation, case)
    if composed is not None:
        blank = replace(blank, mode=f"composed: {composed}")
    entry = known.find(subject.name, subject.version, subject.facts, operation, case)
    if entry is not None and entry.outcome == outcome.CRASHED:
        return _expecting(entry, _apart(blank, case))
    problem = problem or Problem.of(case, operation, seed)
    dtype = declared.result_dtype(case.dtype)
    trial = Trial(subject.backend, problem.call, problem.expected, dtype, problem.real, declared)
    records = [_run(check, trial, replace(blank, check=check.name)) for check in checks]
    return records if entry is None else _expecting(entry, records)


def judge_all(
    subjects: Sequence[Subject],
    cases: Sequence[Case],
    operations: Sequence[str] = OPERATIONS,
    seed: int = 0,
    *,
    full: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[Record]:
    """All records; `advance` is called after each backend's turn at a call.

    A backend is given the cases that it `takes`, or all if `full`.
    """
    for case in cases:
        takers = [subject for subject in subjects if full or takes(subject, case, seed)]
        for operation in operations:
            problem = None
            for subject in takers:
                if problem is None and subject.capabilities.unsupported(operation, case) is None:
                    problem = Problem.of(case, operation, seed)
                yield from judge(subject, case, operation, seed, problem, checks=checks_of(case, full=full))
                advance()


def takes(subject: Subject, case: Case, seed: int) -> bool:
    """Whether the backend is given the case by default: of a dtype that it offers, and in its share of all cases.

    Which part a share is, `seed` decides.
    """
    if case.dtype not in subject.capabilities.dtypes:
        return False
    return zlib.crc32(f"{seed} {case}".encode()) < subject.capabilities.share * 2**32


def in_dtypes(cases: Iterable[Case], dtypes: Sequence[str]) -> list[Case]:
    """Each float32 case in each of `dtypes`; a case that names another dtype, in that one."""
    spread: dict[Case, None] = {}
    for case in cases:
        for dtype in dtypes if case.dtype == "float32" else (case.dtype,):
            spread[case.with_dtype(dtype)] = None
    return list(spread)


def _run(check: Check, trial: Trial, blank: Record) -> Record:
    try:
        accuracy = check.run(trial)
    except Disagreement as error:
        return replace(blank, outcome=outcome.FAIL, ratio=error.ratio, diagnosis=error.diagnosis, message=str(error))
    except Exception as error:  # whatever a backend may raise: an outcome of its own, never a skip
        return replace(blank, outcome=outcome.REFUSED, message=f"{type(error).__name__}: {error}")
    return blank if accuracy is None else replace(blank, ratio=accuracy.worst, median_ratio=accuracy.median)


def _apart(blank: Record, case: Case) -> list[Record]:
    """The records of a call in a process of its own, which may die of it."""
    judged = judge_apart(blank.backend, blank.operation, blank.case, blank.seed)
    if isinstance(judged, str):
        return [replace(blank, check=check.name, outcome=outcome.CRASHED, message=judged) for check in checks_of(case)]
    return judged


def _expecting(entry: known.KnownFailure, records: list[Record]) -> list[Record]:
    """Records of a call that is expected to fail: as expected, in another way, or (to be looked at) not at all."""
    if all(record.outcome == outcome.PASS for record in records):
        if entry.sometimes:
            return records
        message = f"expected to fail: {entry.does} ({entry.link})"
        return [replace(record, outcome=outcome.FIXED, message=message) for record in records]
    return [
        replace(record, outcome=outcome.KNOWN, diagnosis=f"{entry.does} ({entry.link})")
        if record.outcome == entry.outcome
        else record
        for record in records
    ]
