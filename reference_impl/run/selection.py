"""A selection: the backends, cases, operations and checks of one run."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..cases.case import DTYPES, Case
from ..cases.covering.narrow import Reach
from ..operations import OPERATIONS
from ..verdicts.checks import CHECKS, Check
from . import known
from .processes.worker import Died
from .shares import checks_due, checks_of, is_designed, takes, takes_in_dtype
from .subject import NotLoaded, Subject
from .whole_backend import WHOLE_BACKEND_CHECKS

CHECK_NAMES = (*(check.name for check in CHECKS), *WHOLE_BACKEND_CHECKS)


@dataclass(frozen=True)
class Asked:
    """One call that a run makes: an operation of a backend on a case, and the checks of the answer."""

    subject: Subject
    operation: str
    case: Case
    checks: tuple[Check, ...]
    seed: int = 0

    @property
    def may_kill(self) -> bool:
        """True if the process is known to die of this call, so that it needs one of its own."""
        return known.is_deadly(self.subject, self.operation, self.case)


@dataclass(frozen=True)
class Selection:
    """All that one run asks.

    Parameters
    ----------
    groups : backends, each group with its cases
    operations : names of operations
    seed : decides the shares, and all data
    full : give every case and every check to every backend
    slow_in_part : though full, give slow backends of ours (they declare a share) their share of cases and checks
    designed_in_part : though full, give designed cases their share of the checks that ask a backend again
    dtypes_in_part : give routes a part of the cases in dtypes beyond the first, and those that they are known to fail
    only : names of the checks to run; all, if empty
    whole : names of the checks on whole backends to run
    errors : backends that cannot be loaded, each with the error
    unasked : dtypes that nobody asked for: only backends that offer them are given their cases
    assured : cases that a backend is given, by its name, even if its share leaves them out
    fewest : calls that must be judged of each operation that a backend supports at all; `report.tally` looks
    reached : of a user's backend with lacks, by its name: the combinations that each operation supports
    required : promises that every backend is held to, beside those that it declares
    all_of_state : run the checks of state in every dtype of a case, and on every route
    """

    groups: tuple[tuple[tuple[Subject, ...], tuple[Case, ...]], ...]
    operations: tuple[str, ...] = OPERATIONS
    seed: int = 0
    full: bool = False
    only: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    errors: Mapping[str, NotLoaded | Died] = field(default_factory=dict)
    unasked: frozenset[str] = frozenset()
    assured: Mapping[str, frozenset[Case]] = field(default_factory=dict)
    fewest: int = 1
    all_of_state: bool = False
    slow_in_part: bool = False
    designed_in_part: bool = False
    dtypes_in_part: bool = False
    required: tuple[str, ...] = ()
    reached: Mapping[str, Mapping[str, Reach]] = field(default_factory=dict)

    @property
    def subjects(self) -> list[Subject]:
        return [subject for subjects, _ in self.groups for subject in subjects]

    @property
    def asked_as_a_whole(self) -> list[Subject]:
        """The backends for the checks on whole backends: by default the plain ones, and the oracle."""
        return [subject for subject in self.subjects if self.whole_of(subject)]

    def whole_of(self, subject: Subject) -> tuple[str, ...]:
        """The checks of one backend as a whole, and the promises that it is held to."""
        usual = self.whole if self.full or not subject.is_route or subject.name == "reference" else ()
        declared = subject.capabilities.requires if self.whole else ()
        return tuple(dict.fromkeys((*usual, *self.required, *declared)))

    @cached_property
    def cases(self) -> list[Case]:
        """Every case, once."""
        return list(dict.fromkeys(case for _, cases in self.groups for case in cases))

    @cached_property
    def turns(self) -> int:
        """Number of calls that the run makes, counted for each backend."""
        taken = sum(self._takes(subject, case) for group, cases in self.groups for case in cases for subject in group)
        return taken * len(self.operations)

    def calls_on(self, case: Case, subjects: Iterable[Subject]) -> Iterator[Asked]:
        """The calls that the run makes on a case of some of its backends."""
        takers = [(subject, self._checks(subject, case)) for subject in subjects if self._takes(subject, case)]
        for operation in self.operations:
            for subject, checks in takers:
                yield Asked(subject, operation, case, checks, self.seed)

    def _checks(self, subject: Subject, case: Case) -> tuple[Check, ...]:
        """The checks of each operation of a backend on a case."""
        checks = self._due(subject, case)
        if self.only:
            checks = tuple(check for check in checks if check.name in self.only)
        if not self._asks_for_state(subject, case):
            checks = tuple(check for check in checks if not check.of_state)
        return checks

    def _asks_for_state(self, subject: Subject, case: Case) -> bool:
        """True in one dtype of each case: checks of state are long, and the dtype rarely matters to them.

        They ask for many shapes. Our routes that declare a share compile each shape, and get their share here too.
        """
        if self.all_of_state:
            return True
        dtypes, drawn = self._dtypes[case]
        if subject.is_route and drawn >= subject.capabilities.share * 2**32:
            return False
        offered = [dtype for dtype in DTYPES if dtype in dtypes and dtype in subject.capabilities.dtypes]
        return not offered or case.dtype == offered[drawn % len(offered)]

    @cached_property
    def _dtypes(self) -> Mapping[Case, tuple[set[str], int]]:
        """The dtypes in which each case is there, and a number from the seed that all of these share."""
        alike = {case: case.with_dtype("float32") for case in self.cases}
        dtypes: dict[Case, set[str]] = {}
        for case, same in alike.items():
            dtypes.setdefault(same, set()).add(case.dtype)
        return {case: (dtypes[same], zlib.crc32(f"{self.seed} state {same}".encode())) for case, same in alike.items()}

    def _takes(self, subject: Subject, case: Case) -> bool:
        if case.dtype in self.unasked and case.dtype not in subject.capabilities.dtypes:
            return False
        if self._gives_all(subject) or case in self.assured.get(subject.name, ()):
            return True
        if not takes(subject, case, self.seed):
            return False
        if not self.dtypes_in_part or takes_in_dtype(subject, case, self.seed):
            return True
        return any(known.expected(subject, operation, case) for operation in self.operations)

    def _due(self, subject: Subject, case: Case) -> tuple[Check, ...]:
        if not self._gives_all(subject):
            return checks_due(subject, case, self.seed)
        if self.designed_in_part and is_designed(case):
            return checks_due(subject, case, self.seed, share=1.0)
        return checks_of(case)

    def _gives_all(self, subject: Subject) -> bool:
        return self.full and not self.gives_a_part(subject)

    def gives_a_part(self, subject: Subject) -> bool:
        """True if a backend that declares a share is given that share of the cases, and not all."""
        if subject.capabilities.share >= 1:
            return False
        return not self.full or (self.slow_in_part and subject.adapter is not None)


def for_all(
    subjects: Iterable[Subject], cases: Iterable[Case], operations: Sequence[str] = OPERATIONS, **options: Any
) -> Selection:
    """Select these cases for all of these backends. `options` are further fields of Selection."""
    return Selection(((tuple(subjects), tuple(cases)),), tuple(operations), **options)
