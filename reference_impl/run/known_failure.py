"""KnownFailure: something that a framework gets wrong today, and where it shows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from ..cases.case import Case
from ..operations import OPERATIONS
from ..verdicts.checks import CHECKS
from ..verdicts.invalid_calls import INVALID_CALLS

OUTCOMES = ("fail", "refused", "crashed")
# For entries whose calls fail only sometimes. If one in 30 fails, 400 all pass by chance once in 770,000 runs.
TRIES = 400

Facts = Mapping[str, Any]
"""The attribute `facts` of a backend, such as the dtypes that it gives to oneDNN on this CPU."""


def always(case: Case, facts: Facts) -> bool:
    """Return True for every case: the condition of most entries about invalid calls."""
    return True


@dataclass(frozen=True)
class KnownFailure:
    """One entry of a module of known_failures.

    Parameters
    ----------
    backends : full names, or "framework:*" for all routes of one
    versions : the versions that have it, as in a requirement (">=2.20,<2.22")
    operations : the operations that fail
    when : function of a Case and the backend's facts; every case for which it returns True fails
    outcome : "fail", "refused" or "crashed"
    does : what the backend does, in plain English
    link : the upstream report, or where it was found
    tries : the number of calls that must all pass, in one run, before the entry counts as fixed. 1 if every call fails;
        TRIES if only some do, as where memory is read that nothing was written to
    checks : the checks that fail, if not all do
    invalid : names of calls in invalid_calls.py that are not refused; the entry is then about these, not about cases

    Raises
    ------
    TypeError, ValueError
        If a field is of the wrong type, or names something unknown. The message names the entry.
    """

    backends: tuple[str, ...]
    versions: str
    operations: tuple[str, ...]
    when: Callable[[Case, Facts], bool]
    outcome: str
    does: str
    link: str
    tries: int = 1
    checks: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("backends", "operations", "checks", "invalid"):
            if not isinstance(getattr(self, name), tuple):
                raise TypeError(f"{name} must be a tuple of names, not {getattr(self, name)!r}, in {self}")
        if not callable(self.when):
            raise TypeError(f"when must be a function of a case and the backend's facts, not {self.when!r}, in {self}")
        if not isinstance(self.tries, int) or self.tries < 1:
            raise ValueError(f"tries must be an integer of at least 1, not {self.tries!r}, in {self}")
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}, not {self.outcome!r}, in {self}")
        self._names("operations", OPERATIONS)
        self._names("checks", [check.name for check in CHECKS])
        self._names("invalid", [call.name for call in INVALID_CALLS])
        if not self.backends or not self.operations:
            raise ValueError(f"backends and operations must each name at least one, in {self}")
        try:
            SpecifierSet(self.versions)
        except InvalidSpecifier:
            raise ValueError(f"versions must be like '>=2.20,<2.22', not {self.versions!r}, in {self}") from None

    def __str__(self) -> str:
        return f"the known failure of {self.operations!r} in {self.backends!r}: {self.does!r}"

    def _names(self, field: str, known: Collection[str]) -> None:
        unknown = [name for name in getattr(self, field) if name not in known]
        if unknown:
            raise ValueError(f"{field} must be some of {', '.join(known)}, not {', '.join(unknown)}, in {self}")

    def applies(
        self, backend: str, version: str, facts: Facts, operation: str, case: Case, invalid: str | None = None
    ) -> bool:
        """Return whether this entry expects the call to fail: the one of `case`, or the `invalid` one of that name.

        Raises RuntimeError if `when` raises, or returns neither True nor False.
        """
        return self.concerns(backend, version, operation, invalid) and self._holds(case, facts)

    def concerns(self, backend: str, version: str, operation: str, invalid: str | None = None) -> bool:
        """Return whether this entry expects the call to fail on some case."""
        concerned = invalid in self.invalid if invalid else not self.invalid
        if not concerned or operation not in self.operations or not self._covers(backend):
            return False
        return _in_range(version, self.versions)

    def was_seen_in(self, backend: str) -> bool:
        """True for each backend that is named and, of all routes of a framework, for the plain one."""
        return backend in self.backends or f"{backend}:*" in self.backends

    def _covers(self, backend: str) -> bool:
        return backend in self.backends or f"{backend.partition(':')[0]}:*" in self.backends

    def _holds(self, case: Case, facts: Facts) -> bool:
        try:
            holds = self.when(case, facts)
            if not isinstance(holds, bool):
                raise TypeError(f"it must return True or False, not {holds!r}")
        except Exception as error:
            said = f"`when` raised {type(error).__name__}: {error}, for {case} and the facts {dict(facts)}"
            raise RuntimeError(f"{said}; correct `when` in {self}") from error
        return holds


@cache
def _in_range(version: str, versions: str) -> bool:
    try:
        return Version(version) in SpecifierSet(versions, prereleases=True)
    except InvalidVersion:
        return False
