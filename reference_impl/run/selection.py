"""The choice of cases, dtypes and checks for each backend: the one place that decides.

Everybody who runs the suite asks here: `verify`, `check_backend`, `parametrize_with_checks`, the equivalence tests, the
mutation score, and `export`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..cases import catalogue
from ..cases.case import DTYPES, Case
from ..cases.generation import generate
from ..operations import OPERATIONS
from ..verdicts.checks import CHECKS, Check
from . import known
from .subject import Subject
from .whole_backend import WHOLE_BACKEND_CHECKS

DEFAULT_DTYPES = ("float32", "float64", "int32")
# Generated cases by default: of `verify` and `check_backend`, and of `parametrize_with_checks`.
EXAMPLES, PYTEST_EXAMPLES = 100, 20
# The catalogues of small cases; and the few cases that `export` writes by default.
SMALL = ("curated", "regressions")
EXPORTED = ("smoke",)

CHECK_NAMES = (*(check.name for check in CHECKS), *WHOLE_BACKEND_CHECKS)

# By default a route is given this part of the large cases, and of the checks that ask a backend again.
ROUTES_SHARE = 0.25
LARGE = 5_000_000  # multiply-adds


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
    only : names of the checks to run; all, if empty
    whole : names of the checks on whole backends to run
    """

    groups: tuple[tuple[tuple[Subject, ...], tuple[Case, ...]], ...]
    operations: tuple[str, ...] = OPERATIONS
    seed: int = 0
    full: bool = False
    only: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()

    @property
    def subjects(self) -> list[Subject]:
        return [subject for subjects, _ in self.groups for subject in subjects]

    @property
    def asked_as_a_whole(self) -> list[Subject]:
        """The backends for the checks on whole backends: by default the plain ones, and the oracle."""
        return [s for s in self.subjects if self.whole and (self.full or not s.is_route or s.name == "reference")]

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
        takers = [subject for subject in subjects if self._takes(subject, case)]
        for operation in self.operations:
            for subject in takers:
                due = checks_of(case) if self.full else checks_due(subject, case, self.seed)
                checks = tuple(check for check in due if not self.only or check.name in self.only)
                yield Asked(subject, operation, case, checks, self.seed)

    def _takes(self, subject: Subject, case: Case) -> bool:
        return self.full or takes(subject, case, self.seed)


def for_all(
    subjects: Iterable[Subject], cases: Iterable[Case], operations: Sequence[str] = OPERATIONS, **options: Any
) -> Selection:
    """Select these cases for all of these backends. `options` are further fields of Selection."""
    return Selection(((tuple(subjects), tuple(cases)),), tuple(operations), **options)


def for_verify(
    subjects: Sequence[Subject],
    words: Sequence[str] = (),
    *,
    operations: Sequence[str] = (),
    dtypes: Sequence[str] = (),
    checks: Sequence[str] = (),
    examples: int | None = None,
    seed: int = 0,
    full: bool = False,
) -> Selection:
    """Select what `verify` asks. `words` name cases; empty sequences, and None, stand for the default.

    Cases that are named are a reproducer: every backend is given all of them, and nothing else is run.
    Raises OSError or ValueError if a word names no cases.
    """
    if examples is None:
        examples = 0 if words else EXAMPLES
    of_calls = not checks or bool(set(checks) - set(WHOLE_BACKEND_CHECKS))
    groups = []
    for default, group in _by_dtypes(subjects, fixed=bool(words or dtypes)).items():
        cases = _cases(words, dtypes, default, examples, seed) if of_calls else []
        groups.append((tuple(group), tuple(cases)))
    whole = tuple(name for name in WHOLE_BACKEND_CHECKS if name in checks or not (checks or words))
    named = tuple(operations) or OPERATIONS
    return Selection(tuple(groups), named, seed, full or bool(words), tuple(checks), whole)


def for_own_backend(
    subject: Subject,
    cases: Iterable[Case | str] | None = None,
    examples: int = EXAMPLES,
    seed: int = 0,
    *,
    as_a_whole: bool = False,
) -> Selection:
    """Select what `check_backend` asks: every check, on the cases that are named or on small and generated ones.

    `as_a_whole` adds the checks on whole backends, unless cases are named: those are a reproducer.
    """
    whole = tuple(WHOLE_BACKEND_CHECKS) if as_a_whole and cases is None else ()
    chosen = cases_for_own_backend(subject, cases, examples, seed)
    return for_all([subject], chosen, seed=seed, full=True, whole=whole)


def cases_for_own_backend(subject: Subject, cases: Iterable[Case | str] | None, examples: int, seed: int) -> list[Case]:
    """The cases that are named, as they are; by default small and generated ones in the dtypes of the backend."""
    if cases is not None:
        found = [[word] if isinstance(word, Case) else catalogue.resolve(word) for word in cases]
        return [case for some in found for case in some]
    return in_dtypes(small_cases() + generate(examples, seed), dtypes_of(subject))


def cases_for_pytest(subject: Subject, words: Sequence[str] = (), seed: int = 0) -> list[Case]:
    """The cases that the equivalence tests give to a backend: those that are named, as they are, or the catalogues.

    A framework takes the small cases (curated and regressions) in its first dtype, a quarter of them in its other
    dtypes too, and a third of the network layers. A route, or a backend of our own, takes a quarter of the small
    cases, each in one of its dtypes. A backend that declares a `share` takes that share of these. The seed decides
    which part it is; `verify` gives a backend all of them.
    """
    if words:
        return [case for word in words for case in catalogue.resolve(word)]

    def number(case: Case) -> int:
        # A case keeps its number, and so its part and its dtype, when other cases are added.
        return zlib.crc32(f"{seed} {subject.name} {case}".encode())

    dtypes, small = dtypes_of(subject), small_cases()
    quarter = [case for case in small if number(case) % 4 == 0]
    if subject.is_route:
        chosen = [case.with_dtype(dtypes[number(case) // 4 % len(dtypes)]) for case in quarter]
    else:
        chosen = in_dtypes(small, dtypes[:1]) + in_dtypes(quarter, dtypes[1:])
        chosen += [case for case in catalogue.load("networks") if number(case) % 3 == 0]
    return [case for case in chosen if takes(subject, case, seed)]


def small_cases() -> list[Case]:
    """The curated and regression cases."""
    return [case for name in SMALL for case in catalogue.load(name)]


def dtypes_of(subject: Subject) -> tuple[str, ...]:
    """The default dtypes that the backend offers; if it offers none of them, its own."""
    offered = subject.capabilities.dtypes
    return tuple(dtype for dtype in DEFAULT_DTYPES if dtype in offered) or tuple(offered)


def in_dtypes(cases: Iterable[Case], dtypes: Sequence[str]) -> list[Case]:
    """Each float32 case in each of `dtypes`; a case that names another dtype, in that one."""
    spread: dict[Case, None] = {}
    for case in cases:
        for dtype in dtypes if case.dtype == "float32" else (case.dtype,):
            spread[case.with_dtype(dtype)] = None
    return list(spread)


def takes(subject: Subject, case: Case, seed: int) -> bool:
    """True if the backend is given the case by default: it offers the dtype, and the case falls in its share.

    Routes are given ROUTES_SHARE of the large cases. The seed decides which part a share is.
    """
    if case.dtype not in subject.capabilities.dtypes:
        return False
    share = subject.capabilities.share
    if subject.is_route and case.multiply_adds > LARGE:
        share *= ROUTES_SHARE
    return zlib.crc32(f"{seed} {case}".encode()) < share * 2**32


def checks_of(case: Case) -> tuple[Check, ...]:
    """Every check that says something about the case."""
    return tuple(check for check in CHECKS if check.applies(case))


def checks_due(subject: Subject, case: Case, seed: int, *, share: float | None = None) -> tuple[Check, ...]:
    """The checks that run by default: a check that asks again runs on its share of the cases.

    `share` is a further share of these checks, by default ROUTES_SHARE for routes and all for others.
    """
    if share is None:
        share = ROUTES_SHARE if subject.is_route else 1.0
    return tuple(check for check in checks_of(case) if _is_due(check, case, seed, share))


def _is_due(check: Check, case: Case, seed: int, share: float) -> bool:
    if not check.asks_again:
        return True
    drawn = zlib.crc32(f"{seed} {check.name} {case}".encode()) / 2**32
    return drawn < check.share * share and case.multiply_adds <= check.most_multiply_adds


def _by_dtypes(subjects: Iterable[Subject], *, fixed: bool) -> dict[tuple[str, ...], list[Subject]]:
    """The backends by the dtypes of their cases: the default ones or, for a backend that offers none of them, its own.

    `fixed` if the cases or their dtypes are asked for: then all backends get the same.
    """
    groups: dict[tuple[str, ...], list[Subject]] = {}
    for subject in subjects:
        own = tuple(dtype for dtype in DTYPES if dtype in subject.capabilities.dtypes)
        usual = fixed or not own or set(own) & set(DEFAULT_DTYPES)
        groups.setdefault(DEFAULT_DTYPES if usual else own, []).append(subject)
    return groups


def _cases(words: Sequence[str], dtypes: Sequence[str], default: Sequence[str], examples: int, seed: int) -> list[Case]:
    """The cases that `words` name and the generated ones, in `dtypes` or else in the default dtypes."""
    chosen: list[Case] = []
    for word in words or catalogue.DEFAULT:
        # A spec is a reproducer and runs as it is. Network layers are large: one dtype is enough to see them once.
        alone = word == "networks" or not (word in catalogue.NAMES or Path(word).is_file())
        chosen += in_dtypes(catalogue.resolve(word), dtypes or (default[:1] if alone else default))
    chosen += in_dtypes(generate(examples, seed), dtypes or default)
    return list(dict.fromkeys(chosen))
