"""Runs checks x cases x backends, and says for each what came of it."""

from __future__ import annotations

import sysconfig
import traceback
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..backends import registry
from ..backends.protocol import WRAP_A_FUNCTION, Capabilities
from ..cases.case import Case
from ..operations import OPERATIONS
from ..verdicts.agreement import Accuracy, Disagreement
from ..verdicts.checks import Check, Remark, Trial, checks_of
from ..verdicts.task import Task
from . import known, outcome
from .outcome import Record
from .processes.worker import Died, Worker

# What is ours; it is run beside the frameworks.
OURS = ("reference", "definition")
# Of large cases, and of what asks a backend again, the part for routes by default.
ROUTES_SHARE = 0.25
LARGE = 5_000_000  # multiply-adds


@dataclass(frozen=True)
class Subject:
    """A backend, with defaults for what it does not declare."""

    backend: Any
    name: str
    version: str
    capabilities: Capabilities
    facts: dict[str, Any] = field(default_factory=dict, compare=False)
    argument: str | None = None

    @cached_property
    def worker(self) -> Worker:
        """A process that has loaded this backend too."""
        return Worker(self.argument or self.name)

    def ask(self, job: str, *arguments: Any, **options: Any) -> Any:
        """What the job of `jobs.py` answers there; raises Died."""
        return self.worker.ask(job, self.argument or self.name, *arguments, **options)

    def blank(self, operation: str, case: str, seed: int, check: str = "") -> Record:
        """A record of it that has passed."""
        return Record(self.name, self.version, operation, case, check, outcome.PASS, seed=seed, argument=self.argument)

    @property
    def is_route(self) -> bool:
        """Whether it is another way through a framework, or our own: what is costly is asked of a plain one."""
        return ":" in self.name or self.name in OURS

    @classmethod
    def of(cls, backend: Any, argument: str | None = None) -> Subject:
        """Any object or module with at least one of the four operations; `argument` is what `load` takes for it.

        Undeclared capabilities are: the operations that it has, float32 and float64, everything else.
        """
        offered = tuple(name for name in OPERATIONS if callable(getattr(backend, name, None)))
        if not offered:
            said = f"a backend must offer at least one of {', '.join(OPERATIONS)}; {backend!r} has none"
            raise ValueError(f"{said}; {WRAP_A_FUNCTION}" if callable(backend) else said)
        capabilities = getattr(backend, "capabilities", None) or Capabilities(operations=offered)
        missing = set(capabilities.operations) - set(offered)
        if missing:
            raise ValueError(f"{backend!r} declares {', '.join(sorted(missing))}, which it does not have")
        name = str(getattr(backend, "name", None) or getattr(backend, "__name__", type(backend).__name__))
        version = str(getattr(backend, "version", "unversioned"))
        return cls(backend, name, version, capabilities, dict(getattr(backend, "facts", {})), argument)

    @classmethod
    def load(cls, argument: str) -> Subject:
        """What `registry.load` gives; what a package declares has the name that it declares."""
        subject = cls.of(registry.load(argument), argument)
        declared = argument not in registry.ADAPTERS and ":" not in argument
        return replace(subject, name=argument) if declared else subject


def subjects(words: Iterable[str] = ()) -> list[Subject]:
    """The backends that `words` name (see `registry.expand`); without any, all that is `available`.

    Raises ImportError or ValueError if one that is named cannot be loaded.
    """
    words = list(words)
    return [Subject.load(name) for name in registry.expand(words)] if words else available()[0]


def available() -> tuple[list[Subject], list[str]]:
    """The backends that can be run here, and a line on each that cannot, as it is not installed, or broken."""
    found, lines = [], []
    for name, there in registry.installed().items():
        if not there:
            lines.append(f"Not installed, so not checked: {name} (pip install 'conv2d-reference-impl[{name}]')")
    lines += [f"Not checked: {why}" for why in registry.refused().values()]
    for name in registry.expand():
        try:
            found.append(Subject.load(name))
        except Exception as error:  # whatever a package does, the others go on
            if name not in registry.declared():
                raise
            lines.append(f"Not checked: {name}: {error}")
    return found, lines


def judge(
    subject: Subject,
    case: Case,
    operation: str,
    seed: int = 0,
    task: Task | None = None,
    *,
    checks: Sequence[Check] | None = None,
) -> list[Record]:
    """Every check of one operation of one backend on one case: a record each."""
    declared = subject.capabilities
    checks = checks_of(case, seed, full=True) if checks is None else checks
    blank = subject.blank(operation, str(case), seed)
    lack = declared.unsupported(operation, case)
    if lack is not None:
        return [replace(blank, check=check.name, outcome=outcome.UNSUPPORTED, message=lack) for check in checks]
    composed = declared.composed(operation, case)
    if composed is not None:
        blank = replace(blank, mode=f"composed: {composed}")
    entry = known.find(subject.name, subject.version, subject.facts, operation, case)
    if entry is not None and entry.outcome == outcome.CRASHED:
        return known.expecting(entry, _apart(subject, blank, checks))
    trial = Trial(subject.backend, task or Task(case, operation, seed), declared)
    records = [_run(check, trial, replace(blank, check=check.name)) for check in checks]
    return records if entry is None else known.expecting(entry, records)


def judge_all(
    subjects: Sequence[Subject],
    cases: Sequence[Case],
    operations: Sequence[str] = OPERATIONS,
    seed: int = 0,
    *,
    full: bool = False,
    only: Collection[str] = (),
    advance: Callable[[], None] = lambda: None,
) -> Iterator[Record]:
    """All records; `advance` is called after each backend's turn at a call.

    A backend is given the cases that it `takes`, and each check its share of them, or all if `full`; `only` names
    the checks to run, if not all.
    """
    for case in cases:
        tasks = {operation: Task(case, operation, seed) for operation in operations}
        for subject, operation, checks in calls_of(subjects, case, operations, seed, full=full, only=only):
            yield from judge(subject, case, operation, seed, tasks[operation], checks=checks)
            advance()


def calls_of(
    subjects: Sequence[Subject],
    case: Case,
    operations: Sequence[str],
    seed: int,
    *,
    full: bool,
    only: Collection[str],
) -> Iterator[tuple[Subject, str, list[Check]]]:
    """The calls that a run makes on a case, and the checks of each."""
    takers = [subject for subject in subjects if full or takes(subject, case, seed)]
    for operation in operations:
        for subject in takers:
            due = checks_of(case, seed, full=full, share=ROUTES_SHARE if subject.is_route else 1.0)
            yield subject, operation, [check for check in due if not only or check.name in only]


def takes(subject: Subject, case: Case, seed: int) -> bool:
    """Whether the backend is given the case by default: of a dtype that it offers, and in its share of all cases.

    Routes are given ROUTES_SHARE of the large ones. Which part a share is, `seed` decides.
    """
    if case.dtype not in subject.capabilities.dtypes:
        return False
    share = subject.capabilities.share
    if subject.is_route and case.multiply_adds > LARGE:
        share *= ROUTES_SHARE
    return zlib.crc32(f"{seed} {case}".encode()) < share * 2**32


def in_dtypes(cases: Iterable[Case], dtypes: Sequence[str]) -> list[Case]:
    """Each float32 case in each of `dtypes`; a case that names another dtype, in that one."""
    spread: dict[Case, None] = {}
    for case in cases:
        for dtype in dtypes if case.dtype == "float32" else (case.dtype,):
            spread[case.with_dtype(dtype)] = None
    return list(spread)


def _run(check: Check, trial: Trial, blank: Record) -> Record:
    reason = trial.declared.unclaimed.get(check.name)
    if reason is not None:
        return replace(blank, outcome=outcome.UNSUPPORTED, message=reason)
    try:
        found = check.run(trial)
    except Disagreement as error:
        return replace(blank, outcome=outcome.FAIL, ratio=error.ratio, diagnosis=error.diagnosis, message=str(error))
    except Exception as error:  # whatever a backend may raise: an outcome of its own, never a skip
        return replace(blank, outcome=outcome.REFUSED, message=f"{type(error).__name__}: {error}{_place(error)}")
    if isinstance(found, Accuracy):
        return replace(blank, ratio=found.worst, median_ratio=found.median)
    if isinstance(found, Remark):
        return replace(blank, outcome=outcome.MISTRUSTED if found.mistrusted else outcome.PASS, remark=found.text)
    return blank


# Python's own, with what is installed, and ours.
_LIBRARIES = (*(Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")), Path(__file__).parents[1])


def _place(error: Exception) -> str:
    """Where it was raised: the last line that is neither ours nor a library's."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not any(map(Path(frame.filename).is_relative_to, _LIBRARIES))]
    return f" ({theirs[-1].filename}, line {theirs[-1].lineno}, in {theirs[-1].name})" if theirs else ""


def _apart(subject: Subject, blank: Record, checks: Sequence[Check]) -> list[Record]:
    """The records of a call in a process of its own, which may die of it."""
    names = [check.name for check in checks]
    try:
        calls = [(subject.argument or subject.name, blank.operation, names)]
        (judged,) = subject.worker.ask("records", blank.case, blank.seed, calls)
    except Died as died:
        return crashed(blank, names, died)
    return [Record(**fields) for fields in judged]


def crashed(blank: Record, checks: Iterable[str], died: Died) -> list[Record]:
    return [replace(blank, check=name, outcome=outcome.CRASHED, message=str(died)) for name in checks]
