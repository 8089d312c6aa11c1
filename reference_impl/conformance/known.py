"""Known failures: what a framework gets wrong today. Expected, and strictly so: a fix turns them red."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version
from simpleeval import SimpleEval

from .cases import OPERATIONS, Case

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OUTCOMES = ("fail", "refused", "crashed")


@dataclass(frozen=True)
class KnownFailure:
    """One entry of known_failures.toml.

    Parameters
    ----------
    backends : full names, or "framework:*" for all routes of one
    versions : the versions that have it, as in a requirement (">=2.20,<2.22")
    operations : those that fail
    when : an expression over the fields and properties of a Case, and the `facts` that the backend gives about
        itself; every case that it selects fails
    outcome : "fail", "refused" or "crashed"
    does : what the backend does, in one sentence
    link : the upstream report, or where it was found
    sometimes : not every case that `when` selects fails, as with a read of memory that is not the kernel's own; a
        pass is then no news
    """

    backends: tuple[str, ...]
    versions: str
    operations: tuple[str, ...]
    when: str
    outcome: str
    does: str
    link: str
    sometimes: bool = False

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}, not {self.outcome!r}")
        unknown = set(self.operations) - set(OPERATIONS)
        if unknown or not self.operations:
            raise ValueError(f"operations must be some of {', '.join(OPERATIONS)}, not {list(self.operations)}")

    def applies(self, backend: str, version: str, facts: dict[str, Any], operation: str, case: Case) -> bool:
        if operation not in self.operations or not self._covers(backend):
            return False
        return _in_range(version, self.versions) and bool(_evaluate(self.when, facts, case))

    def _covers(self, backend: str) -> bool:
        return backend in self.backends or f"{backend.partition(':')[0]}:*" in self.backends


@cache
def known_failures() -> tuple[KnownFailure, ...]:
    """All entries of the file that is shipped."""
    return _read(resources.files(__package__).joinpath("known_failures.toml").read_text("utf-8"))


def find(backend: str, version: str, facts: dict[str, Any], operation: str, case: Case) -> KnownFailure | None:
    """The entry that expects `backend` to fail here, if there is one."""
    return next((entry for entry in known_failures() if entry.applies(backend, version, facts, operation, case)), None)


def _read(text: str) -> tuple[KnownFailure, ...]:
    names = {field.name for field in fields(KnownFailure)}
    found = []
    for number, entry in enumerate(tomllib.loads(text).get("failure", []), 1):
        if set(entry) | {"sometimes"} != names:
            raise ValueError(f"known failure {number} must have {sorted(names)}, not {sorted(entry)}")
        lists = {name: tuple(entry[name]) for name in ("backends", "operations")}
        found.append(KnownFailure(**{**entry, **lists, "when": " ".join(entry["when"].split())}))
    return tuple(found)


@cache
def _in_range(version: str, versions: str) -> bool:
    try:
        return Version(version) in SpecifierSet(versions, prereleases=True)
    except InvalidVersion:
        return False


def _evaluate(expression: str, facts: dict[str, Any], case: Case) -> Any:
    def value(node: Any) -> Any:
        return facts[node.id] if node.id in facts else getattr(case, node.id)

    return SimpleEval(names=value).eval(expression)
