"""The outcome of one check of one backend on one call, and the record of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from ..cases.case import Case

PASS = "pass"
FAIL = "fail"
REFUSED = "refused"
CRASHED = "crashed"
UNSUPPORTED = "unsupported"
MISTRUSTED = "mistrusted"
ORACLE = "oracle"
SUITE = "suite"
KNOWN = "known"
FIXED = "fixed"

# Only these make a run fail. A known failure is expected; an entry whose failure is gone must leave the list.
UNEXPECTED = (FAIL, REFUSED, CRASHED, ORACLE, SUITE, FIXED)

MEANING = {
    PASS: "agrees with the oracle",
    FAIL: "answers, and wrongly",
    REFUSED: "raises an error on a case that it claims to support",
    CRASHED: "its process dies, hangs or takes too much memory",
    UNSUPPORTED: "declares that it does not offer this",
    MISTRUSTED: "agrees with the oracle, on data that prove little",
    ORACLE: "the definition does not confirm the oracle, so the backend is not accused",
    SUITE: "the suite itself failed, so the backend is not judged: please report this",
    KNOWN: "fails as known_failures/ expects",
    FIXED: "passes although known_failures/ expects a failure: remove the entry, or end its versions",
}


@dataclass(frozen=True, slots=True)  # a run holds half a million
class Record:
    """One check of one backend on one call: one entry of the JSON file."""

    backend: str
    version: str
    operation: str
    case: str
    check: str
    outcome: str
    mode: str = "native"
    ratio: float | None = None
    median_ratio: float | None = None
    diagnosis: str | None = None
    remark: str | None = None
    """An observation on a right answer; the report counts these."""
    message: str | None = None
    answer: str | None = None
    """The digest of a wrong answer to integers, by which two backends are seen to give the same."""
    seed: int = 0
    argument: str | None = None
    """The argument of `--backend` that loads this backend again."""
    invalid_call: str | None = None
    """The name of the invalid call that was made from `case`, if it was one."""
    environment: str | None = None
    """The environment that the backend was asked in, as it stands after the @ of `argument`."""
    implementation: str | None = None
    """The kernels that ran in a call that failed, where the library names them: "convolution jit_1x1:avx2"."""

    @property
    def call(self) -> tuple[str, str, str, str | None]:
        """The call that was judged: backend, operation, case and, if it was invalid, its name."""
        return self.backend, self.operation, self.case, self.invalid_call

    @property
    def spec(self) -> str:
        """The name of the call in a report: the invalid call's, or else the case."""
        return self.invalid_call or self.case

    @property
    def dtype(self) -> str:
        return Case.parse(self.case).dtype

    @property
    def unexpected(self) -> bool:
        return self.outcome in UNEXPECTED

    @property
    def values(self) -> tuple[Any, ...]:
        """The values of the fields, in the order of FIELDS."""
        return _values(self)


FIELDS = tuple(field.name for field in fields(Record))
_values = attrgetter(*FIELDS)
